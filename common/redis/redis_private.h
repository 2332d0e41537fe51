/* What redis.c (commands), redis_connect.c (connections) and redis_sentinel.c share. Nobody else includes it. */
#ifndef FILOT_REDIS_PRIVATE_H
#define FILOT_REDIS_PRIVATE_H

#include <openssl/ssl.h>

#include "common/redis/redis.h"
#include "common/redis/redis_url.h"

#define MOST_SCRIPTS 16

struct redis {
	struct redis_url url;
	char *ca;
	char *client_name;
	int64_t connect_ms, command_ms, reconnect_ms;
	int64_t block_ms;     /* added to command_ms */
	char where[300];      /* of the server in use */
	size_t at;	      /* which of the URL's nodes is asked next */
	struct redis_node led; /* where the cluster or Sentinel led us; host empty: nowhere, so one of the URL's nodes */
	SSL_CTX *tls;	       /* made at the first connection by rediss:// */
	redisContext *context; /* NULL: not connected */
	size_t outstanding;    /* replies still to be read */
	struct {	       /* the node that our slot is moving to, while an ASK sends us there */
		struct redis_node node;
		redisContext *context;
	} asked;
	struct {
		const char *script;
		char sha[41];
	} scripts[MOST_SCRIPTS];
	size_t script_count;
};

/* One attempt. */
bool redis_connect_once(struct redis *redis, struct error *error);

/* The socket to one node, with TLS where the URL says so, within limit_ms; nothing is said to the server yet. */
bool redis_open(struct redis *redis, const struct redis_node *node, int64_t limit_ms, struct error *error);

/* Sends AUTH where the URL has a password. False when memory ends. */
bool redis_append_auth(struct redis *redis);

/*
 * Asks the URL's Sentinels for the server that is the master now, and puts it into redis->led. ERROR_CONFIG when they
 * know none of that name.
 */
bool redis_sentinel_ask(struct redis *redis, struct error *error);

/* Closes the connection; outstanding replies are lost. */
void redis_drop(struct redis *redis);

/* Sets the reply timeout of the open connection. */
void redis_set_timeout(struct redis *redis, int64_t ms);

/* The class of an error reply. */
enum error_code redis_reply_code(const char *message);

#endif
