/*
 * Frames are passed on in pieces, without being looked into but for their lengths and types; memory for a whole one is
 * never taken here.
 */
#include "cmd/filot-reader/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"

#define END_TIMEOUT_MS 1000 /* between closing its socket and being gone; below that of reader_process.c */

bool child_fork(struct child *child, int parent_socket, struct error *error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return error_set(error, ERROR_UNAVAILABLE, "no socket for a document: %s", strerror(errno));
	*child = (struct child){ .id = fork(), .socket = pair[0] };
	if (child->id == 0) {
		child->socket = parent_socket;
		/* Among the others is the parent's socket to the document that is being read. */
		if (dup2(pair[1], parent_socket) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
			_exit(EX_OSERR);
		return true;
	}
	(void)close(pair[1]);
	if (child->id > 0)
		return true;
	error_set(error, ERROR_UNAVAILABLE, "no process for a document: %s", strerror(errno));
	(void)close(pair[0]);
	*child = (struct child){ 0 };
	return false;
}

bool child_begin(struct child *child, enum frame_type type, const struct buffer *request, int descriptor,
		 int64_t time_ms, struct error *error)
{
	char begun;
	ssize_t received;
	child->time_ms = time_ms;
	if (!frame_send(child->socket, type, request->data, request->length, descriptor, error))
		return false;
	do
		received = recv(child->socket, &begun, sizeof begun, 0);
	while (received < 0 && errno == EINTR);
	return received == sizeof begun ||
	       error_set(error, ERROR_UNAVAILABLE, "the process that waited for a document has died");
}

bool child_begun(int socket)
{
	return send(socket, "", 1, MSG_NOSIGNAL) == 1;
}

/* Collects a child that ends now; status and usage may be NULL. */
static void await(pid_t id, int *status, struct rusage *usage)
{
	while (wait4(id, status, 0, usage) < 0 && errno == EINTR)
		continue;
}

/* Collects the child, which may have a moment to end by itself. False when it had to be killed. */
static bool collect(pid_t id, int64_t deadline_ms, int *status, struct rusage *usage)
{
	bool ended;
	do {
		pid_t collected = wait4(id, status, WNOHANG, usage);
		ended = collected == id || (collected < 0 && errno != EINTR);
		if (!ended)
			clock_sleep_ms(1);
	} while (!ended && clock_monotonic_ms() < deadline_ms);
	if (ended)
		return true;
	(void)kill(id, SIGKILL);
	await(id, status, usage);
	return false;
}

static int64_t used_ms(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * INT64_C(1000) +
	       (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
}

/* Ends this process as the child ended. A child that ignores SIGXCPU is killed by the kernel a second later. */
static _Noreturn void end_alike(const struct child *child)
{
	int status = 0;
	struct rusage usage = { 0 };
	if (!collect(child->id, clock_monotonic_ms() + END_TIMEOUT_MS, &status, &usage))
		_exit(EX_PROTOCOL);
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status) ? WEXITSTATUS(status) : EX_PROTOCOL);
	int number = WTERMSIG(status);
	if (number == SIGKILL && child->time_ms > 0 && used_ms(&usage) >= child->time_ms)
		number = SIGXCPU;
	(void)signal(number, SIG_DFL);
	(void)raise(number);
	_exit(EX_SOFTWARE);
}

void child_end(struct child *child)
{
	if (child->id <= 0)
		return;
	(void)kill(child->id, SIGKILL);
	await(child->id, NULL, NULL);
	(void)close(child->socket);
	*child = (struct child){ 0 };
}

bool child_relay(struct child *child, int socket, struct error *error)
{
	enum frame_type type = FRAME_COUNT;
	struct error reason = { 0 };
	while (type != FRAME_DONE && type != FRAME_ERROR)
		switch (frame_relay(child->socket, socket, &type, &reason)) {
		case FRAME_RELAYED:
			break;
		case FRAME_SENDER_ENDED:
			end_alike(child);
		case FRAME_RECEIVER_ENDED:
			child_end(child);
			*error = reason;
			return false;
		}
	/* Its answer is given: whatever it still does is of no use. */
	child_end(child);
	return true;
}
