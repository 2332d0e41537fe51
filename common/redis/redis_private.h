/* What redis.c (commands) and redis_connect.c (connections) share. Nobody else includes it. */
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
	char moved_host[256]; /* the cluster node that has our slot; empty: the URL's host */
	int moved_port;
	SSL_CTX *tls;	       /* made at the first connection by rediss:// */
	redisContext *context; /* NULL: not connected */
	size_t outstanding;    /* replies still to be read */
	struct {
		const char *script;
		char sha[41];
	} scripts[MOST_SCRIPTS];
	size_t script_count;
};

/* One attempt. */
bool redis_connect_once(struct redis *redis, struct error *error);

/* Closes the connection; outstanding replies are lost. */
void redis_drop(struct redis *redis);

/* Sets the reply timeout of the open connection. */
void redis_set_timeout(struct redis *redis, int64_t ms);

/* The class of an error reply. */
enum error_code redis_reply_code(const char *message);

#endif
