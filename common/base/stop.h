/*
 * SIGTERM and SIGINT as a count: the first asks a command to drain, the second to stop at once. A signal handler can
 * reach nothing but a global, so this count is the one piece of global state beside the log.
 */
#ifndef FILOT_STOP_H
#define FILOT_STOP_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* How many such signals have come; non-zero means: take no more work. */
extern atomic_int stop_requests;

/* Installs the handlers (without SA_RESTART, so that waits end with EINTR) and ignores SIGPIPE. Once, in main. */
void stop_install(void);

/* Starts a thread that never gets these signals, so that they interrupt the waits of the main thread. Like pthread_create. */
int stop_start_thread(pthread_t *thread, void *(*run)(void *), void *argument);

#endif
