/*
 * Inside of the server. One struct connection a client connection, one request in it at a time; it is reused by the next,
 * so a kept connection allocates little. The connection's mutex guards what I/O thread and worker share; references keep
 * it alive: libmicrohttpd's own, and a worker's.
 *
 *   server.c            opening, draining, closing, who is too slow
 *   server_connection.c libmicrohttpd's callbacks: a connection's and a request's life
 *   server_accept.c     accepting
 *   server_peers.c      how many connections each address has
 *   server_listen.c     sockets and addresses
 *   server_parse.c      target and headers, checked and copied
 *   server_request.c    what handlers ask
 *   server_answer.c     answers and streams
 *   server_pool.c       worker threads
 */
#ifndef FILOT_HTTP_SERVER_PRIVATE_H
#define FILOT_HTTP_SERVER_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "common/http/server.h"

#define MOST_HEADERS 64
#define MOST_QUERY 32
#define MOST_PARAMETERS 4
#define RING_BYTES 65536
#define DISCARD_BYTES (1024 * 1024) /* of a body that nobody wants, for an answer that arrives and a connection that stays */
#define MOST_LINGERING 256
#define LINGER_MS 3000
#define NOTE_SIZE 64
#define REQUEST_ID_SIZE 65

struct pair {
	const char *name, *value;
};

enum phase {
	PHASE_IDLE, /* between requests */
	PHASE_TARGET, /* the request line is here */
	PHASE_BODY, /* gathering a buffered body, or waiting for the end of none */
	PHASE_HANDLER, /* a worker has it */
	PHASE_DISCARD, /* the answer is there, the rest of the body is thrown away */
	PHASE_ANSWER /* handed to libmicrohttpd */
};

struct server_request {
	struct connection *connection;
	_Atomic enum phase phase; /* written by the I/O thread alone */
	const struct server_route *route; /* NULL: none matched */
	const char *method; /* one of the known, or "other" */
	char id[REQUEST_ID_SIZE];
	char note[NOTE_SIZE];
	char address[64];
	int64_t start_us;
	bool begun; /* counted in server->running */
	bool bad_framing; /* the connection cannot be trusted to be in step: close it */
	bool expects; /* "100-continue" */
	bool streams; /* the answer is a stream */
	bool early; /* answered before its body was read */

	/* strings, all in the arena */
	char *arena;
	size_t arena_used;
	char *target; /* as sent */
	const char *path, *query_text, *media_type;
	struct pair headers[MOST_HEADERS], query[MOST_QUERY], parameters[MOST_PARAMETERS];
	int header_count, query_count, parameter_count;

	/* the body */
	int64_t content_length, received_bytes, limit_bytes;
	struct buffer body;
	int64_t window_bytes; /* since the deadline was last put off */

	/* a streamed body; under the mutex */
	char *ring;
	size_t ring_start, ring_length;
	bool wants_body, body_open, body_ended, too_large;

	/* the answer */
	struct buffer answer_headers; /* name NUL value NUL … */
	struct MHD_Response *response;
	int64_t answer_bytes;
	int status;
	bool answered; /* the worker is done; under the mutex */
};

struct connection {
	struct server *server;
	struct MHD_Connection *mhd;
	struct connection *next, *previous; /* under server->list_mutex */
	int descriptor;
	_Atomic int64_t deadline_ms; /* monotonic; 0: none */
	atomic_int references;
	atomic_bool timed_out;
	struct sockaddr_storage peer;
	bool trusted;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool suspended, gone;
	struct server_stream *stream;
	struct server_request request;
};

struct pool {
	struct server *server;
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	struct connection **waiting; /* a ring of `capacity` */
	size_t capacity, start, length;
	pthread_t *threads;
	int thread_count;
	int ready_count, failed_count; /* of threads that opened their context */
	pthread_cond_t ready;
	struct error error;
	bool stopping;
};

/*
 * A connection that was answered before its body was read. Closing it with bytes unread would make the kernel reset it, and
 * the client, still sending, would lose the answer: a copy of the descriptor is kept and read for a while.
 */
struct lingering {
	int descriptor;
	int64_t until_ms;
};

#define PEER_CHAINS 1024

struct peer {
	uint8_t address[16]; /* IPv4 as mapped IPv6 */
	int connections;
	struct peer *next;
};

struct peers {
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct peer *chains[PEER_CHAINS];
};

struct proxy_block {
	uint8_t address[16]; /* IPv4 as mapped IPv6 */
	int bits;
};

/* A listening socket and the thread that accepts its connections. */
struct acceptor {
	struct server *server;
	int descriptor;
	pthread_t thread;
};

struct server {
	struct server_settings settings;
	struct MHD_Daemon *daemon;
	struct acceptor acceptors[2];
	int acceptor_count;
	int stop_accepting; /* an eventfd; -1 */
	int port;
	size_t arena_bytes;
	struct proxy_block *proxies;
	size_t proxy_count;
	struct pool quick_pool, stream_pool; /* all but streamed bodies; streamed bodies */
	atomic_bool draining;
	atomic_int running, connections;

	pthread_mutex_t list_mutex;
	pthread_cond_t list_changed;
	struct connection *list;
	struct peers peers;
	struct lingering lingering[MOST_LINGERING];
	int lingering_count;
	pthread_t watcher;
	bool watching, closing;
};

/* server.c */
void connection_linger(struct connection *connection);

/* server_connection.c */
void connection_release(struct connection *connection);
/* Lets the I/O thread go on with a suspended connection. The mutex is held. */
void connection_wake(struct connection *connection);
/* The deadline is so far from now; 0: none. */
void connection_set_deadline(struct connection *connection, int64_t ms);
/* In a worker's thread: runs the handler and gives the connection back. */
void connection_work(struct connection *connection, void *context);
enum MHD_Result connection_accept(void *server, const struct sockaddr *address, socklen_t length);
void connection_notify(void *server, struct MHD_Connection *mhd, void **socket_context,
		       enum MHD_ConnectionNotificationCode code);
void *connection_target(void *server, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result connection_handle(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_bytes, void **request);
void connection_completed(void *server, struct MHD_Connection *mhd, void **request,
			  enum MHD_RequestTerminationCode code);

/* server_accept.c */
bool acceptor_start(struct server *server, int descriptor, struct error *error); /* takes the descriptor over */
void acceptors_stop(struct server *server); /* and closes their sockets; fine twice */

/* server_listen.c */
int listen_tcp(const char *address, int *port, struct error *error); /* -1 */
int listen_unix(const char *path, struct error *error); /* -1 */
bool proxies_parse(struct server *server, struct error *error);
/* IPv4 as mapped IPv6; all zeros for others. */
void address_bytes(const struct sockaddr *address, uint8_t bytes[static 16]);
bool address_trusted(const struct server *server, const uint8_t bytes[static 16]);
/* Numeric text of the client: the peer, or what trusted proxies say of whom they speak for. */
void address_of_client(struct server_request *request);

/* server_peers.c: under server->list_mutex; empty again when all that entered have left */
void peers_open(struct peers *peers);
int peers_count(struct peers *peers, const uint8_t address[static 16]);
void peers_enter(struct peers *peers, const uint8_t address[static 16]);
void peers_leave(struct peers *peers, const uint8_t address[static 16]);

/* server_parse.c: reads method, target and headers. False when it answered already. */
bool request_parse(struct server_request *request, struct MHD_Connection *mhd, const char *method, const char *version);
char *request_copy(struct server_request *request, const char *text, size_t length); /* NULL: no room */

/* server_answer.c */
void request_queue_answer(struct server_request *request); /* in the I/O thread */
void stream_gone(struct server_stream *stream); /* releases the connection's reference */
void stream_stop(struct server_stream *stream);
void stream_retain(struct server_stream *stream);
void stream_release(struct server_stream *stream);

/* server_pool.c */
bool pool_open(struct pool *pool, struct server *server, int threads, int capacity, struct error *error);
bool pool_push(struct pool *pool, struct connection *connection); /* false: full */
void pool_close(struct pool *pool); /* all threads end; nothing must be waiting */

#endif
