/*
 * Reads a request's target and headers: checks what could be read in two ways, decodes once, and copies all strings, so
 * that a worker never touches libmicrohttpd's memory.
 *
 * Framing that proxies and servers have read differently is refused (RFC 9112 sections 5.1, 6.1 and 6.3): a name that is
 * no token ("Content-Length :"), both Content-Length and Transfer-Encoding, either of them twice, any coding but chunked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/json_text.h"
#include "common/base/ulid.h"
#include "common/http/problem.h"
#include "common/http/server_private.h"

char *request_copy(struct server_request *request, const char *text, size_t length)
{
	size_t arena_bytes = request->connection->server->arena_bytes;
	if (!request->arena && !(request->arena = malloc(arena_bytes)))
		return NULL;
	if (length >= arena_bytes - request->arena_used)
		return NULL;
	char *copy = request->arena + request->arena_used;
	memcpy(copy, text, length);
	copy[length] = '\0';
	request->arena_used += length + 1;
	return copy;
}

static const char *known_method(const char *method)
{
	static const char *const known[] = { "GET", "POST", "HEAD", "DELETE", "PUT", "PATCH", "OPTIONS" };
	for (size_t index = 0; index < sizeof known / sizeof *known; index++)
		if (strcmp(method, known[index]) == 0)
			return known[index];
	return "other";
}

/* ---- percent-encoding ---- */

static int digit(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	character = (char)(character | 0x20);
	return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* Decodes in place. False for what is no percent-encoding, control characters and bytes that are not UTF-8. */
static bool decode(char *text, bool plus)
{
	size_t length = 0;
	for (const char *from = text; *from; from++) {
		char character = *from;
		if (character == '%') {
			int high = digit(from[1]), low = high < 0 ? -1 : digit(from[2]);
			if (low < 0)
				return false;
			character = (char)(high * 16 + low);
			from += 2;
		} else if (character == '+' && plus) {
			character = ' ';
		}
		if ((unsigned char)character < 0x20 || character == 0x7f)
			return false;
		text[length++] = character;
	}
	text[length] = '\0';
	for (size_t at = 0; at < length;) {
		size_t step = json_text_utf8_length(text + at, length - at);
		if (!step)
			return false;
		at += step;
	}
	return true;
}

/* An encoded slash would move the borders of segments, and dots must not climb. */
static bool decode_path(char *path)
{
	size_t slashes = 0;
	for (const char *at = path; *at; at++)
		slashes += *at == '/';
	if (*path != '/' || !decode(path, false) || strchr(path, '\\'))
		return false;
	for (char *segment = path; segment; segment = strchr(segment, '/')) {
		segment++;
		slashes--;
		size_t length = strcspn(segment, "/");
		if ((length == 1 && segment[0] == '.') || (length == 2 && segment[0] == '.' && segment[1] == '.'))
			return false;
	}
	return slashes == 0;
}

static bool parse_query(struct server_request *request, char *text)
{
	while (text && *text) {
		char *next = strchr(text, '&');
		if (next)
			*next++ = '\0';
		char *value = strchr(text, '=');
		if (value)
			*value++ = '\0';
		if (*text) {
			if (request->query_count == MOST_QUERY || !decode(text, true) || (value && !decode(value, true)))
				return false;
			request->query[request->query_count++] = (struct pair){ text, value ? value : "" };
		}
		text = next;
	}
	return true;
}

/* ---- headers ---- */

static bool is_token(const char *name, size_t length)
{
	for (size_t index = 0; index < length; index++) {
		char character = name[index];
		bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
			      (character >= '0' && character <= '9');
		if (!letter && (!character || !strchr("!#$%&'*+-.^_`|~", character)))
			return false;
	}
	return length > 0;
}

struct copying {
	struct server_request *request;
	bool full, malformed;
};

static enum MHD_Result copy_header(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length,
				   const char *value, size_t value_length)
{
	struct copying *copying = context;
	struct server_request *request = copying->request;
	(void)kind;
	value = value ? value : "";
	if (!is_token(name, name_length) || memchr(value, '\0', value_length) || strpbrk(value, "\r\n")) {
		copying->malformed = true;
		return MHD_NO;
	}
	char *name_copy = request_copy(request, name, name_length);
	char *value_copy = name_copy ? request_copy(request, value, value_length) : NULL;
	if (!value_copy || request->header_count == MOST_HEADERS) {
		copying->full = true;
		return MHD_NO;
	}
	request->headers[request->header_count++] = (struct pair){ name_copy, value_copy };
	return MHD_YES;
}

static void read_id(struct server_request *request)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *given = server_request_header(request, "X-Request-Id");
	size_t length = given ? strspn(given, allowed) : 0;
	if (length >= 8 && length < sizeof request->id && !given[length])
		memcpy(request->id, given, length + 1);
	else
		(void)ulid_new(request->id);
}

static bool refuse_framing(struct server_request *request, const char *detail)
{
	request->bad_framing = true;
	problem_answer(request, 400, "bad_request", detail);
	return false;
}

static bool copy_headers(struct server_request *request, struct MHD_Connection *mhd)
{
	struct copying copying = { .request = request };
	(void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, copy_header, &copying);
	if (!*request->id) /* before the first answer, which has it */
		read_id(request);
	if (copying.malformed)
		return refuse_framing(request, "a header is malformed");
	if (!copying.full)
		return true;
	request->bad_framing = true;
	problem_answer(request, 431, "headers_too_large", "too many headers, or too long ones");
	return false;
}

static bool read_framing(struct server_request *request)
{
	int lengths = server_request_header_count(request, "Content-Length");
	int codings = server_request_header_count(request, "Transfer-Encoding");
	const char *length = server_request_header(request, "Content-Length");
	const char *coding = server_request_header(request, "Transfer-Encoding");
	const char *expect = server_request_header(request, "Expect");
	if (lengths + codings > 1)
		return refuse_framing(request, "Content-Length and Transfer-Encoding: one of them, once");
	if (server_request_header_count(request, "Host") > 1)
		return refuse_framing(request, "more than one Host");
	if (coding && strcasecmp(coding, "chunked") != 0)
		return refuse_framing(request, "a Transfer-Encoding other than chunked");
	request->content_length = coding ? -1 : 0;
	if (length) {
		size_t digits = strspn(length, "0123456789");
		if (!digits || length[digits] || digits > 18)
			return refuse_framing(request, "Content-Length is no number");
		request->content_length = (int64_t)strtoll(length, NULL, 10);
	}
	request->expects = expect && strcasecmp(expect, "100-continue") == 0;
	return true;
}

static void read_media_type(struct server_request *request)
{
	const char *given = server_request_header(request, "Content-Type");
	size_t length = given ? strcspn(given, "; \t,") : 0;
	char *copy = length ? request_copy(request, given, length) : NULL;
	for (char *at = copy; at && *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at | 0x20);
	request->media_type = copy ? copy : "";
}

/* ---- routes ---- */

static bool match(struct server_request *request, const char *pattern)
{
	const char *path = request->path;
	request->parameter_count = 0;
	while (*pattern) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t name_length = strcspn(pattern + 1, "}");
		size_t length = strcspn(path, "/");
		if (!length || request->parameter_count == MOST_PARAMETERS)
			return false;
		char *name = request_copy(request, pattern + 1, name_length);
		char *value = name ? request_copy(request, path, length) : NULL;
		if (!value)
			return false;
		request->parameters[request->parameter_count++] = (struct pair){ name, value };
		pattern += name_length + 2;
		path += length;
	}
	return !*path;
}

/* Finds the route; false when it answered 404 or 405. */
static bool find_route(struct server_request *request)
{
	char allow[128] = "";
	const struct server_route *route = request->connection->server->settings.routes;
	for (; route->method; route++) {
		size_t used = request->arena_used;
		if (match(request, route->pattern)) {
			if (strcmp(request->method, route->method) == 0 ||
			    (strcmp(request->method, "HEAD") == 0 && strcmp(route->method, "GET") == 0)) {
				request->route = route;
				return true;
			}
			const char *also = strcmp(route->method, "GET") == 0 ? ", HEAD" : "";
			size_t length = strlen(allow);
			(void)snprintf(allow + length, sizeof allow - length, "%s%s%s", length ? ", " : "", route->method,
				       also);
		}
		request->arena_used = used;
	}
	if (!*allow) {
		problem_answer(request, 404, "not_found", "there is nothing at this path");
		return false;
	}
	server_answer_header(request, "Allow", allow);
	problem_answer(request, 405, "method_not_allowed", NULL);
	return false;
}

static bool check_body(struct server_request *request)
{
	const struct server_route *route = request->route;
	int64_t limit = route->body_bytes ? route->body_bytes : request->connection->server->settings.body_bytes;
	request->limit_bytes = route->body == SERVER_BODY_NONE ? 0 : limit;
	if (request->content_length <= request->limit_bytes)
		return true;
	problem_answer(request, 413, "too_large", request->limit_bytes ? NULL : "this request takes no body");
	return false;
}

static bool split_target(struct server_request *request)
{
	char *path = request_copy(request, request->target, strlen(request->target));
	char *query = path ? strchr(path, '?') : NULL;
	if (query)
		*query++ = '\0';
	request->path = path ? path : "/";
	if (path && !strchr(request->target, '#') && decode_path(path) && parse_query(request, query))
		return true;
	request->path = "(malformed)";
	problem_answer(request, 400, "bad_request", "the path or query is malformed");
	return false;
}

bool request_parse(struct server_request *request, struct MHD_Connection *mhd, const char *method, const char *version)
{
	request->method = known_method(method);
	request->path = "(malformed)";
	bool copied = copy_headers(request, mhd);
	address_of_client(request);
	if (!copied)
		return false;
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
		request->bad_framing = true;
		problem_answer(request, 505, "http_version", "HTTP/1.1 or HTTP/1.0");
		return false;
	}
	if (!read_framing(request))
		return false;
	read_media_type(request);
	return split_target(request) && find_route(request) && check_body(request);
}
