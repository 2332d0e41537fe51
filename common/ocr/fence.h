/*
 * What a process takes from itself before it touches a stranger's bytes: secrets, descriptors, files, memory, processes,
 * processor time, system calls. Each call is for the whole process, cannot be undone, and is meant for a program of one
 * thread.
 *
 * There are two fences. The outer one stands around a process from its start; files are fenced by Landlock where the
 * kernel has it (5.13 or later). The inner one is for a process that was forked for one document: it can start nothing
 * more, and can make only those system calls that decoders need (seccomp), none of which reaches a network.
 */
#ifndef FILOT_FENCE_H
#define FILOT_FENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

/*
 * Makes sure that the environment holds nothing but OMP_THREAD_LIMIT=1, LD_BIND_NOW=1 (what the linker left for later,
 * each forked process would do again) and those variables of `kept` (NULL-terminated) that were set; executes the program
 * anew with that environment unless it is so already, because OpenMP and the linker read it before main and because the
 * old one would stay readable in memory. Returns true in the clean process only.
 */
bool fence_environment(const char *const *kept, char *const *argv, struct error *error);

struct fence {
	int64_t memory_bytes; /* of address space; 0: no limit */
	int64_t descriptors; /* open at once */
	/* files and folders, NULL-terminated; those that are not there are left out; NULL: all files, no Landlock */
	const char *const *readable;
};

/*
 * Keeps descriptors 0 and 2; 1 becomes /dev/null, and 2 as well when `quiet` (image libraries print there what they
 * dislike). Call it before any library opens a file: one that writes into a descriptor closed behind its back writes
 * into whatever has that number then, such as a document.
 */
bool fence_descriptors(bool quiet, struct error *error);

/*
 * The outer fence. From here on: no new privileges, death with the thread that started this process, no core, no file
 * written or opened but the readable ones. *landlock tells whether the kernel fences files; it may be NULL.
 * ERROR_INTERNAL when a limit is refused.
 */
bool fence_raise(const struct fence *fence, bool *landlock, struct error *error);

/*
 * A filter of system calls: what is not on its list ends the process by SIGSYS, and is `named` in the log before. Making it
 * takes longer than decoding a small page, so it is made once, for all processes that are forked after.
 */
struct fence_calls *fence_calls_new(bool named, struct error *error);
void fence_calls_free(struct fence_calls *calls); /* NULL is fine */

/* The filter alone, for the process that calls this, once. */
bool fence_calls_begin(struct fence_calls *calls, struct error *error);

/* The inner fence, when a process is forked: death with the thread that forked it, and no other processes (a limit). */
bool fence_child(struct error *error);

struct document_fence {
	int64_t time_ms; /* of processor, rounded up to seconds; then SIGXCPU, and SIGKILL a second later; 0: no limit */
	struct fence_calls *calls; /* NULL: all are allowed */
};

/*
 * The rest of it, when its document comes: no threads and no other processes, also for root, for whom the kernel does not
 * enforce that limit (by the filter). ERROR_INTERNAL when the kernel refuses.
 */
bool fence_document(const struct document_fence *fence, struct error *error);

#endif
