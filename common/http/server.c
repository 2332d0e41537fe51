/* Opening, draining and closing; and the watcher, who cuts off clients that are too slow. */
#include "common/http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/http/server_private.h"

#define WATCH_MS 250
#define SPARE_DESCRIPTORS 1024
#define POOL_EXTRA_BYTES (16 * 1024) /* of libmicrohttpd for a connection, beside the header */

/* The default where the setting is 0. */
#define DEFAULT(setting, value) ((setting) = (setting) ? (setting) : (value))

static void set_defaults(struct server_settings *settings)
{
	DEFAULT(settings->io_threads, 2);
	DEFAULT(settings->workers, 16);
	DEFAULT(settings->stream_workers, settings->workers);
	DEFAULT(settings->queued_requests, 1024);
	DEFAULT(settings->connections, 4096);
	DEFAULT(settings->header_bytes, 16 * 1024);
	DEFAULT(settings->body_bytes, 64 * 1024);
	DEFAULT(settings->request_ms, 10 * 1000);
	DEFAULT(settings->idle_ms, 75 * 1000);
	DEFAULT(settings->stall_ms, 30 * 1000);
}

/* ---- the watcher ---- */

static void cut_slow(struct server *server)
{
	int64_t now_ms = clock_monotonic_ms();
	for (struct connection *connection = server->list; connection; connection = connection->next) {
		int64_t deadline_ms = atomic_load_explicit(&connection->deadline_ms, memory_order_relaxed);
		if (!deadline_ms || deadline_ms > now_ms)
			continue;
		atomic_store(&connection->timed_out, true);
		atomic_store(&connection->deadline_ms, 0);
		(void)shutdown(connection->descriptor, SHUT_RDWR); /* libmicrohttpd sees the end and cleans up */
	}
}

void connection_linger(struct connection *connection)
{
	struct server *server = connection->server;
	(void)pthread_mutex_lock(&server->list_mutex);
	int copy = server->lingering_count < MOST_LINGERING ? fcntl(connection->descriptor, F_DUPFD_CLOEXEC, 0) : -1;
	if (copy >= 0) {
		(void)shutdown(copy, SHUT_WR);
		server->lingering[server->lingering_count++] =
			(struct lingering){ .descriptor = copy, .until_ms = clock_monotonic_ms() + LINGER_MS };
	}
	(void)pthread_mutex_unlock(&server->list_mutex);
}

/* Throws away what came. The list's mutex is held. */
static void read_lingering(struct server *server, bool all_end)
{
	char nothing[16384];
	int64_t now_ms = clock_monotonic_ms();
	for (int index = 0; index < server->lingering_count;) {
		struct lingering *one = &server->lingering[index];
		ssize_t length = 1;
		for (int turn = 0; turn < 64 && length > 0; turn++)
			length = recv(one->descriptor, nothing, sizeof nothing, MSG_DONTWAIT);
		bool over = length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR);
		if (!over && !all_end && now_ms < one->until_ms) {
			index++;
			continue;
		}
		(void)close(one->descriptor);
		*one = server->lingering[--server->lingering_count];
	}
}

static void *watch(void *argument)
{
	struct server *server = argument;
	(void)pthread_mutex_lock(&server->list_mutex);
	while (!server->closing) {
		(void)condition_wait_until(&server->list_changed, &server->list_mutex,
					   clock_monotonic_us() + WATCH_MS * 1000);
		cut_slow(server);
		read_lingering(server, false);
	}
	read_lingering(server, true);
	(void)pthread_mutex_unlock(&server->list_mutex);
	return NULL;
}

/* ---- opening ---- */

static void log_library(void *context, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

static void log_library(void *context, const char *format, va_list arguments)
{
	char message[256];
	(void)context;
	(void)vsnprintf(message, sizeof message, format, arguments);
	message[strcspn(message, "\n")] = '\0';
	log_debug("http", log_string("message", message));
}

/* Decoding is ours, so that it happens once and is strict. */
static size_t keep_escapes(void *context, struct MHD_Connection *mhd, char *text)
{
	(void)context;
	(void)mhd;
	return strlen(text);
}

static void raise_descriptors(const struct server_settings *settings)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)settings->connections + SPARE_DESCRIPTORS;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted)
		log_warning("few_descriptors", log_integer("limit", limit.rlim_cur), log_integer("wanted", wanted));
}

/* Signals are blocked meanwhile: its threads inherit that. More connections than are accepted, for it counts some later. */
static bool start_daemon(struct server *server, struct error *error)
{
	const struct server_settings *settings = &server->settings;
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_CONNECTION_LIMIT, settings->connections + SPARE_DESCRIPTORS / 2, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)(settings->header_bytes + POOL_EXTRA_BYTES), NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_INCREMENT, 4096, NULL },
		{ MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
		{ settings->io_threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, settings->io_threads, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
			MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_TURBO,
		0, connection_accept, server, connection_handle, server, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK, connection_target, server,
		MHD_OPTION_NOTIFY_COMPLETED, connection_completed, server, MHD_OPTION_NOTIFY_CONNECTION, connection_notify,
		server, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return server->daemon || error_set(error, ERROR_UNAVAILABLE, "libmicrohttpd does not start: %s", strerror(errno));
}

static bool start_watcher(struct server *server, struct error *error)
{
	server->watching = stop_start_thread(&server->watcher, watch, server) == 0;
	return server->watching || error_set(error, ERROR_UNAVAILABLE, "cannot start a thread");
}

static bool start_all(struct server *server, int tcp, int local, struct error *error)
{
	const struct server_settings *settings = &server->settings;
	bool streams = false;
	for (const struct server_route *route = settings->routes; route->method; route++)
		streams = streams || route->body == SERVER_BODY_STREAMED;
	bool good = proxies_parse(server, error) &&
		    pool_open(&server->quick_pool, server, settings->workers, settings->queued_requests, error) &&
		    (!streams || pool_open(&server->stream_pool, server, settings->stream_workers,
					   settings->queued_requests, error)) &&
		    start_watcher(server, error) && start_daemon(server, error);
	for (int index = 0; index < 2; index++) {
		int descriptor = index == 0 ? tcp : local;
		if (descriptor < 0)
			continue;
		if (good)
			good = acceptor_start(server, descriptor, error);
		else
			(void)close(descriptor);
	}
	return good;
}

struct server *server_open(const struct server_settings *settings, struct error *error)
{
	struct server *server = calloc(1, sizeof *server);
	int tcp = -1, local = -1;
	if (!server) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	server->settings = *settings;
	set_defaults(&server->settings);
	(void)pthread_mutex_init(&server->list_mutex, NULL);
	condition_init(&server->list_changed);
	peers_open(&server->peers);
	server->stop_accepting = eventfd(0, EFD_CLOEXEC);
	server->arena_bytes = 2 * (size_t)(server->settings.header_bytes + POOL_EXTRA_BYTES) + 4096;
	raise_descriptors(&server->settings);
	bool good = (settings->listen || settings->socket) || error_set(error, ERROR_CONFIG, "nothing to listen on");
	if (good && server->stop_accepting < 0)
		good = error_set(error, ERROR_UNAVAILABLE, "eventfd: %s", strerror(errno));
	if (good && settings->listen)
		good = (tcp = listen_tcp(settings->listen, &server->port, error)) >= 0;
	if (good && settings->socket)
		good = (local = listen_unix(settings->socket, error)) >= 0;
	if (!good && tcp >= 0)
		(void)close(tcp);
	if (good && start_all(server, tcp, local, error))
		return server;
	(void)server_close(server, 0);
	return NULL;
}

int server_port(const struct server *server)
{
	return server->port;
}

int server_running(const struct server *server)
{
	return atomic_load(&server->running);
}

int server_connections(const struct server *server)
{
	return atomic_load(&server->connections);
}

/* ---- closing ---- */

void server_drain(struct server *server)
{
	atomic_store(&server->draining, true);
}

bool server_draining(const struct server *server)
{
	return atomic_load(&server->draining);
}

static void stop_streams(struct server *server)
{
	(void)pthread_mutex_lock(&server->list_mutex);
	for (struct connection *connection = server->list; connection; connection = connection->next) {
		(void)pthread_mutex_lock(&connection->mutex);
		struct server_stream *stream = connection->stream;
		if (stream)
			stream_retain(stream);
		(void)pthread_mutex_unlock(&connection->mutex);
		if (!stream)
			continue;
		stream_stop(stream);
		stream_release(stream);
	}
	(void)pthread_mutex_unlock(&server->list_mutex);
}

static void free_server(struct server *server)
{
	(void)pthread_mutex_destroy(&server->list_mutex);
	(void)pthread_cond_destroy(&server->list_changed);
	if (server->stop_accepting >= 0)
		(void)close(server->stop_accepting);
	free(server->proxies);
	free(server);
}

bool server_close(struct server *server, int64_t limit_ms)
{
	int64_t until_ms = clock_monotonic_ms() + limit_ms;
	if (!server)
		return true;
	server_drain(server);
	if (server->settings.socket && server->acceptor_count)
		(void)unlink(server->settings.socket);
	acceptors_stop(server);
	do {
		stop_streams(server); /* also those that a handler began just now */
		if (server_running(server) > 0)
			clock_sleep_ms(10);
	} while (server_running(server) > 0 && clock_monotonic_ms() < until_ms);
	if (server_running(server) > 0)
		return false;
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	pool_close(&server->quick_pool);
	pool_close(&server->stream_pool);
	if (server->watching) {
		(void)pthread_mutex_lock(&server->list_mutex);
		server->closing = true;
		(void)pthread_cond_signal(&server->list_changed);
		(void)pthread_mutex_unlock(&server->list_mutex);
		(void)pthread_join(server->watcher, NULL);
	}
	free_server(server);
	return true;
}
