/*
 * Accepting connections, a thread a listening socket. libmicrohttpd can listen itself, but not stop doing so safely:
 * MHD_quiesce_daemon and a thread of its pool may both take the socket out of epoll, and the second one to do it aborts
 * the process (daemon.c, up to 1.0.1 at least). So the socket is ours, and its end is a thread's.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/stop.h"
#include "common/http/server_private.h"

#define AGAIN_MS 10 /* when there is no room for a connection, or no descriptor */

/* Until a client may be there, or a pause is over; false when the server takes no more. */
static bool wait_client(const struct acceptor *acceptor, bool pause)
{
	struct pollfd descriptors[] = { { .fd = acceptor->server->stop_accepting, .events = POLLIN },
					{ .fd = acceptor->descriptor, .events = POLLIN } };
	(void)poll(descriptors, pause ? 1 : 2, pause ? AGAIN_MS : -1);
	return descriptors[0].revents == 0;
}

/* False when it should not be tried again at once. */
static bool accept_one(const struct acceptor *acceptor)
{
	struct sockaddr_storage address = { 0 };
	socklen_t length = sizeof address;
	int client = accept4(acceptor->descriptor, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client < 0)
		return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
	/* It closes what it does not take. */
	(void)MHD_add_connection(acceptor->server->daemon, client, (struct sockaddr *)&address, length);
	return true;
}

static void *run_acceptor(void *argument)
{
	const struct acceptor *acceptor = argument;
	const struct server *server = acceptor->server;
	bool pause = false;
	while (wait_client(acceptor, pause)) {
		pause = server_connections(server) >= server->settings.connections;
		if (!pause)
			pause = !accept_one(acceptor);
	}
	return NULL;
}

bool acceptor_start(struct server *server, int descriptor, struct error *error)
{
	struct acceptor *acceptor = &server->acceptors[server->acceptor_count];
	*acceptor = (struct acceptor){ .server = server, .descriptor = descriptor };
	int failure = stop_start_thread(&acceptor->thread, run_acceptor, acceptor);
	if (failure) {
		(void)close(descriptor);
		return error_set(error, ERROR_UNAVAILABLE, "cannot start a thread: %s", strerror(failure));
	}
	server->acceptor_count++;
	return true;
}

void acceptors_stop(struct server *server)
{
	if (server->acceptor_count)
		(void)eventfd_write(server->stop_accepting, 1);
	for (int index = 0; index < server->acceptor_count; index++) {
		(void)pthread_join(server->acceptors[index].thread, NULL);
		(void)close(server->acceptors[index].descriptor);
	}
	server->acceptor_count = 0;
}
