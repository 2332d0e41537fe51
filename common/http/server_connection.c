/*
 * A connection's and a request's life, in libmicrohttpd's callbacks. Its access handler is called once when the headers are
 * there, again for pieces of the body, and a last time (no bytes) at the body's end, also when there is none; what a call
 * means depends on what was decided before, so each phase has its function. An answer can be queued at the first call
 * (libmicrohttpd then reads no body and closes the connection) or at the last one.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/problem.h"
#include "common/http/server_private.h"

#define CLIENT_GONE 499

void connection_set_deadline(struct connection *connection, int64_t ms)
{
	atomic_store_explicit(&connection->deadline_ms, ms ? clock_monotonic_ms() + ms : 0, memory_order_relaxed);
}

void connection_wake(struct connection *connection)
{
	if (!connection->suspended || connection->gone)
		return;
	connection->suspended = false;
	MHD_resume_connection(connection->mhd);
}

static void suspend(struct connection *connection)
{
	connection_set_deadline(connection, 0); /* it waits for us, not for the client */
	connection->suspended = true;
	MHD_suspend_connection(connection->mhd);
}

void connection_release(struct connection *connection)
{
	struct server_request *request = &connection->request;
	if (atomic_fetch_sub(&connection->references, 1) > 1)
		return;
	buffer_free(&request->body);
	buffer_free(&request->answer_headers);
	free(request->arena);
	free(request->ring);
	(void)pthread_mutex_destroy(&connection->mutex);
	(void)pthread_cond_destroy(&connection->changed);
	free(connection);
}

/* ---- connections ---- */

static bool is_internet(const struct sockaddr *address)
{
	return address->sa_family == AF_INET || address->sa_family == AF_INET6;
}

enum MHD_Result connection_accept(void *context, const struct sockaddr *address, socklen_t length)
{
	struct server *server = context;
	int most = server->settings.connections_per_address;
	uint8_t bytes[16];
	(void)length;
	if (!most || !is_internet(address))
		return MHD_YES;
	address_bytes(address, bytes);
	if (address_trusted(server, bytes))
		return MHD_YES;
	(void)pthread_mutex_lock(&server->list_mutex);
	bool room = peers_count(&server->peers, bytes) < most;
	(void)pthread_mutex_unlock(&server->list_mutex);
	return room ? MHD_YES : MHD_NO;
}

/* Enters the list, and the count of its address. The list's mutex is held. */
static void enlist(struct server *server, struct connection *connection)
{
	uint8_t bytes[16];
	connection->next = server->list;
	if (server->list)
		server->list->previous = connection;
	server->list = connection;
	address_bytes((const struct sockaddr *)&connection->peer, bytes);
	if (!connection->trusted)
		peers_enter(&server->peers, bytes);
}

static void unlist(struct server *server, struct connection *connection)
{
	uint8_t bytes[16];
	if (connection->next)
		connection->next->previous = connection->previous;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->list = connection->next;
	address_bytes((const struct sockaddr *)&connection->peer, bytes);
	if (!connection->trusted)
		peers_leave(&server->peers, bytes);
}

static struct connection *connection_new(struct server *server, struct MHD_Connection *mhd)
{
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection)
		return NULL;
	connection->server = server;
	connection->mhd = mhd;
	/* From 1.0 on all of a connection's answers share one place: each is used before the next is asked for. */
	const union MHD_ConnectionInfo *descriptor = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	connection->descriptor = descriptor ? descriptor->connect_fd : -1;
	const union MHD_ConnectionInfo *peer = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	atomic_init(&connection->references, 1);
	(void)pthread_mutex_init(&connection->mutex, NULL);
	(void)pthread_cond_init(&connection->changed, NULL);
	connection->request.connection = connection;
	connection->trusted = true; /* who reaches our UNIX socket speaks for others */
	if (peer && peer->client_addr && is_internet(peer->client_addr)) {
		uint8_t bytes[16];
		memcpy(&connection->peer, peer->client_addr,
		       peer->client_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		address_bytes(peer->client_addr, bytes);
		connection->trusted = address_trusted(server, bytes);
	}
	connection_set_deadline(connection, server->settings.request_ms);
	return connection;
}

void connection_notify(void *context, struct MHD_Connection *mhd, void **socket_context,
		       enum MHD_ConnectionNotificationCode code)
{
	struct server *server = context;
	struct connection *connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = connection = connection_new(server, mhd);
		if (!connection)
			return;
		(void)pthread_mutex_lock(&server->list_mutex);
		enlist(server, connection);
		(void)pthread_mutex_unlock(&server->list_mutex);
		atomic_fetch_add(&server->connections, 1);
		return;
	}
	connection = *socket_context;
	if (!connection)
		return;
	/* Under the lock, so that whoever shuts slow ones down has no descriptor that is another's by now. */
	(void)pthread_mutex_lock(&server->list_mutex);
	unlist(server, connection);
	(void)pthread_mutex_unlock(&server->list_mutex);
	atomic_fetch_sub(&server->connections, 1);
	connection_release(connection);
}

/* ---- a request's begin and end ---- */

static void reset(struct server_request *request)
{
	request->route = NULL;
	request->method = "other";
	*request->id = *request->note = *request->address = '\0';
	request->begun = request->bad_framing = request->expects = request->streams = request->early = false;
	request->arena_used = 0;
	request->target = NULL;
	request->path = request->media_type = "";
	request->header_count = request->query_count = request->parameter_count = 0;
	request->content_length = request->received_bytes = request->limit_bytes = request->window_bytes = 0;
	request->ring_start = request->ring_length = 0;
	request->wants_body = request->body_open = request->body_ended = request->too_large = false;
	request->status = 0;
	request->answer_bytes = 0;
	request->answered = false;
	buffer_clear(&request->answer_headers);
	buffer_clear(&request->body);
}

void *connection_target(void *context, const char *uri, struct MHD_Connection *mhd)
{
	(void)context;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *connection = info ? info->socket_context : NULL;
	if (!connection)
		return NULL;
	struct server_request *request = &connection->request;
	reset(request);
	request->phase = PHASE_TARGET;
	request->target = request_copy(request, uri, strlen(uri));
	return request;
}

static void log_access(const struct server_request *request, const struct server_event *event)
{
	enum log_level level = request->route && request->route->quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
	if (event->status >= 500 && event->status != 503)
		level = LOG_LEVEL_WARNING;
	log_event(level, "request", log_string("request", request->id), log_string("method", event->method),
		  log_string("path", request->path), log_string("route", *event->route ? event->route : NULL),
		  log_integer("status", event->status),
		  log_number("ms", (double)event->duration_us / 1000), log_integer("bytes_in", request->received_bytes),
		  log_integer("bytes_out", request->answer_bytes),
		  log_string("address", *request->address ? request->address : NULL),
		  log_string("user", *request->note ? request->note : NULL));
}

static void request_end(struct server_request *request, bool gone)
{
	struct server *server = request->connection->server;
	const struct server_event event = { .route = request->route ? request->route->pattern : "",
					    .method = request->method,
					    .status = gone ? CLIENT_GONE : request->status,
					    .duration_us = clock_monotonic_us() - request->start_us };
	if (request->response)
		MHD_destroy_response(request->response);
	request->response = NULL;
	if (!request->begun)
		return;
	request->begun = false;
	if (request->body.capacity > RING_BYTES)
		buffer_free(&request->body);
	log_access(request, &event);
	if (server->settings.observe)
		server->settings.observe(server->settings.shared, &event);
	atomic_fetch_sub(&server->running, 1);
}

void connection_completed(void *context, struct MHD_Connection *mhd, void **request_context,
			  enum MHD_RequestTerminationCode code)
{
	struct server_request *request = *request_context;
	(void)context;
	(void)mhd;
	if (!request)
		return;
	struct connection *connection = request->connection;
	(void)pthread_mutex_lock(&connection->mutex);
	bool handled = request->phase == PHASE_HANDLER && !request->answered;
	struct server_stream *stream = connection->stream;
	connection->stream = NULL;
	if (handled) {
		connection->gone = true;
		(void)pthread_cond_broadcast(&connection->changed);
	}
	(void)pthread_mutex_unlock(&connection->mutex);
	if (stream)
		stream_gone(stream);
	if (handled)
		return; /* the worker ends it */
	if (request->early)
		connection_linger(connection);
	request_end(request, code != MHD_REQUEST_TERMINATED_COMPLETED_OK && !request->streams);
	request->phase = PHASE_IDLE;
	connection_set_deadline(connection, connection->server->settings.idle_ms);
	*request_context = NULL;
}

void connection_work(struct connection *connection, void *context)
{
	struct server_request *request = &connection->request;
	request->route->handler(request, context);
	(void)pthread_mutex_lock(&connection->mutex);
	bool gone = connection->gone;
	if (!gone) {
		request->answered = true;
		connection_wake(connection);
	}
	(void)pthread_mutex_unlock(&connection->mutex);
	if (gone)
		request_end(request, true);
	connection_release(connection);
}

/* ---- the phases ---- */

/* The client must go on by 1 KiB per second; looked at once in stall_ms. */
static void progress(struct server_request *request, size_t bytes)
{
	struct connection *connection = request->connection;
	int64_t stall_ms = connection->server->settings.stall_ms;
	request->received_bytes += (int64_t)bytes;
	request->window_bytes += (int64_t)bytes;
	if (atomic_load_explicit(&connection->deadline_ms, memory_order_relaxed) && request->window_bytes < stall_ms)
		return;
	request->window_bytes = 0;
	connection_set_deadline(connection, stall_ms);
}

static enum MHD_Result queue(struct server_request *request)
{
	request_queue_answer(request);
	return MHD_YES;
}

/* A body that nobody wants, so that the answer arrives and the connection stays. */
static enum MHD_Result discard(struct server_request *request, size_t *upload_bytes)
{
	if (!*upload_bytes)
		return queue(request);
	progress(request, *upload_bytes);
	*upload_bytes = 0;
	return request->received_bytes - request->limit_bytes > DISCARD_BYTES ? MHD_NO : MHD_YES;
}

/* At the first call: answers now, and the connection ends, when the body is not worth reading. */
static enum MHD_Result answer_early(struct server_request *request)
{
	if (request->bad_framing || request->expects || request->content_length > DISCARD_BYTES) {
		request->early = true;
		return queue(request);
	}
	request->phase = PHASE_DISCARD;
	connection_set_deadline(request->connection, request->connection->server->settings.stall_ms);
	return MHD_YES;
}

/* Gives the request to a worker. False: none is free for it in time, and 503 is the answer. */
static bool dispatch(struct server_request *request)
{
	struct connection *connection = request->connection;
	struct server *server = connection->server;
	bool streamed = request->route->body == SERVER_BODY_STREAMED;
	(void)pthread_mutex_lock(&connection->mutex);
	request->phase = PHASE_HANDLER;
	atomic_fetch_add(&connection->references, 1);
	bool taken = pool_push(streamed ? &server->stream_pool : &server->quick_pool, connection);
	if (taken)
		suspend(connection); /* a worker who is done already waits for the mutex */
	(void)pthread_mutex_unlock(&connection->mutex);
	if (taken)
		return true;
	atomic_fetch_sub(&connection->references, 1);
	server_answer_header(request, "Retry-After", "1");
	problem_answer(request, 503, "busy", "too many requests are waiting; try again");
	return false;
}

/* All of the body is here, or there is none. */
static enum MHD_Result handle_now(struct server_request *request)
{
	request->body_open = request->body_ended = true;
	if (request->route->quick) {
		request->route->handler(request, request->connection->server->settings.shared);
		return queue(request);
	}
	return dispatch(request) ? MHD_YES : queue(request);
}

static enum MHD_Result begin(struct server_request *request, struct MHD_Connection *mhd, const char *method,
			     const char *version)
{
	struct server *server = request->connection->server;
	request->start_us = clock_monotonic_us();
	request->begun = true;
	atomic_fetch_add(&server->running, 1);
	if (!request_parse(request, mhd, method, version))
		return answer_early(request);
	if (request->content_length != 0 && request->route->body == SERVER_BODY_STREAMED) {
		if (!request->ring && !(request->ring = malloc(RING_BYTES)))
			return MHD_NO;
		return dispatch(request) ? MHD_YES : answer_early(request);
	}
	request->phase = PHASE_BODY;
	connection_set_deadline(request->connection, server->settings.stall_ms);
	return MHD_YES;
}

/*
 * libmicrohttpd takes a chunked body whose client closed the connection in its middle for a whole one. A client that
 * closed its side when the body ends is one that broke off: nobody sends a chunked body and then half-closes.
 */
static bool broke_off(const struct server_request *request)
{
	char byte;
	return request->content_length < 0 &&
	       recv(request->connection->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static enum MHD_Result gather(struct server_request *request, const char *upload, size_t *upload_bytes)
{
	if (!*upload_bytes)
		return broke_off(request) ? MHD_NO : handle_now(request);
	if (request->received_bytes + (int64_t)*upload_bytes > request->limit_bytes) {
		problem_answer(request, 413, "too_large", NULL);
		request->phase = PHASE_DISCARD;
		return discard(request, upload_bytes);
	}
	buffer_append(&request->body, upload, *upload_bytes);
	progress(request, *upload_bytes);
	*upload_bytes = 0;
	return request->body.failed ? MHD_NO : MHD_YES;
}

/* Puts what fits into the ring; the rest comes again when a worker made room. The mutex is held. */
static void feed(struct server_request *request, const char *upload, size_t *upload_bytes)
{
	struct connection *connection = request->connection;
	size_t taken = 0;
	if (request->received_bytes + (int64_t)*upload_bytes > request->limit_bytes) {
		request->too_large = true;
		taken = *upload_bytes;
	}
	while (taken < *upload_bytes && request->ring_length < RING_BYTES) {
		size_t end = (request->ring_start + request->ring_length) % RING_BYTES;
		size_t room = RING_BYTES - request->ring_length;
		size_t piece = RING_BYTES - end < room ? RING_BYTES - end : room;
		piece = piece < *upload_bytes - taken ? piece : *upload_bytes - taken;
		memcpy(request->ring + end, upload + taken, piece);
		request->ring_length += piece;
		taken += piece;
	}
	progress(request, taken);
	*upload_bytes -= taken;
	if (*upload_bytes)
		suspend(connection);
	(void)pthread_cond_signal(&connection->changed);
}

/* A worker has the request: its answer may be there, or it wants more of the body. */
static enum MHD_Result follow(struct server_request *request, const char *upload, size_t *upload_bytes)
{
	struct connection *connection = request->connection;
	enum MHD_Result result = MHD_YES;
	(void)pthread_mutex_lock(&connection->mutex);
	bool answered = request->answered;
	bool ended = request->body_ended, open = request->body_open;
	if (answered) {
		/* below, without the mutex */
	} else if (request->wants_body && !open) {
		request->body_open = true;
		connection_set_deadline(connection, connection->server->settings.stall_ms);
	} else if (open && !ended && *upload_bytes) {
		feed(request, upload, upload_bytes);
		result = request->received_bytes - request->limit_bytes > DISCARD_BYTES ? MHD_NO : MHD_YES;
	} else if (open && !ended && broke_off(request)) {
		result = MHD_NO;
	} else {
		request->body_ended = request->body_ended || open;
		(void)pthread_cond_signal(&connection->changed);
		suspend(connection);
	}
	(void)pthread_mutex_unlock(&connection->mutex);
	if (!answered)
		return result;
	if (ended)
		return queue(request);
	if (!open)
		return answer_early(request);
	request->phase = PHASE_DISCARD;
	return discard(request, upload_bytes);
}

enum MHD_Result connection_handle(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_bytes, void **request_context)
{
	struct server_request *request = *request_context;
	(void)context;
	(void)url;
	if (!request)
		return MHD_NO;
	switch (atomic_load(&request->phase)) {
	case PHASE_TARGET:
		return begin(request, mhd, method, version);
	case PHASE_BODY:
		return gather(request, upload, upload_bytes);
	case PHASE_HANDLER:
		return follow(request, upload, upload_bytes);
	case PHASE_DISCARD:
		return discard(request, upload_bytes);
	case PHASE_IDLE:
	case PHASE_ANSWER:
		break;
	}
	return MHD_NO;
}
