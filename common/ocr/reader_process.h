/* A reader child as a process: found, started with as little as it needs, ended, and its death explained. For reader.c. */
#ifndef FILOT_READER_PROCESS_H
#define FILOT_READER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"

struct reader_process {
	pid_t id; /* 0: none */
	int socket; /* ours; -1: none */
};

/*
 * The program's path, which the caller frees: `given`, else the environment's FILOT_READER, else beside the running
 * program. ERROR_CONFIG when it is not there or cannot be executed.
 */
char *reader_program_find(const char *given, struct error *error);

/*
 * Starts it by posix_spawn (safe beside threads and a CUDA context) with the socket as its standard input, its other
 * outputs in /dev/null unless FILOT_LOG_LEVEL is debug (then on our stderr), no other descriptor, default signals, a
 * process group of its own (a terminal's Ctrl-C is for the worker, which drains), and an environment of PATH, LANG,
 * OMP_THREAD_LIMIT (1 unless set: workers run readers side by side), LD_BIND_NOW, TESSDATA_PREFIX, FONTCONFIG_* and the
 * sanitizers' options.
 */
bool reader_process_start(struct reader_process *process, const char *program, const char *tessdata,
			  int64_t memory_bytes, bool no_sandbox, struct error *error);

/* SIGKILL to it and its documents' processes, and its zombie is gone when this returns. Fine when there is none. */
void reader_process_kill(struct reader_process *process);

/*
 * After the socket ended: collects the child and says why it died. Returns false.
 *   READER_EXIT_OUT_OF_MEMORY                        ERROR_OUT_OF_MEMORY
 *   SIGKILL, which was not ours                      ERROR_OUT_OF_MEMORY: the kernel's or the container's OOM killer
 *   SIGABRT, SIGSEGV or SIGBUS after at least half of memory_bytes was resident
 *                                                    ERROR_OUT_OF_MEMORY: an allocation that failed and was not checked
 *   SIGXCPU                                          ERROR_TIMEOUT
 *   SIGSYS: a system call that it may not make       ERROR_INTERNAL, and how to learn which
 *   anything else                                    ERROR_INTERNAL, with the signal or status
 */
bool reader_process_died(struct reader_process *process, int64_t memory_bytes, struct error *error);

#endif
