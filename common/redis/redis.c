/*
 * Commands over one connection. The one idea: what was answered "not now" or "not here" did not happen, so it may
 * always be sent again; what was not answered at all may have happened, so only the caller can allow that.
 */
#include "common/redis/redis_private.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define DEFAULT_CONNECT_MS 5000
#define DEFAULT_COMMAND_MS 10000
#define BACKOFF_BASE_MS 20
#define BACKOFF_CAP_MS 1000

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

enum error_code redis_reply_code(const char *message)
{
	static const struct {
		const char *start;
		enum error_code code;
	} classes[] = {
		{ "WRONGPASS ", ERROR_NOT_PERMITTED },
		{ "NOAUTH ", ERROR_NOT_PERMITTED },
		{ "NOPERM ", ERROR_NOT_PERMITTED },
		{ "ERR invalid password", ERROR_NOT_PERMITTED },
		{ "LOADING ", ERROR_UNAVAILABLE },
		{ "MASTERDOWN ", ERROR_UNAVAILABLE },
		{ "CLUSTERDOWN ", ERROR_UNAVAILABLE },
		{ "TRYAGAIN ", ERROR_UNAVAILABLE },
		{ "READONLY ", ERROR_UNAVAILABLE },
		{ "MOVED ", ERROR_UNAVAILABLE },
		{ "ASK ", ERROR_UNAVAILABLE },
		{ "OOM ", ERROR_UNAVAILABLE },
		{ "BUSY ", ERROR_UNAVAILABLE },
		{ "MISCONF ", ERROR_UNAVAILABLE },
		{ "NOREPLICAS ", ERROR_UNAVAILABLE },
		{ "UNBLOCKED ", ERROR_UNAVAILABLE },
		/* a script that met a key which had just moved to another node of the cluster */
		{ "ERR Script attempted to access a non local key", ERROR_UNAVAILABLE },
		{ "ERR max number of clients", ERROR_UNAVAILABLE },
		{ "ERR max requests", ERROR_UNAVAILABLE },
	};
	for (size_t index = 0; index < sizeof classes / sizeof *classes; index++)
		if (begins(message, classes[index].start))
			return classes[index].code;
	return ERROR_INTERNAL;
}

bool redis_refused(const redisReply *reply, const char *what, struct error *error)
{
	if (reply->type != REDIS_REPLY_ERROR)
		return error_set(error, ERROR_INTERNAL, "%s: Redis gave an answer of an unexpected kind", what);
	return error_set(error, redis_reply_code(reply->str), "%s: %s%s", what, reply->str,
			 begins(reply->str, "OOM ") ? " (maxmemory is reached: raise it or let the workers catch up)"
						    : "");
}

static char *copy_string(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;
	*failed = *failed || (text && !copy);
	return copy;
}

struct redis *redis_new(const struct redis_settings *settings, struct error *error)
{
	struct redis *redis = calloc(1, sizeof *redis);
	bool failed = !redis;
	if (redis) {
		redis->connect_ms = settings->connect_ms > 0 ? settings->connect_ms : DEFAULT_CONNECT_MS;
		redis->command_ms = settings->command_ms > 0 ? settings->command_ms : DEFAULT_COMMAND_MS;
		redis->reconnect_ms = settings->reconnect_ms;
		redis->ca = copy_string(settings->ca && *settings->ca ? settings->ca : NULL, &failed);
		redis->client_name = copy_string(settings->client_name, &failed);
	}
	if (failed) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "Redis: out of memory");
		redis_free(redis);
		return NULL;
	}
	if (!redis_url_parse(settings->url, &redis->url, error)) {
		redis_free(redis);
		return NULL;
	}
	if (redis->url.path)
		(void)snprintf(redis->where, sizeof redis->where, "%s", redis->url.path);
	else
		(void)snprintf(redis->where, sizeof redis->where, "%s:%d", redis->url.nodes[0].host, redis->url.nodes[0].port);
	return redis;
}

void redis_free(struct redis *redis)
{
	if (!redis)
		return;
	redis_drop(redis);
	SSL_CTX_free(redis->tls);
	redis_url_free(&redis->url);
	free(redis->ca);
	free(redis->client_name);
	free(redis);
}

const char *redis_where(const struct redis *redis)
{
	return redis->where;
}

int64_t redis_reconnect_ms(const struct redis *redis)
{
	return redis->reconnect_ms;
}

void redis_set_block(struct redis *redis, int64_t block_ms)
{
	redis->block_ms = block_ms;
	redis_set_timeout(redis, redis->command_ms + block_ms);
}

/* The node of "MOVED slot host:port" or "ASK slot host:port". An empty host means the one that said it. */
static bool read_node(const struct redis *redis, const char *message, struct redis_node *node)
{
	const char *address = strrchr(message, ' ');
	const char *colon = address ? strrchr(address, ':') : NULL;
	if (!colon)
		return false;
	bool named = colon > address + 1;
	if (!named && !redis->url.node_count)
		return false; /* a socket has no other port */
	const struct redis_node *here =
	    redis->led.host[0] || named ? &redis->led : &redis->url.nodes[redis->at % redis->url.node_count];
	(void)snprintf(node->host, sizeof node->host, "%.*s", named ? (int)(colon - address - 1) : (int)strlen(here->host),
		       named ? address + 1 : here->host);
	node->port = atoi(colon + 1);
	return true;
}

/*
 * True for an answer that another moment or another server may give differently. A server that has our slot no more is
 * left for the one that it names; one that is a replica now, or cut off from its own, for whoever the URL leads to.
 */
static bool not_now(struct redis *redis, const redisReply *reply)
{
	/* UNBLOCKED: a wait was ended because its server became a replica. */
	static const char *const elsewhere[] = { "READONLY ", "UNBLOCKED ", "MASTERDOWN ", "NOREPLICAS ", "CLUSTERDOWN " };
	/* BUSY: a script runs for very long. TRYAGAIN: of our keys some have moved to another node and some have not. */
	static const char *const later[] = { "LOADING ", "BUSY ", "TRYAGAIN ", "ASK " };
	struct redis_node node;
	if (reply->type != REDIS_REPLY_ERROR)
		return false;
	if (begins(reply->str, "MOVED ")) {
		bool named = read_node(redis, reply->str, &node);
		redis_drop(redis);
		if (named)
			redis->led = node;
		return true;
	}
	for (size_t index = 0; index < sizeof elsewhere / sizeof *elsewhere; index++)
		if (begins(reply->str, elsewhere[index])) {
			redis_leave(redis);
			return true;
		}
	for (size_t index = 0; index < sizeof later / sizeof *later; index++)
		if (begins(reply->str, later[index]))
			return true;
	return false;
}

static bool lost(struct redis *redis, struct error *error)
{
	const redisContext *context = redis->context;
	bool late = context->err == REDIS_ERR_IO && strstr(context->errstr, "temporarily unavailable");
	(void)error_set(error, context->err == REDIS_ERR_OOM ? ERROR_OUT_OF_MEMORY : ERROR_UNAVAILABLE,
			"Redis at %s: %s", redis->where,
			late	       ? "no answer in time"
			: context->err ? context->errstr
				       : "connection lost");
	redis_drop(redis);
	return false;
}

bool redis_append(struct redis *redis, int argc, const char **argv, const size_t *lengths, struct error *error)
{
	if (!redis->outstanding && !redis_connect(redis, redis->reconnect_ms, error))
		return false;
	if (redisAppendCommandArgv(redis->context, argc, argv, lengths) != REDIS_OK)
		return lost(redis, error);
	redis->outstanding++;
	return true;
}

bool redis_append_formatted(struct redis *redis, const char *command, size_t length, struct error *error)
{
	if (!redis->outstanding && !redis_connect(redis, redis->reconnect_ms, error))
		return false;
	if (redisAppendFormattedCommand(redis->context, command, length) != REDIS_OK)
		return lost(redis, error);
	redis->outstanding++;
	return true;
}

bool redis_flush(struct redis *redis, struct error *error)
{
	for (int done = !redis->context; !done;)
		if (redisBufferWrite(redis->context, &done) != REDIS_OK)
			return lost(redis, error);
	return true;
}

/* The next reply as it is. */
static redisReply *read_reply(struct redis *redis, struct error *error)
{
	void *reply = NULL;
	if (redisGetReply(redis->context, &reply) != REDIS_OK) {
		(void)lost(redis, error);
		return NULL;
	}
	redis->outstanding--;
	return reply;
}

size_t redis_outstanding(const struct redis *redis)
{
	return redis->outstanding;
}

redisReply *redis_reply(struct redis *redis, struct error *error)
{
	if (!redis->outstanding) {
		(void)error_set(error, ERROR_UNAVAILABLE, "Redis at %s: connection lost", redis->where);
		return NULL;
	}
	redisReply *reply = read_reply(redis, error);
	if (reply && not_now(redis, reply)) {
		(void)redis_refused(reply, redis->where, error);
		freeReplyObject(reply);
		redis_drop(redis);
		return NULL;
	}
	return reply;
}

/*
 * Our slot is moving, and the answer "ASK slot host:port" says that the key is at the other node already, which takes the
 * command only when ASKING is said before. The other connection is kept for the next one, until the slot has moved.
 */
static redisReply *ask_there(struct redis *redis, const struct redis_node *node, int argc, const char **argv,
			     const size_t *lengths, struct error *error)
{
	const char *asking[] = { "ASKING" };
	struct redis there = *redis; /* URL, authorities and timeouts are the same */
	bool known = strcmp(redis->asked.node.host, node->host) == 0 && redis->asked.node.port == node->port;
	if (!known)
		redisFree(redis->asked.context);
	there.context = known ? redis->asked.context : NULL;
	there.outstanding = 0;
	there.asked.context = redis->asked.context = NULL; /* from here on it is `there` that has it */
	there.led = *node;
	redisReply *reply = NULL;
	bool sent = (there.context || redis_connect_once(&there, error)) && redis_append(&there, 1, asking, NULL, error) &&
		    redis_append(&there, argc, argv, lengths, error);
	redis_set_timeout(&there, redis->command_ms + redis->block_ms);
	freeReplyObject(sent ? read_reply(&there, error) : NULL);
	if (sent && there.context)
		reply = read_reply(&there, error);
	redis->asked.node = *node;
	redis->asked.context = there.context;
	return reply;
}

/* One command and its reply, wherever an ASK leads; NULL when there was none. */
static redisReply *command_once(struct redis *redis, int argc, const char **argv, const size_t *lengths,
				struct error *error)
{
	struct redis_node node;
	redisReply *reply = redis_append(redis, argc, argv, lengths, error) ? read_reply(redis, error) : NULL;
	if (!reply || reply->type != REDIS_REPLY_ERROR || !begins(reply->str, "ASK ") ||
	    !read_node(redis, reply->str, &node))
		return reply;
	freeReplyObject(reply);
	return ask_there(redis, &node, argc, argv, lengths, error);
}

redisReply *redis_command(struct redis *redis, bool again, int argc, const char **argv, const size_t *lengths,
			  struct error *error)
{
	int64_t end_ms = clock_monotonic_ms() + redis->reconnect_ms;
	for (int attempt = 0;; attempt++) {
		int64_t left_ms = end_ms - clock_monotonic_ms();
		if (!redis_connect(redis, left_ms > 0 ? left_ms : 0, error))
			return NULL;
		struct error why = { 0 };
		redisReply *reply = command_once(redis, argc, argv, lengths, &why);
		bool answered = reply != NULL;
		if (reply && !not_now(redis, reply))
			return reply;
		left_ms = end_ms - clock_monotonic_ms();
		if (reply && left_ms <= 0)
			return reply;
		if (reply)
			(void)redis_refused(reply, redis->where, &why);
		freeReplyObject(reply);
		if (!answered && !again) {
			(void)error_set(error, why.code, "%s; whether the command took effect is not known",
					why.message);
			return NULL;
		}
		if (left_ms <= 0 || !error_is_transient(why.code)) {
			(void)error_set(error, why.code, "%s", why.message);
			return NULL;
		}
		log_warning("redis_retry", log_failure(&why));
		int64_t pause_ms = clock_backoff_ms(attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
		clock_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
	}
}

const char *redis_script_sha(struct redis *redis, const char *script, struct error *error)
{
	for (size_t index = 0; index < redis->script_count; index++)
		if (redis->scripts[index].script == script)
			return redis->scripts[index].sha;
	unsigned char sum[EVP_MAX_MD_SIZE];
	if (redis->script_count == MOST_SCRIPTS ||
	    EVP_Digest(script, strlen(script), sum, NULL, EVP_sha1(), NULL) != 1) {
		(void)error_set(error, ERROR_INTERNAL, "Redis script: cannot compute its SHA-1, or too many scripts");
		return NULL;
	}
	char *sha = redis->scripts[redis->script_count].sha;
	for (size_t index = 0; index < 20; index++)
		(void)snprintf(sha + 2 * index, 3, "%02x", sum[index]);
	redis->scripts[redis->script_count++].script = script;
	return sha;
}

bool redis_script_load(struct redis *redis, const char *script, struct error *error)
{
	const char *argv[] = { "SCRIPT", "LOAD", script };
	redisReply *reply = redis_command(redis, true, 3, argv, NULL, error);
	bool loaded = reply && (reply->type == REDIS_REPLY_STRING || redis_refused(reply, "SCRIPT LOAD", error));
	freeReplyObject(reply);
	if (loaded && redis->asked.context) { /* it may have been that node which lacks it */
		struct redis_node node = redis->asked.node;
		reply = ask_there(redis, &node, 3, argv, NULL, error);
		loaded = reply && (reply->type == REDIS_REPLY_STRING || redis_refused(reply, "SCRIPT LOAD", error));
		freeReplyObject(reply);
	}
	return loaded;
}

bool redis_is_noscript(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ERROR && begins(reply->str, "NOSCRIPT ");
}

redisReply *redis_script(struct redis *redis, bool again, const char *script, int key_count, int argc,
			 const char **argv, const size_t *lengths, struct error *error)
{
	const char *sha = redis_script_sha(redis, script, error);
	const char **words = sha ? calloc((size_t)argc + 3, sizeof *words) : NULL;
	size_t *word_lengths = calloc((size_t)argc + 3, sizeof *word_lengths);
	redisReply *reply = NULL;
	char keys[16];
	if (!words || !word_lengths) {
		if (sha)
			(void)error_set(error, ERROR_OUT_OF_MEMORY, "Redis script: out of memory");
		goto out;
	}
	(void)snprintf(keys, sizeof keys, "%d", key_count);
	words[0] = "EVALSHA";
	words[1] = sha;
	words[2] = keys;
	for (int index = 0; index < argc; index++)
		words[index + 3] = argv[index];
	for (int index = 0; index < argc + 3; index++)
		word_lengths[index] = index >= 3 && lengths ? lengths[index - 3] : strlen(words[index]);
	/* A second NOSCRIPT means that the server changed between the two; a third would be a fault of ours. */
	for (int attempt = 0; attempt < 3; attempt++) {
		reply = redis_command(redis, again, argc + 3, words, word_lengths, error);
		if (!reply || !redis_is_noscript(reply) || attempt == 2)
			break;
		freeReplyObject(reply);
		reply = NULL;
		if (!redis_script_load(redis, script, error))
			break;
	}
out:
	free(words);
	free(word_lengths);
	return reply;
}
