/*
 * One connection to Redis by hiredis: redis:// and rediss:// (TLS: CA, host name, SNI), user and password, database,
 * timeouts, and a reconnect with backoff under one budget. One struct redis serves one thread at a time.
 * Replies are the caller's (freeReplyObject).
 *
 * Which server: the URL's; of several the first that answers and is no replica, and another when it fails or becomes one;
 * with redis+sentinel:// the one that Sentinel says is the master, asked anew at each connection. With Redis Cluster all
 * keys of a caller must lie in one slot; a MOVED answer leads the connection to the slot's node, an ASK leads single
 * commands to the node that the slot is moving to.
 * The process must ignore SIGPIPE (stop_install does).
 */
#ifndef FILOT_REDIS_H
#define FILOT_REDIS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

struct redis_settings {
	const char *url;	 /* redis_url.h: redis[s]://…, redis[s]+sentinel://…, redis+unix://… */
	const char *ca;		 /* PEM file of the authorities for rediss://; NULL: the system's */
	const char *client_name; /* CLIENT SETNAME; NULL: none */
	int64_t connect_ms;	 /* for one connection attempt, TLS and AUTH included; 0: 5 s */
	int64_t command_ms;	 /* for one reply; 0: 10 s */
	int64_t reconnect_ms;	 /* how long a command goes on trying to reconnect; 0: not at all */
};

struct redis;

/* Parses the URL and copies all settings; connects at the first command or by redis_connect. ERROR_CONFIG. */
struct redis *redis_new(const struct redis_settings *settings, struct error *error);
void redis_free(struct redis *redis); /* NULL is fine */

/*
 * Connects, trying again with backoff for up to wait_ms. ERROR_UNAVAILABLE; ERROR_NOT_PERMITTED for
 * WRONGPASS/NOAUTH/NOPERM and ERROR_CONFIG for a certificate that does not verify: those are not tried again. A stop
 * signal that comes while waiting ends the wait. Does nothing when there is a connection.
 */
bool redis_connect(struct redis *redis, int64_t wait_ms, struct error *error);

/*
 * Leaves a server that seems to be cut off: the next connection is made to whichever the URL, or Sentinel, leads to then,
 * beginning with another one where there are several. Outstanding replies are lost.
 */
void redis_leave(struct redis *redis);

/*
 * Sends one command (argv with lengths) and reads its reply. A lost connection is reconnected; then the command is sent
 * again only when `again` says that doing it twice is harmless, else ERROR_UNAVAILABLE tells that it may have happened.
 * Answers that say "not now, not here" (LOADING, READONLY after a failover, MOVED …) are tried again within
 * reconnect_ms. Any other error reply is returned as a reply (type REDIS_REPLY_ERROR) for the caller to judge; NULL
 * only without one.
 */
redisReply *redis_command(struct redis *redis, bool again, int argc, const char **argv, const size_t *lengths,
			  struct error *error);

/*
 * For pipelines: append any number, then read as many replies; redis_flush sends what was appended without waiting for
 * a reply. After a failure the connection is closed and all outstanding replies are lost. redis_reply fails with
 * ERROR_UNAVAILABLE also on the "not now, not here" answers.
 */
bool redis_append(struct redis *redis, int argc, const char **argv, const size_t *lengths, struct error *error);
bool redis_append_formatted(struct redis *redis, const char *command, size_t length, struct error *error);
bool redis_flush(struct redis *redis, struct error *error);
redisReply *redis_reply(struct redis *redis, struct error *error);
size_t redis_outstanding(const struct redis *redis); /* replies still to be read; 0 after a failure */

/* A longer reply timeout for a blocking command: its block time plus command_ms. 0 puts command_ms back. */
void redis_set_block(struct redis *redis, int64_t block_ms);

/*
 * EVALSHA with SCRIPT LOAD at NOSCRIPT. argv holds key_count keys, then the arguments; lengths NULL: strings.
 * `script` is remembered by address: pass the embedded array.
 */
redisReply *redis_script(struct redis *redis, bool again, const char *script, int key_count, int argc,
			 const char **argv, const size_t *lengths, struct error *error);

/* For scripts in pipelines: the SHA-1 that EVALSHA wants (NULL when OpenSSL fails), and loading it at NOSCRIPT. */
const char *redis_script_sha(struct redis *redis, const char *script, struct error *error);
bool redis_script_load(struct redis *redis, const char *script, struct error *error);
bool redis_is_noscript(const redisReply *reply);

/* How long commands go on trying, as in the settings. */
int64_t redis_reconnect_ms(const struct redis *redis);

/* host:port without credentials, for messages. */
const char *redis_where(const struct redis *redis);

/* Puts an error reply into *error as "what: MESSAGE" (LOADING, MASTERDOWN, CLUSTERDOWN, OOM … are transient). Returns
 * false. */
bool redis_refused(const redisReply *reply, const char *what, struct error *error);

#endif
