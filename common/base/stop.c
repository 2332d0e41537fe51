/* Counting stop signals. */
#include "common/base/stop.h"

#include <string.h>

atomic_int stop_requests; /* lock-free, so a signal handler may count in it (C17, 7.14.1.1) */

static void count_request(int signal_number)
{
	(void)signal_number;
	(void)atomic_fetch_add(&stop_requests, 1);
}

void stop_install(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = count_request;
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
}

int stop_start_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
	sigset_t blocked;
	sigset_t before;
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	/* a new thread inherits the mask */
	(void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
	int failure = pthread_create(thread, NULL, run, argument);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failure;
}
