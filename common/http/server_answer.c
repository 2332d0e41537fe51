/*
 * Answers. Handlers make libmicrohttpd's response in their own thread; the I/O thread only queues it. Streams are buffers
 * that any thread fills and the I/O thread empties; an empty one suspends its connection.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/http/problem.h"
#include "common/http/server_private.h"

#define STREAM_WAITING_BYTES (256 * 1024)
#define STREAM_BLOCK_BYTES 4096

void server_answer_header(struct server_request *request, const char *name, const char *value)
{
	for (const char *at = value; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return;
	buffer_append(&request->answer_headers, name, strlen(name) + 1);
	buffer_append(&request->answer_headers, value, strlen(value) + 1);
}

static bool has_header(const struct buffer *headers, const char *name)
{
	for (size_t at = 0; at < headers->length;) {
		const char *present = headers->data + at;
		if (strcasecmp(present, name) == 0)
			return true;
		at += strlen(present) + 1;
		at += strlen(headers->data + at) + 1;
	}
	return false;
}

/* What keeps a browser from doing anything with an answer but showing it to who asked. */
static void add_security(struct MHD_Response *response, const struct buffer *given)
{
	static const struct pair defaults[] = {
		{ "Cache-Control", "no-store" },
		{ "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};
	for (size_t index = 0; index < sizeof defaults / sizeof *defaults; index++)
		if (!has_header(given, defaults[index].name))
			(void)MHD_add_response_header(response, defaults[index].name, defaults[index].value);
}

static void add_own(struct MHD_Response *response, const char *const *headers)
{
	for (; headers && *headers; headers++) {
		char name[64];
		const char *colon = strchr(*headers, ':');
		size_t length = colon ? (size_t)(colon - *headers) : sizeof name;
		if (length >= sizeof name)
			continue;
		memcpy(name, *headers, length);
		name[length] = '\0';
		(void)MHD_add_response_header(response, name, colon + 1 + strspn(colon + 1, " "));
	}
}

static void finish(struct server_request *request, int status, const char *media_type, struct MHD_Response *response,
		   int64_t bytes)
{
	const struct buffer *given = &request->answer_headers;
	if (!response)
		return; /* out of memory: request_queue_answer closes the connection */
	if (request->response)
		MHD_destroy_response(request->response); /* a handler that answers twice: the last one counts */
	if (media_type)
		(void)MHD_add_response_header(response, "Content-Type", media_type);
	(void)MHD_add_response_header(response, "X-Request-Id", request->id);
	add_security(response, given);
	add_own(response, request->connection->server->settings.headers);
	for (size_t at = 0; at < given->length;) {
		const char *name = given->data + at;
		const char *value = name + strlen(name) + 1;
		(void)MHD_add_response_header(response, name, value);
		at = (size_t)(value - given->data) + strlen(value) + 1;
	}
	buffer_clear(&request->answer_headers);
	request->response = response;
	request->status = status;
	request->answer_bytes = bytes;
}

void server_answer(struct server_request *request, int status, const char *media_type, struct buffer *body)
{
	size_t length = body->length;
	if (body->failed) {
		buffer_free(body);
		buffer_clear(&request->answer_headers);
		server_answer_static(request, 500, NULL, "", 0);
		return;
	}
	char *bytes = length ? buffer_take(body) : NULL;
	buffer_free(body);
	struct MHD_Response *response =
		bytes ? MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE) :
			MHD_create_response_from_buffer(0, (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
	if (!response)
		free(bytes);
	finish(request, status, media_type, response, (int64_t)length);
}

void server_answer_static(struct server_request *request, int status, const char *media_type, const void *bytes,
			  size_t length)
{
	finish(request, status, media_type,
	       MHD_create_response_from_buffer(length, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT), (int64_t)length);
}

void server_answer_text(struct server_request *request, int status, const char *media_type, const char *text)
{
	size_t length = strlen(text);
	finish(request, status, media_type,
	       MHD_create_response_from_buffer(length, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY), (int64_t)length);
}

void request_queue_answer(struct server_request *request)
{
	struct connection *connection = request->connection;
	struct server *server = connection->server;
	request->phase = PHASE_ANSWER;
	if (!request->response)
		problem_answer(request, 500, "internal", NULL);
	if (!request->response) {
		(void)shutdown(connection->descriptor, SHUT_RDWR);
		return;
	}
	if (request->bad_framing || atomic_load(&server->draining))
		(void)MHD_add_response_header(request->response, "Connection", "close");
	/* 1 KiB per second is the least that a client must take. */
	if (connection->stream)
		connection_set_deadline(connection, 0);
	else
		connection_set_deadline(connection, server->settings.stall_ms + request->answer_bytes);
	(void)MHD_queue_response(connection->mhd, (unsigned)request->status, request->response);
	MHD_destroy_response(request->response); /* libmicrohttpd has its own reference */
	request->response = NULL;
}

/* ---- streams ---- */

struct server_stream {
	pthread_mutex_t mutex;
	struct connection *connection; /* NULL: the client went away */
	struct buffer waiting;
	bool ended; /* nothing more will come: by the owner or by the server's end */
	atomic_int references; /* owner, response, connection */
};

void stream_retain(struct server_stream *stream)
{
	atomic_fetch_add(&stream->references, 1);
}

void stream_release(struct server_stream *stream)
{
	if (atomic_fetch_sub(&stream->references, 1) > 1)
		return;
	buffer_free(&stream->waiting);
	(void)pthread_mutex_destroy(&stream->mutex);
	free(stream);
}

static void stream_free(void *context)
{
	stream_release(context);
}

/* Called by the I/O thread when it can send. Locks go stream, then connection. */
static ssize_t stream_read(void *context, uint64_t position, char *bytes, size_t size)
{
	struct server_stream *stream = context;
	ssize_t length = 0;
	(void)position;
	(void)pthread_mutex_lock(&stream->mutex);
	struct connection *connection = stream->connection;
	if (stream->waiting.length) {
		size_t piece = stream->waiting.length < size ? stream->waiting.length : size;
		memcpy(bytes, stream->waiting.data, piece);
		buffer_consume(&stream->waiting, piece);
		length = (ssize_t)piece;
		if (connection)
			connection_set_deadline(connection, connection->server->settings.stall_ms);
	} else if (stream->ended || !connection) {
		length = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		(void)pthread_mutex_lock(&connection->mutex);
		connection_set_deadline(connection, 0);
		connection->suspended = true;
		MHD_suspend_connection(connection->mhd);
		(void)pthread_mutex_unlock(&connection->mutex);
	}
	(void)pthread_mutex_unlock(&stream->mutex);
	return length;
}

/* The stream's mutex is held. */
static void stream_wake(struct server_stream *stream)
{
	struct connection *connection = stream->connection;
	if (!connection)
		return;
	(void)pthread_mutex_lock(&connection->mutex);
	if (connection->request.phase == PHASE_ANSWER)
		connection_wake(connection); /* before, it is suspended for its handler, who wakes it */
	(void)pthread_mutex_unlock(&connection->mutex);
}

struct server_stream *server_answer_stream(struct server_request *request, int status, const char *media_type)
{
	struct server_stream *stream = calloc(1, sizeof *stream);
	struct MHD_Response *response = NULL;
	if (stream) {
		(void)pthread_mutex_init(&stream->mutex, NULL);
		atomic_init(&stream->references, 3);
		stream->connection = request->connection;
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, stream_read, stream,
							     stream_free);
	}
	if (!response) {
		free(stream);
		return NULL;
	}
	request->streams = true;
	server_answer_header(request, "X-Accel-Buffering", "no"); /* proxies must not gather it */
	(void)pthread_mutex_lock(&request->connection->mutex);
	bool gone = request->connection->gone;
	request->connection->stream = gone ? NULL : stream;
	(void)pthread_mutex_unlock(&request->connection->mutex);
	if (gone) {
		stream->connection = NULL;
		stream_release(stream);
	}
	finish(request, status, media_type, response, 0);
	return stream;
}

bool server_stream_send(struct server_stream *stream, const void *bytes, size_t length)
{
	(void)pthread_mutex_lock(&stream->mutex);
	bool good = stream->connection && !stream->ended && length <= STREAM_WAITING_BYTES &&
		    stream->waiting.length <= STREAM_WAITING_BYTES - length;
	if (good) {
		buffer_append(&stream->waiting, bytes, length);
		good = !stream->waiting.failed;
		stream_wake(stream);
	}
	(void)pthread_mutex_unlock(&stream->mutex);
	return good;
}

void stream_stop(struct server_stream *stream)
{
	(void)pthread_mutex_lock(&stream->mutex);
	stream->ended = true;
	stream_wake(stream);
	(void)pthread_mutex_unlock(&stream->mutex);
}

void server_stream_end(struct server_stream *stream)
{
	if (!stream)
		return;
	stream_stop(stream);
	stream_release(stream);
}

void stream_gone(struct server_stream *stream)
{
	(void)pthread_mutex_lock(&stream->mutex);
	stream->connection = NULL;
	(void)pthread_mutex_unlock(&stream->mutex);
	stream_release(stream);
}
