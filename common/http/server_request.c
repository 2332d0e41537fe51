/* What handlers ask about their request, and the pulling of a streamed body. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/http/server_private.h"

const char *server_request_id(const struct server_request *request)
{
	return request->id;
}

const char *server_request_method(const struct server_request *request)
{
	return request->method;
}

const char *server_request_path(const struct server_request *request)
{
	return request->path;
}

const char *server_request_address(const struct server_request *request)
{
	return request->address;
}

struct server *server_request_server(const struct server_request *request)
{
	return request->connection->server;
}

static const char *find(const struct pair *pairs, int count, const char *name)
{
	for (int index = 0; index < count; index++)
		if (strcmp(pairs[index].name, name) == 0)
			return pairs[index].value;
	return NULL;
}

const char *server_request_parameter(const struct server_request *request, const char *name)
{
	return find(request->parameters, request->parameter_count, name);
}

const char *server_request_query(const struct server_request *request, const char *name)
{
	return find(request->query, request->query_count, name);
}

int server_request_header_count(const struct server_request *request, const char *name)
{
	int count = 0;
	for (int index = 0; index < request->header_count; index++)
		count += strcasecmp(request->headers[index].name, name) == 0;
	return count;
}

const char *server_request_header(const struct server_request *request, const char *name)
{
	const char *value = NULL;
	for (int index = 0; index < request->header_count; index++) {
		if (strcasecmp(request->headers[index].name, name) != 0)
			continue;
		if (value)
			return NULL;
		value = request->headers[index].value;
	}
	return value;
}

const char *server_request_media_type(const struct server_request *request)
{
	return request->media_type;
}

int64_t server_request_content_length(const struct server_request *request)
{
	return request->content_length;
}

const char *server_request_body(const struct server_request *request, size_t *length)
{
	*length = request->body.length;
	return request->body.data ? request->body.data : "";
}

void server_request_note_user(struct server_request *request, const char *user)
{
	(void)snprintf(request->note, sizeof request->note, "%s", user);
}

/* Waits until there are bytes or an end. The mutex is held. */
static bool wait_for_body(struct server_request *request, struct error *error)
{
	struct connection *connection = request->connection;
	if (!request->wants_body) {
		request->wants_body = true;
		connection_wake(connection);
	}
	while (!request->ring_length && !request->body_ended && !request->too_large && !connection->gone)
		(void)pthread_cond_wait(&connection->changed, &connection->mutex);
	if (request->too_large)
		return error_set(error, ERROR_TOO_LARGE, "the body has more than %lld bytes", (long long)request->limit_bytes);
	if (request->body_ended || !connection->gone)
		return true;
	if (atomic_load(&connection->timed_out))
		return error_set(error, ERROR_TIMEOUT, "the client sent its body too slowly");
	return error_set(error, ERROR_UNAVAILABLE, "the client went away");
}

bool server_request_read(struct server_request *request, void *bytes, size_t size, size_t *length, struct error *error)
{
	struct connection *connection = request->connection;
	*length = 0;
	(void)pthread_mutex_lock(&connection->mutex);
	bool good = wait_for_body(request, error);
	while (good && *length < size && request->ring_length) {
		size_t piece = RING_BYTES - request->ring_start;
		piece = piece < request->ring_length ? piece : request->ring_length;
		piece = piece < size - *length ? piece : size - *length;
		memcpy((char *)bytes + *length, request->ring + request->ring_start, piece);
		request->ring_start = (request->ring_start + piece) % RING_BYTES;
		request->ring_length -= piece;
		*length += piece;
	}
	if (good && !request->body_ended && request->ring_length <= RING_BYTES / 2)
		connection_wake(connection); /* there is room again */
	(void)pthread_mutex_unlock(&connection->mutex);
	return good;
}
