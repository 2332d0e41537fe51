/*
 * One connection to Redis by hiredis: redis:// and rediss:// (TLS: CA, host name, SNI), user and password, database,
 * timeouts, and a reconnect with backoff under one budget. One struct redis serves one thread at a time.
 * Replies are the caller's (freeReplyObject).
 */
#ifndef FILOT_REDIS_H
#define FILOT_REDIS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

struct redis_settings {
	const char *url; /* redis[s]://[user[:password]@]host[:port][/database], redis+unix:///path */
	const char *ca; /* PEM file of the authorities for rediss://; NULL: the system's */
	const char *client_name; /* CLIENT SETNAME; NULL: none */
	int64_t connect_ms; /* for one connection attempt, TLS and AUTH included */
	int64_t command_ms; /* for one reply */
	int64_t reconnect_ms; /* how long a command goes on trying to reconnect; 0: not at all */
};

struct redis;

/* Parses the URL; connects at the first command or by redis_connect. */
struct redis *redis_new(const struct redis_settings *settings, struct error *error);
void redis_free(struct redis *redis);

/* Connects, trying again with backoff for up to wait_ms. ERROR_UNAVAILABLE; ERROR_NOT_PERMITTED for WRONGPASS/NOAUTH/NOPERM
 * and ERROR_CONFIG for a certificate that does not verify: those are not tried again. */
bool redis_connect(struct redis *redis, int64_t wait_ms, struct error *error);

/*
 * Sends one command (argv with lengths) and reads its reply. A lost connection is reconnected; then the command is sent
 * again only when `again` says that doing it twice is harmless, else ERROR_UNAVAILABLE tells that it may have happened.
 * An error reply is returned as a reply (type REDIS_REPLY_ERROR) for the caller to judge; NULL only without a reply.
 */
redisReply *redis_command(struct redis *redis, bool again, int argc, const char **argv, const size_t *lengths,
			  struct error *error);

/* For pipelines: append any number, then read as many replies. After a failure all outstanding replies are lost. */
bool redis_append(struct redis *redis, int argc, const char **argv, const size_t *lengths, struct error *error);
redisReply *redis_reply(struct redis *redis, struct error *error);

/* A longer reply timeout for a blocking command: its block time plus command_ms. 0 puts command_ms back. */
void redis_set_block(struct redis *redis, int64_t block_ms);

/* EVALSHA with SCRIPT LOAD at NOSCRIPT. `script` is remembered by address: pass the embedded array. */
redisReply *redis_script(struct redis *redis, bool again, const char *script, int key_count, int argc, const char **argv,
			 const size_t *lengths, struct error *error);

/* host:port without credentials, for messages. */
const char *redis_where(const struct redis *redis);

/* Puts an error reply into *error as "what: MESSAGE" (LOADING, MASTERDOWN, CLUSTERDOWN, OOM … are transient). Returns false. */
bool redis_refused(const redisReply *reply, const char *what, struct error *error);

#endif
