/* The queue at a glance, and the server beneath it. */
#include "common/redis/queue_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/redis/queue_private.h"
#include "queue_overview_lua.h"

#define WINDOW_MS 60000
#define MOST_EVENTS 500

/* ---- overview ---- */

static bool is_array(const redisReply *reply, size_t least)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements >= least;
}

static bool read_workers(struct queue_overview *overview, const redisReply *rows)
{
	if (!is_array(rows, 0))
		return false;
	overview->workers = calloc(rows->elements + 1, sizeof *overview->workers);
	for (size_t index = 0; overview->workers && index < rows->elements; index++) {
		const redisReply *row = rows->element[index];
		if (!is_array(row, 4) || row->element[0]->type != REDIS_REPLY_STRING ||
		    row->element[3]->type != REDIS_REPLY_STRING)
			return false;
		overview->workers[overview->worker_count++] =
		    (struct queue_worker){ .name = row->element[0]->str, .seen_ms = row->element[1]->integer,
					   .claims = row->element[2]->integer, .json = row->element[3]->str };
	}
	return overview->workers != NULL;
}

static bool read_overview(struct queue_overview *overview, const redisReply *reply)
{
	if (!is_array(reply, 8) || !is_array(reply->element[4], 3) || !is_array(reply->element[5], 2) ||
	    !is_array(reply->element[6], 2))
		return false;
	overview->now_ms = reply->element[0]->integer;
	for (size_t stream = 0; stream < JOB_PRIORITY_COUNT; stream++) {
		const redisReply *row = reply->element[1 + stream];
		if (!is_array(row, 3))
			return false;
		overview->streams[stream] = (struct queue_waiting){ .waiting = row->element[0]->integer,
								    .in_flight = row->element[1]->integer,
								    .oldest_ms = row->element[2]->integer };
	}
	overview->delayed = reply->element[4]->element[0]->integer;
	overview->overdue = reply->element[4]->element[1]->integer;
	overview->next_due_ms = reply->element[4]->element[2]->integer;
	overview->dead = reply->element[5]->element[0]->integer;
	overview->oldest_dead_ms = reply->element[5]->element[1]->integer;
	overview->finished = reply->element[6]->element[0]->integer;
	overview->finished_in_ms = reply->element[6]->element[1]->integer;
	return read_workers(overview, reply->element[7]);
}

bool queue_overview_read(struct queue *queue, struct queue_overview *overview, struct error *error)
{
	static const enum queue_key keys[] = { QUEUE_STREAM_HIGH, QUEUE_STREAM_NORMAL, QUEUE_STREAM_LOW, QUEUE_BACKLOG_HIGH,
					       QUEUE_BACKLOG_NORMAL, QUEUE_BACKLOG_LOW, QUEUE_TURNS_HIGH, QUEUE_TURNS_NORMAL,
					       QUEUE_TURNS_LOW,	  QUEUE_DELAYED,       QUEUE_DEAD,	 QUEUE_WORKERS,
					       QUEUE_EVENTS };
	struct queue_call call = { 0 };
	*overview = (struct queue_overview){ 0 };
	for (size_t index = 0; index < sizeof keys / sizeof *keys; index++)
		queue_call_string(&call, queue->keys[keys[index]]);
	queue_call_number(&call, WINDOW_MS);
	queue_call_number(&call, MOST_EVENTS);
	redisReply *reply = queue_call_run(queue, queue_overview_lua, sizeof keys / sizeof *keys, &call, "figures", NULL,
					   error);
	if (!reply)
		return false;
	overview->reply = reply;
	if (read_overview(overview, reply))
		return true;
	queue_overview_free(overview);
	return error_set(error, ERROR_INTERNAL, "queue %s: figures: Redis gave an answer of an unexpected kind",
			 queue->settings.name);
}

void queue_overview_free(struct queue_overview *overview)
{
	free(overview->workers);
	freeReplyObject(overview->reply);
	*overview = (struct queue_overview){ 0 };
}

bool queue_stats(struct queue *queue, struct queue_stats *stats, struct error *error)
{
	struct queue_overview overview;
	*stats = (struct queue_stats){ 0 };
	if (!queue_overview_read(queue, &overview, error))
		return false;
	for (int stream = 0; stream < JOB_PRIORITY_COUNT; stream++) {
		const struct queue_waiting *waiting = &overview.streams[stream];
		stats->ready[stream] = waiting->waiting;
		stats->in_flight += waiting->in_flight;
		if (waiting->oldest_ms > stats->oldest_ms)
			stats->oldest_ms = waiting->oldest_ms;
	}
	stats->delayed = overview.delayed;
	stats->dead = overview.dead;
	for (size_t index = 0; index < overview.worker_count; index++) {
		int64_t seen_ms = overview.workers[index].seen_ms;
		stats->workers += seen_ms >= 0 && seen_ms <= 3 * queue->settings.visibility_ms;
	}
	queue_overview_free(&overview);
	return true;
}

/* ---- the server ---- */

/* One setting by CONFIG GET; false when it is not told. */
static bool config_get(struct queue *queue, const char *name, char *value, size_t size, struct error *error)
{
	const char *argv[] = { "CONFIG", "GET", name };
	redisReply *reply = redis_command(queue->redis, true, 3, argv, NULL, error);
	bool told = reply && is_array(reply, 2) && reply->element[1]->type == REDIS_REPLY_STRING;
	if (told)
		(void)snprintf(value, size, "%s", reply->element[1]->str);
	freeReplyObject(reply);
	return told;
}

/* The value of "name:value\r\n" in an answer of INFO. */
static bool info_field(const redisReply *reply, const char *name, char *value, size_t size)
{
	const char *at = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_VERB ? reply->str : "";
	for (size_t length = strlen(name); at && *at; at = strchr(at, '\n'), at += at != NULL)
		if (strncmp(at, name, length) == 0 && at[length] == ':') {
			at += length + 1;
			(void)snprintf(value, size, "%.*s", (int)strcspn(at, "\r\n"), at);
			return true;
		}
	return false;
}

/* True when the user "default" may run nothing. Who may not ask is not told. */
static bool default_user_has_no_rights(struct queue *queue, struct error *error)
{
	const char *argv[] = { "ACL", "GETUSER", "default" };
	redisReply *reply = redis_command(queue->redis, true, 3, argv, NULL, error);
	bool none = false;
	for (size_t index = 0; reply && reply->type == REDIS_REPLY_ARRAY && index + 1 < reply->elements; index += 2)
		if (reply->element[index]->type == REDIS_REPLY_STRING &&
		    strcmp(reply->element[index]->str, "commands") == 0 &&
		    reply->element[index + 1]->type == REDIS_REPLY_STRING)
			none = strcmp(reply->element[index + 1]->str, "-@all") == 0;
	freeReplyObject(reply);
	return none;
}

static void judge_eviction(struct queue_server *server, const char *policy, const char *maxmemory)
{
	/* Without a limit nothing is ever evicted; a limit that is not told is taken for one. */
	server->known_eviction = true;
	server->may_evict = strcmp(policy, "noeviction") != 0 && strcmp(maxmemory, "0") != 0;
	(void)snprintf(server->policy, sizeof server->policy, "%s", policy);
}

static bool read_info(struct queue *queue, struct queue_server *server, struct error *error)
{
	char policy[32], maxmemory[32] = "", aof[8];
	const char *argv[] = { "INFO" };
	redisReply *reply = redis_command(queue->redis, true, 1, argv, NULL, error);
	if (!reply)
		return false;
	if (!server->known_eviction && info_field(reply, "maxmemory_policy", policy, sizeof policy)) {
		(void)info_field(reply, "maxmemory", maxmemory, sizeof maxmemory);
		judge_eviction(server, policy, maxmemory);
	}
	/* INFO tells whether there is an AOF; of snapshots it does not tell whether they are taken. */
	if (!server->known_persistence && info_field(reply, "aof_enabled", aof, sizeof aof) && strcmp(aof, "1") == 0)
		server->known_persistence = server->persistent = true;
	freeReplyObject(reply);
	return true;
}

bool queue_server_read(struct queue *queue, struct queue_server *server, struct error *error)
{
	char policy[32], maxmemory[32], aof[8], sync[16], save[256];
	struct error why = { 0 };
	*server = (struct queue_server){ 0 };
	if (config_get(queue, "maxmemory-policy", policy, sizeof policy, &why) &&
	    config_get(queue, "maxmemory", maxmemory, sizeof maxmemory, &why))
		judge_eviction(server, policy, maxmemory);
	if (config_get(queue, "appendonly", aof, sizeof aof, &why) && config_get(queue, "save", save, sizeof save, &why)) {
		server->known_persistence = true;
		server->persistent = strcmp(aof, "yes") == 0 || *save;
		server->syncs_always = strcmp(aof, "yes") == 0 &&
				       config_get(queue, "appendfsync", sync, sizeof sync, &why) &&
				       strcmp(sync, "always") == 0;
		server->forgets_scripts = strcmp(aof, "yes") == 0 && default_user_has_no_rights(queue, &why);
	}
	if (why.code != ERROR_NONE)
		return error_set(error, why.code, "%s", why.message);
	return (server->known_eviction && server->known_persistence) || read_info(queue, server, error);
}

void queue_check_server(struct queue *queue)
{
	struct queue_server server;
	struct error error = { 0 };
	if (!queue_server_read(queue, &server, &error)) {
		log_debug("server_check_failed", log_failure(&error));
		return;
	}
	if (server.known_eviction && server.may_evict)
		log_warning("redis_may_evict", log_string("redis", redis_where(queue->redis)),
			    log_string("policy", server.policy),
			    log_string("message", "when its memory is full this Redis deletes keys, and jobs with them: set "
						  "maxmemory-policy noeviction"));
	if (server.known_persistence && !server.persistent)
		log_warning("redis_not_persistent", log_string("redis", redis_where(queue->redis)),
			    log_string("message", "this Redis keeps nothing on disk, so a restart loses all jobs: set "
						  "appendonly yes"));
	if (server.forgets_scripts)
		log_warning("redis_forgets_scripts", log_string("redis", redis_where(queue->redis)),
			    log_string("message", "the user default has no rights, and many versions replay their "
						  "append-only file as that user, leaving out what scripts wrote: set "
						  "user default off ~* &* +@all"));
}
