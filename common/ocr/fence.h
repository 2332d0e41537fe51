/*
 * What a process takes from itself before it touches a stranger's bytes: secrets, descriptors, files, memory, processes.
 * Each call is for the whole process, cannot be undone, and is meant for a program of one thread at its start.
 *
 * Files are fenced by Landlock where the kernel has it (5.13 or later), TCP sockets by it from 6.7 on. A filter of system
 * calls (seccomp) belongs at the end of fence_raise.
 */
#ifndef FILOT_FENCE_H
#define FILOT_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

/*
 * Makes sure that the environment holds nothing but OMP_THREAD_LIMIT=1 and those variables of `kept` (NULL-terminated)
 * that were set; executes the program anew with that environment unless it is so already, because OpenMP reads it before
 * main and because the old one would stay readable in memory. Returns true in the clean process only.
 */
bool fence_environment(const char *const *kept, char *const *argv, struct error *error);

struct fence {
	int64_t memory_bytes; /* of address space; 0: no limit */
	int64_t descriptors; /* open at once */
	const char *const *readable; /* files and folders, NULL-terminated; those that are not there are left out */
};

/*
 * Keeps descriptors 0 and 2; 1 becomes /dev/null, and 2 as well when `quiet` (image libraries print there what they
 * dislike). Call it before any library opens a file: one that writes into a descriptor closed behind its back writes
 * into whatever has that number then, such as a document.
 */
bool fence_descriptors(bool quiet, struct error *error);

/*
 * From here on: no new privileges, death with the thread that started this
 * process, no core, no other processes (not enforced by the kernel for root), no file written or opened but the
 * readable ones. *landlock tells whether the kernel fences files; it may be NULL. ERROR_INTERNAL when a limit is refused.
 */
bool fence_raise(const struct fence *fence, bool *landlock, struct error *error);

#endif
