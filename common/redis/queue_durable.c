/*
 * What a sender must know to promise that a job outlives its server: whether the server can tell when a write is on its
 * disk (WAITAOF, Redis 7.2), whether it answers only when it is (appendfsync always), and whether it has as many replicas
 * as are wanted (WAIT). Asked once at the start, so that a promise that cannot be kept is refused before any job is sent.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/redis/queue_admin.h"
#include "common/redis/queue_private.h"

#define PROBE_MS "1"

/*
 * With appendfsync everysec a write may be on the disk two seconds after it was answered. A batch that is sent again is a
 * write again, so a wait that is too short for the first would be too short for every one.
 */
#define DISK_WAIT_MS "3000"
#define REPLICAS_WAIT_MS "1000"

static bool probe_disk(struct queue *queue, struct error *error)
{
	const char *argv[] = { "WAITAOF", "1", "0", PROBE_MS };
	struct queue_server server;
	redisReply *reply = redis_command(queue->redis, true, 4, argv, NULL, error);
	if (!reply)
		return false;
	bool known = reply->type == REDIS_REPLY_ARRAY;
	bool refused = reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "ERR ", 4) != 0;
	if (refused)
		(void)redis_refused(reply, "--durable: WAITAOF", error);
	freeReplyObject(reply);
	if (refused)
		return false;
	queue->durable.asks_disk = known;
	queue->durable.on_disk = known;
	if (!known && queue_server_read(queue, &server, error))
		queue->durable.on_disk = server.syncs_always;
	return error->code == ERROR_NONE;
}

static bool probe_replicas(struct queue *queue, struct error *error)
{
	char wanted[24];
	(void)snprintf(wanted, sizeof wanted, "%" PRId64, queue->settings.durable_replicas);
	/* Opening the queue may have written its groups, which replicas have a moment later. */
	const char *argv[] = { "WAIT", wanted, REPLICAS_WAIT_MS };
	redisReply *reply = redis_command(queue->redis, true, 3, argv, NULL, error);
	if (!reply)
		return false;
	bool good = false;
	if (reply->type != REDIS_REPLY_INTEGER) {
		(void)redis_refused(reply, "--durable: WAIT", error);
		if (error->code == ERROR_INTERNAL)
			error->code = ERROR_CONFIG;
	} else if (reply->integer < queue->settings.durable_replicas) {
		(void)error_set(error, ERROR_UNAVAILABLE, "--durable: Redis at %s has %lld of the %" PRId64 " replicas wanted",
				redis_where(queue->redis), reply->integer, queue->settings.durable_replicas);
	} else {
		good = true;
	}
	freeReplyObject(reply);
	return good;
}

bool queue_durable_open(struct queue *queue, struct error *error)
{
	if (!redis_connect(queue->redis, redis_reconnect_ms(queue->redis), error) || !probe_disk(queue, error))
		return false;
	if (queue->settings.durable_replicas > 0 && !probe_replicas(queue, error))
		return false;
	if (!queue->durable.on_disk && !queue->settings.durable_replicas)
		return error_set(error, ERROR_CONFIG,
				 "--durable: Redis at %s cannot tell when a job is kept: it needs appendonly yes (before "
				 "version 7.2 with appendfsync always), or replicas to be waited for (--replicas)",
				 redis_where(queue->redis));
	queue->durable.replicas = queue->settings.durable_replicas;
	queue->durable.on = true;
	log_debug("durable", log_string("disk", queue->durable.on_disk ? "yes" : "no"),
		  log_integer("replicas", queue->durable.replicas));
	return true;
}

size_t queue_durable_replies(const struct queue *queue)
{
	return (size_t)queue->durable.asks_disk * queue->durable.on + (queue->durable.replicas > 0);
}

bool queue_durable_append(struct queue *queue, struct error *error)
{
	char replicas[24];
	(void)snprintf(replicas, sizeof replicas, "%" PRId64, queue->durable.replicas);
	const char *disk[] = { "WAITAOF", "1", "0", DISK_WAIT_MS };
	const char *wait[] = { "WAIT", replicas, REPLICAS_WAIT_MS };
	return (!queue->durable.on || !queue->durable.asks_disk || redis_append(queue->redis, 4, disk, NULL, error)) &&
	       (!queue->durable.replicas || redis_append(queue->redis, 3, wait, NULL, error));
}

/* Whether an answer to WAITAOF or WAIT says enough; else *missing says what is missing. */
static bool is_enough(const struct queue *queue, const redisReply *reply, struct error *missing)
{
	if (reply->type == REDIS_REPLY_ARRAY)
		return (reply->elements > 0 && reply->element[0]->integer >= 1) ||
		       error_set(missing, ERROR_UNAVAILABLE, "it is in Redis' memory, but not known to be on its disk");
	if (reply->type == REDIS_REPLY_INTEGER)
		return reply->integer >= queue->durable.replicas ||
		       error_set(missing, ERROR_UNAVAILABLE,
				 "it is in Redis, but only %lld of %" PRId64 " replicas are known to have it", reply->integer,
				 queue->durable.replicas);
	(void)redis_refused(reply, "it is in Redis, but not known to be kept", missing);
	missing->code = ERROR_UNAVAILABLE;
	return false;
}

bool queue_durable_read(struct queue *queue, struct error *missing, struct error *error)
{
	for (size_t left = queue_durable_replies(queue); left; left--) {
		redisReply *reply = redis_reply(queue->redis, error);
		if (!reply)
			return false;
		(void)is_enough(queue, reply, missing);
		freeReplyObject(reply);
	}
	/* A master without its replicas may be one no more: the batch is sent again to whoever is found next. */
	if (missing->code != ERROR_NONE && queue->durable.replicas)
		redis_leave(queue->redis);
	return true;
}
