/*
 * An HTTP/1.1 server by libmicrohttpd: a table of routes, few I/O threads (epoll) that only parse, and pools of worker
 * threads in which handlers run and may block. A connection whose handler runs is suspended, so thousands of idle or slow
 * clients cost memory only and never a thread.
 *
 * What is refused before any handler sees it (as problem details, problem.h): unknown paths (404), methods (405 with
 * Allow), bodies over the route's limit (413), ambiguous framing (Content-Length with Transfer-Encoding, two lengths,
 * header names that are no tokens: 400), paths that are not plain (encoded slashes, "..", NUL, not UTF-8: 400), a full
 * queue of requests (503). What libmicrohttpd itself cannot parse gets its own short 4xx page. Clients that take too long
 * to send a request, or to take an answer, are cut off.
 *
 * Security headers and X-Request-Id are put on every answer. Everything here may be called from any thread unless it says
 * otherwise.
 */
#ifndef FILOT_HTTP_SERVER_H
#define FILOT_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

struct server;
struct server_request; /* lives until its handler returns */
struct server_stream;

enum server_body {
	SERVER_BODY_NONE, /* a body is refused (413), an empty one is fine */
	SERVER_BODY_BUFFERED, /* the handler runs when all is there: server_request_body() */
	SERVER_BODY_STREAMED /* the handler runs at once and pulls: server_request_read() */
};

/*
 * Answers the request: exactly one of the server_answer… functions is called before it returns (none: 500 is sent).
 * `context` is the worker thread's own (settings.worker_open); for routes that are `quick`, settings.shared.
 */
typedef void (*server_handler)(struct server_request *request, void *context);

struct server_route {
	const char *method; /* "GET" (answers HEAD, too), "POST", …; NULL ends the table */
	const char *pattern; /* "/documents/{id}/text": a name in braces takes one whole, non-empty segment */
	server_handler handler;
	enum server_body body;
	int64_t body_bytes; /* the limit; 0: settings.body_bytes */
	bool quick; /* runs in the I/O thread: must not block, and no streamed body */
	bool quiet; /* its access log lines are at debug level (health checks) */
};

struct server_event { /* one request that ended, for metrics */
	const char *route; /* the pattern; "" when no route matched */
	const char *method; /* one of the known methods, else "other" */
	int status; /* as answered; 499: the client went away before */
	int64_t duration_us; /* from the whole header received until the answer was handed to the kernel */
};

struct server_settings {
	const char *listen; /* "127.0.0.1:8080", "[::1]:0", ":8080" (all addresses); NULL: no TCP */
	const char *socket; /* path of a UNIX socket (an old one is replaced; mode 0660); NULL: none */
	const struct server_route *routes; /* outlives the server */
	void *shared;
	void *(*worker_open)(void *shared, struct error *error); /* in the worker's thread; NULL: the context is `shared` */
	void (*worker_close)(void *context);
	void (*observe)(void *shared, const struct server_event *event); /* any thread, must be quick; NULL: none */
	const char *const *trusted_proxies; /* addresses or CIDR blocks whose X-Forwarded-For is believed; NULL-terminated */
	int io_threads; /* 0: 2 */
	int workers; /* threads for all but streamed bodies; 0: 16 */
	int stream_workers; /* threads for streamed bodies; 0: as workers */
	int queued_requests; /* waiting for a worker, per pool; more get 503; 0: 1024 */
	int connections; /* in all; more wait in the kernel's queue; 0: 4096 */
	int connections_per_address; /* not of trusted proxies and UNIX sockets; more are closed at once; 0: no limit */
	int64_t header_bytes; /* request line and headers; 0: 16 KiB */
	int64_t body_bytes; /* 0: 64 KiB */
	int64_t request_ms; /* to send the whole header from connecting on; 0: 10 s */
	int64_t idle_ms; /* the same on a connection that was used before (keep-alive); 0: 75 s */
	int64_t stall_ms; /* a body or answer must move by 1 KiB per second of this within each such time; 0: 30 s */
	const char *const *headers; /* further "Name: value" for every answer, NULL-terminated; NULL: none */
};

/* Starts listening and answering. ERROR_CONFIG (address), ERROR_UNAVAILABLE (port taken), or what worker_open says. */
struct server *server_open(const struct server_settings *settings, struct error *error);

/* The TCP port that it listens on (for ":0"); 0 when there is none. */
int server_port(const struct server *server);

/*
 * Graceful end: server_drain makes server_draining true (readiness goes red) and every further answer close its
 * connection; nothing is refused yet. server_close stops listening, ends streams, lets running requests end for at most
 * `limit_ms`, then frees everything. False when some had not ended: then the threads still run and the process must exit.
 */
void server_drain(struct server *server);
bool server_draining(const struct server *server);
bool server_close(struct server *server, int64_t limit_ms);

/* Requests whose handler runs or waits, and open connections. */
int server_running(const struct server *server);
int server_connections(const struct server *server);

/* ---- the request; all strings live as long as it ---- */

const char *server_request_id(const struct server_request *request); /* X-Request-Id when it was a sane one, else a ULID */
const char *server_request_method(const struct server_request *request);
const char *server_request_path(const struct server_request *request); /* percent-decoded, no query */
const char *server_request_address(const struct server_request *request); /* the client's, behind trusted proxies; "" on a UNIX socket */
struct server *server_request_server(const struct server_request *request);

/* A name in the route's pattern; decoded, UTF-8, without '/'. NULL: no such name. */
const char *server_request_parameter(const struct server_request *request, const char *name);

/* A value of the query string, decoded ('+' is a space), UTF-8; the first of several. NULL: not there. */
const char *server_request_query(const struct server_request *request, const char *name);

/* A header's value, the name in any case; NULL: not there, or there twice (ask server_request_header_count). */
const char *server_request_header(const struct server_request *request, const char *name);
int server_request_header_count(const struct server_request *request, const char *name);

/* Media type of the body in lower case without parameters, "" when not given. */
const char *server_request_media_type(const struct server_request *request);

/* Announced length; -1 when it is chunked; 0 without a body. */
int64_t server_request_content_length(const struct server_request *request);

/* A buffered body, followed by a NUL that does not count. Never NULL. */
const char *server_request_body(const struct server_request *request, size_t *length);

/*
 * The next bytes of a streamed body, at most `size`; waits for some. *length 0: the end. The first call lets the client
 * go on ("100 Continue"): check the caller before. False with ERROR_TOO_LARGE (over the route's limit), ERROR_TIMEOUT
 * or ERROR_UNAVAILABLE (the client went away; what is answered then reaches nobody).
 */
bool server_request_read(struct server_request *request, void *bytes, size_t size, size_t *length, struct error *error);

/* Puts a line's worth of who asked into the access log ("user", id). `value` is copied (cut to 63 bytes). */
void server_request_note_user(struct server_request *request, const char *user);

/* ---- the answer ---- */

/* A header of the answer that follows; copied. Values with control characters are dropped. */
void server_answer_header(struct server_request *request, const char *name, const char *value);

/* Takes the buffer's bytes over and leaves it empty; a failed buffer answers 500. `media_type` NULL: no body type (204). */
void server_answer(struct server_request *request, int status, const char *media_type, struct buffer *body);

/* The same with bytes that live as long as the process (embedded files). */
void server_answer_static(struct server_request *request, int status, const char *media_type, const void *bytes,
			  size_t length);

/* The same with a copy of a string. */
void server_answer_text(struct server_request *request, int status, const char *media_type, const char *text);

/*
 * A long answer (Server-Sent Events) that is sent as it comes, and occupies no thread: the handler returns and keeps the
 * stream. Whoever keeps it calls server_stream_send any number of times and server_stream_end once, from any thread.
 * NULL: out of memory (500 is answered).
 */
struct server_stream *server_answer_stream(struct server_request *request, int status, const char *media_type);

/*
 * Queues bytes. False, and nothing was queued: the client went away, the server ends, or more than 256 KiB wait because the
 * client does not read: end it. A client that went away is noticed by the sends that follow: send something (a comment
 * line) every 15 s.
 */
bool server_stream_send(struct server_stream *stream, const void *bytes, size_t length);
void server_stream_end(struct server_stream *stream); /* the stream is gone for the caller; NULL is fine */

#endif
