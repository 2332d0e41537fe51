/*
 * Finding the master through Redis Sentinel (redis.io/docs/latest/develop/reference/sentinel-clients): the Sentinels are
 * asked one after the other, beginning with the one that answered last, and what one says is believed until a connection
 * to that server fails. No +switch-master is waited for: Sentinel closes the clients' connections to a master that it
 * replaced, and a replica answers READONLY.
 */
#include <stdio.h>
#include <string.h>

#include "common/redis/redis_private.h"

/* A Sentinel that is away must not use up the time of the others. */
#define SHARE_OF_CONNECT 4

/* One command to the Sentinel; NULL after a failure. */
static redisReply *call(struct redis *redis, int argc, const char **argv, struct error *error)
{
	redisReply *reply = redisCommandArgv(redis->context, argc, argv, NULL);
	if (!reply)
		(void)error_set(error, ERROR_UNAVAILABLE, "Redis at %s: %s", redis->where, redis->context->errstr);
	return reply;
}

static bool is_noauth(const redisReply *reply)
{
	return reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOAUTH ", 7) == 0;
}

/* A Sentinel has a password of its own or none; it gets the server's only when it wants one. */
static redisReply *call_with_auth(struct redis *redis, int argc, const char **argv, struct error *error)
{
	redisReply *reply = call(redis, argc, argv, error);
	if (!is_noauth(reply) || !redis->url.password)
		return reply;
	freeReplyObject(reply);
	void *login = NULL;
	if (!redis_append_auth(redis) || redisGetReply(redis->context, &login) != REDIS_OK) {
		(void)error_set(error, ERROR_UNAVAILABLE, "Redis at %s: %s", redis->where, redis->context->errstr);
		return NULL;
	}
	if (((const redisReply *)login)->type == REDIS_REPLY_ERROR)
		return login;
	freeReplyObject(login);
	return call(redis, argc, argv, error);
}

/* What one Sentinel says. */
static bool ask_one(struct redis *redis, struct error *error)
{
	const char *argv[] = { "SENTINEL", "GET-MASTER-ADDR-BY-NAME", redis->url.master };
	redisReply *reply = call_with_auth(redis, 3, argv, error);
	if (!reply)
		return false;
	bool told = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
		    reply->element[0]->type == REDIS_REPLY_STRING && reply->element[1]->type == REDIS_REPLY_STRING &&
		    reply->element[0]->len < sizeof redis->led.host;
	if (told) {
		(void)snprintf(redis->led.host, sizeof redis->led.host, "%s", reply->element[0]->str);
		redis->led.port = atoi(reply->element[1]->str);
	} else if (reply->type == REDIS_REPLY_ERROR) {
		enum error_code code = redis_reply_code(reply->str);
		(void)error_set(error, code == ERROR_INTERNAL ? ERROR_CONFIG : code, "Redis at %s: %s", redis->where,
				reply->str);
	} else {
		(void)error_set(error, ERROR_CONFIG, "Redis at %s watches no master named \"%s\": see "
						     "SENTINEL MASTERS there for its name", redis->where, redis->url.master);
	}
	freeReplyObject(reply);
	return told;
}

bool redis_sentinel_ask(struct redis *redis, struct error *error)
{
	struct error why = { 0 };
	for (size_t count = redis->url.node_count; count; count--, redis->at++) {
		struct error reason = { 0 };
		const struct redis_node *node = &redis->url.nodes[redis->at % redis->url.node_count];
		bool told = redis_open(redis, node, redis->connect_ms / SHARE_OF_CONNECT, &reason) && ask_one(redis, &reason);
		redis_drop(redis);
		if (told)
			return true;
		/* As long as one may still know, the others' ignorance is not final. */
		if (why.code == ERROR_NONE || !error_is_transient(why.code))
			why = reason;
	}
	return error_set(error, why.code, "Sentinel: %s", why.message);
}
