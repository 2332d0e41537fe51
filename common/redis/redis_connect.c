/*
 * Making one connection: which node, TCP or socket, TLS, AUTH, SELECT. hiredis' own TLS set-up sends SNI but does not
 * compare the certificate's name, so the SSL object is made here, with OpenSSL's check of the host switched on, and
 * given to hiredis.
 */
#include "common/redis/redis_private.h"

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/stop.h"

#define KEEPALIVE_S 15
#define BACKOFF_BASE_MS 50
#define BACKOFF_CAP_MS 2000

void redis_drop(struct redis *redis)
{
	redisFree(redis->context);
	redisFree(redis->asked.context);
	redis->context = redis->asked.context = NULL;
	redis->outstanding = 0;
}

void redis_leave(struct redis *redis)
{
	redis_drop(redis);
	redis->led.host[0] = '\0';
	redis->at++;
}

static struct timeval timeval_of(int64_t ms)
{
	if (ms < 1)
		ms = 1; /* zero would mean for ever */
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

void redis_set_timeout(struct redis *redis, int64_t ms)
{
	if (redis->context)
		(void)redisSetTimeout(redis->context, timeval_of(ms));
}

static bool unavailable(struct redis *redis, const char *why, struct error *error)
{
	return error_set(error, ERROR_UNAVAILABLE, "Redis at %s: %s", redis->where, why);
}

/* The newest reason of OpenSSL, and its queue emptied. */
static const char *tls_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	ERR_clear_error();
	return reason ? reason : "no reason given";
}

static bool make_tls_context(struct redis *redis, struct error *error)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	if (!tls)
		return error_set(error, ERROR_INTERNAL, "Redis TLS: %s", tls_reason());
	(void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	int loaded =
	    redis->ca ? SSL_CTX_load_verify_locations(tls, redis->ca, NULL) : SSL_CTX_set_default_verify_paths(tls);
	if (loaded != 1) {
		(void)error_set(error, ERROR_CONFIG, "Redis TLS: authorities from %s: %s",
				redis->ca ? redis->ca : "the system", tls_reason());
		SSL_CTX_free(tls);
		return false;
	}
	redis->tls = tls;
	return true;
}

/* An SSL object that accepts only a certificate for `host`. */
static SSL *make_tls(struct redis *redis, const char *host)
{
	SSL *ssl = SSL_new(redis->tls);
	if (!ssl)
		return NULL;
	unsigned char address[sizeof(struct in6_addr)];
	bool numeric = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	bool set = numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
			   : SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
	if (!set) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

static bool start_tls(struct redis *redis, const char *host, struct error *error)
{
	if (!redis->tls && !make_tls_context(redis, error))
		return false;
	SSL *ssl = make_tls(redis, host);
	if (!ssl)
		return error_set(error, ERROR_INTERNAL, "Redis TLS: %s", tls_reason());
	if (redisInitiateSSL(redis->context, ssl) == REDIS_OK)
		return true; /* the context owns it now */
	long verdict = SSL_get_verify_result(ssl);
	if (verdict == X509_V_OK)
		(void)unavailable(
		    redis, strstr(redis->context->errstr, "(null)") ? "TLS: no answer in time" : redis->context->errstr,
		    error);
	else
		(void)error_set(error, ERROR_CONFIG, "Redis at %s: its certificate does not verify: %s", redis->where,
				X509_verify_cert_error_string(verdict));
	SSL_free(ssl);
	ERR_clear_error();
	return false;
}

/* Reads the reply of one greeting command; `needed` when its refusal ends the attempt. */
static bool greet_reply(struct redis *redis, const char *what, bool needed, struct error *error)
{
	void *reply = NULL;
	if (redisGetReply(redis->context, &reply) != REDIS_OK)
		return unavailable(redis, redis->context->errstr, error);
	const redisReply *answer = reply;
	bool good = true;
	if (needed && answer->type == REDIS_REPLY_ERROR) {
		enum error_code code = redis_reply_code(answer->str);
		if (code ==
		    ERROR_INTERNAL) /* "ERR AUTH <password> called without any password configured", "ERR DB index …" */
			code = ERROR_CONFIG;
		good = error_set(error, code, "Redis at %s: %s: %s", redis->where, what, answer->str);
	}
	freeReplyObject(reply);
	return good;
}

bool redis_append_auth(struct redis *redis)
{
	const struct redis_url *url = &redis->url;
	const char *words[] = { "AUTH", url->user, url->password };
	const char *password_only[] = { "AUTH", url->password };
	return redisAppendCommandArgv(redis->context, url->user ? 3 : 2, url->user ? words : password_only, NULL) == REDIS_OK;
}

/* A server that Sentinel named may have been replaced since. Who may not ask ROLE learns it by READONLY. */
static bool is_master(struct redis *redis, struct error *error)
{
	void *reply = NULL;
	if (redisGetReply(redis->context, &reply) != REDIS_OK)
		return unavailable(redis, redis->context->errstr, error);
	const redisReply *role = reply;
	bool good = role->type != REDIS_REPLY_ARRAY || !role->elements || role->element[0]->type != REDIS_REPLY_STRING ||
		    strcmp(role->element[0]->str, "master") == 0 ||
		    unavailable(redis, "Sentinel names it, but it is not the master", error);
	freeReplyObject(reply);
	return good;
}

/*
 * AUTH, SELECT and CLIENT SETNAME in one round trip, then PING, which tells LOADING and NOAUTH before work begins, and
 * ROLE of a server that Sentinel named.
 */
static bool greet(struct redis *redis, struct error *error)
{
	const struct redis_url *url = &redis->url;
	char database[16];
	(void)snprintf(database, sizeof database, "%d", url->database);
	const char *select[] = { "SELECT", database };
	const char *name[] = { "CLIENT", "SETNAME", redis->client_name };
	const char *ping[] = { "PING" };
	const char *role[] = { "ROLE" };
	redisContext *context = redis->context;
	bool appended = !url->password || redis_append_auth(redis);
	if (url->database)
		appended = appended && redisAppendCommandArgv(context, 2, select, NULL) == REDIS_OK;
	if (redis->client_name)
		appended = appended && redisAppendCommandArgv(context, 3, name, NULL) == REDIS_OK;
	appended = appended && redisAppendCommandArgv(context, 1, ping, NULL) == REDIS_OK;
	if (url->master)
		appended = appended && redisAppendCommandArgv(context, 1, role, NULL) == REDIS_OK;
	if (!appended)
		return error_set(error, ERROR_OUT_OF_MEMORY, "Redis: out of memory");
	return (!url->password || greet_reply(redis, "AUTH", true, error)) &&
	       (!url->database || greet_reply(redis, "SELECT", true, error)) &&
	       (!redis->client_name || greet_reply(redis, "CLIENT SETNAME", false, error)) &&
	       greet_reply(redis, "PING", true, error) && (!url->master || is_master(redis, error));
}

bool redis_open(struct redis *redis, const struct redis_node *node, int64_t limit_ms, struct error *error)
{
	int64_t end_ms = clock_monotonic_ms() + limit_ms;
	struct timeval limit = timeval_of(limit_ms);
	redisOptions options = { .connect_timeout = &limit, .command_timeout = &limit };
	if (redis->url.path) {
		(void)snprintf(redis->where, sizeof redis->where, "%s", redis->url.path);
		REDIS_OPTIONS_SET_UNIX(&options, redis->url.path);
	} else {
		(void)snprintf(redis->where, sizeof redis->where, strchr(node->host, ':') ? "[%s]:%d" : "%s:%d", node->host,
			       node->port);
		REDIS_OPTIONS_SET_TCP(&options, node->host, node->port);
	}
	redis->context = redisConnectWithOptions(&options);
	if (!redis->context)
		return error_set(error, ERROR_OUT_OF_MEMORY, "Redis: out of memory");
	if (redis->context->err)
		return unavailable(redis, redis->context->errstr, error);
	if (!redis->url.path) {
		(void)redisEnableKeepAliveWithInterval(redis->context, KEEPALIVE_S);
		(void)redisSetTcpUserTimeout(redis->context, (unsigned)(2 * KEEPALIVE_S * 1000));
	}
	redis_set_timeout(redis, end_ms - clock_monotonic_ms());
	bool good = !redis->url.tls || start_tls(redis, node->host, error);
	redis_set_timeout(redis, end_ms - clock_monotonic_ms());
	return good;
}

bool redis_connect_once(struct redis *redis, struct error *error)
{
	redis_drop(redis);
	if (redis->url.master && !redis_sentinel_ask(redis, error))
		return false;
	const struct redis_node *node =
	    redis->led.host[0] ? &redis->led : &redis->url.nodes[redis->url.node_count ? redis->at % redis->url.node_count : 0];
	if (redis_open(redis, node, redis->connect_ms, error) && greet(redis, error)) {
		redis_set_timeout(redis, redis->command_ms + redis->block_ms);
		return true;
	}
	redis_leave(redis); /* the node may be gone for good, or what led us to it may know no better */
	return false;
}

bool redis_connect(struct redis *redis, int64_t wait_ms, struct error *error)
{
	int64_t end_ms = clock_monotonic_ms() + wait_ms;
	int stops = stop_requests;
	for (int attempt = 0; !redis->context; attempt++) {
		struct error why = { 0 };
		if (redis_connect_once(redis, &why))
			break;
		int64_t left_ms = end_ms - clock_monotonic_ms();
		if (!error_is_transient(why.code) || left_ms <= 0 || stop_requests != stops)
			return error_set(error, why.code, "%s", why.message);
		int64_t pause_ms = 1 + clock_backoff_ms(attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
		clock_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
	}
	return true;
}
