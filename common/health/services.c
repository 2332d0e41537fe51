/*
 * The probes of FiLot's own services. Each does the least that shows the service at work for us, and not only that
 * something listens: log in and run a statement that touches our table, a signed request for an object of our bucket, the
 * script that looks at our queue.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/health/health.h"
#include "common/http/http.h"
#include "common/pg/pg.h"
#include "common/redis/queue_admin.h"
#include "common/store/store.h"
#include "common/temporal/client.h"

#define TIMEOUT_MS 3000
#define VISIBILITY_MS 60000
#define PROBE_KEY ".filot-health" /* need not exist: "no such key" is the bucket's answer to who may read it */
#define PROBE_BODY_BYTES 65536
#define TEMPORAL_BODY_BYTES (256 * 1024)

/* What any of the probes needs. */
struct service {
	struct health_services copy; /* with defaults filled in */
	struct redis *redis;
	struct queue *queue;
	struct pg *pg;
	struct store *store;
	struct http *http;
	struct buffer url, authorization;
};

static void close_service(void *context)
{
	struct service *service = context;
	queue_free(service->queue);
	redis_free(service->redis);
	pg_free(service->pg);
	store_free(service->store);
	http_free(service->http);
	buffer_free(&service->url);
	buffer_free(&service->authorization);
	free(service);
}

static bool open_redis(struct service *service, struct error *error)
{
	const struct redis_settings settings = { .url = service->copy.redis_url, .ca = service->copy.redis_ca,
						 .client_name = service->copy.command,
						 .connect_ms = service->copy.timeout_ms,
						 .command_ms = service->copy.timeout_ms };
	service->redis = redis_new(&settings, error);
	return service->redis != NULL;
}

/* ---- redis ---- */

static enum health_status probe_redis(void *context, struct error *error)
{
	struct service *service = context;
	const char *argv[] = { "PING" };
	redisReply *reply = redis_command(service->redis, true, 1, argv, NULL, error);
	bool good = reply && (reply->type != REDIS_REPLY_ERROR || redis_refused(reply, "PING", error));
	freeReplyObject(reply);
	return good ? HEALTH_OK : HEALTH_DOWN;
}

/* ---- queue ---- */

static bool open_queue(struct service *service, struct error *error)
{
	struct queue_settings settings = queue_default_settings;
	settings.name = service->copy.queue_name;
	settings.visibility_ms = service->copy.visibility_ms;
	service->queue = open_redis(service, error) ? queue_new(&settings, service->redis, error) : NULL;
	return service->queue != NULL;
}

static enum health_status probe_queue(void *context, struct error *error)
{
	struct service *service = context;
	struct queue_stats stats;
	if (!queue_stats(service->queue, &stats, error))
		return HEALTH_DOWN;
	int64_t ready = 0, most_ms = service->copy.oldest_degraded_ms;
	for (int priority = 0; priority < JOB_PRIORITY_COUNT; priority++)
		ready += stats.ready[priority];
	if (ready && !stats.workers) {
		(void)error_set(error, ERROR_UNAVAILABLE, "%" PRId64 " job%s, and no worker is seen: start filot-ocr-gpu --queue",
				ready, ready == 1 ? " waits" : "s wait");
		return HEALTH_DEGRADED;
	}
	if (ready && most_ms && stats.oldest_ms > most_ms) {
		(void)error_set(error, ERROR_TIMEOUT,
				"the oldest of %" PRId64 " waiting jobs has waited for %" PRId64 " s: add workers", ready,
				stats.oldest_ms / 1000);
		return HEALTH_DEGRADED;
	}
	return HEALTH_OK;
}

/* ---- database ---- */

static bool open_database(struct service *service, struct error *error)
{
	const struct pg_settings settings = { .url = service->copy.database_url,
					      .application_name = service->copy.command,
					      .connect_ms = service->copy.timeout_ms,
					      .statement_ms = service->copy.timeout_ms };
	service->pg = pg_new(&settings, error);
	return service->pg != NULL;
}

static enum health_status probe_database(void *context, struct error *error)
{
	struct service *service = context;
	/* A connection that the server has closed meanwhile is noticed by the statement; then a new one shows how it is. */
	for (int try = 0; try < 2; try++) {
		*error = (struct error){ 0 };
		PGresult *result =
		    pg_query(service->pg, true, "SELECT to_regclass('jobs') IS NOT NULL", 0, NULL, error);
		if (!result && error->code == ERROR_UNAVAILABLE && try == 0)
			continue;
		if (!result)
			return HEALTH_DOWN;
		bool there = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
		PQclear(result);
		if (there)
			return HEALTH_OK;
		(void)error_set(error, ERROR_CONFIG, "%s has no table \"jobs\": run filot-migrate up",
				pg_where(service->pg));
		return HEALTH_DOWN;
	}
	return HEALTH_DOWN;
}

/* ---- storage ---- */

static bool open_storage(struct service *service, struct error *error)
{
	const struct health_services *services = &service->copy;
	const struct store_settings settings = {
		.endpoint = services->r2_endpoint,
		.access_key = services->r2_access_key,
		.secret_key = services->r2_secret_key,
		.bucket = services->r2_bucket,
		.region = services->r2_region,
		.attempts = 1,
		.limits = { .connect_ms = services->timeout_ms, .total_ms = services->timeout_ms, .body_bytes = PROBE_BODY_BYTES },
	};
	service->store = store_new(&settings, error);
	return service->store != NULL;
}

static enum health_status probe_storage(void *context, struct error *error)
{
	struct service *service = context;
	struct buffer bytes = { 0 };
	struct store_object object;
	bool there = store_get_memory(service->store, NULL, PROBE_KEY, &bytes, &object, error);
	buffer_free(&bytes);
	/* S3 says NoSuchKey of a bucket that is there, and NoSuchBucket otherwise: both are 404. */
	bool no_bucket = error->code == ERROR_NOT_FOUND && strstr(error->message, "NoSuchBucket");
	if (there || error->code == ERROR_TOO_LARGE || (error->code == ERROR_NOT_FOUND && !no_bucket)) {
		*error = (struct error){ 0 };
		return HEALTH_OK;
	}
	return HEALTH_DOWN;
}

/* ---- Temporal ---- */

static bool open_temporal(struct service *service, struct error *error)
{
	temporal_url(&service->copy.temporal, &service->url);
	temporal_authorization(&service->copy.temporal, &service->authorization);
	if (service->url.failed || service->authorization.failed)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a health check");
	service->http = http_new(error);
	return service->http != NULL;
}

static enum health_status probe_temporal(void *context, struct error *error)
{
	struct service *service = context;
	char where[HTTP_WHERE_SIZE];
	const char *headers[] = { service->authorization.data, NULL };
	const struct http_request request = { .method = "GET", .url = service->url.data, .headers = headers, .upload = -1,
					      .download = -1, .attempts = 1,
					      .limits = { .connect_ms = service->copy.timeout_ms,
							  .total_ms = service->copy.timeout_ms,
							  .body_bytes = TEMPORAL_BODY_BYTES } };
	struct http_response response;
	if (!http_send(service->http, &request, &response, error))
		return HEALTH_DOWN;
	buffer_free(&response.body);
	if (response.status >= 200 && response.status <= 299)
		return HEALTH_OK;
	(void)error_set(error, ERROR_UNAVAILABLE, "%s answers HTTP %ld%s", http_where(service->url.data, where),
			response.status,
			response.status == 401 || response.status == 403 ? ": check FILOT_TEMPORAL_API_KEY" :
			response.status == 404				 ? ": check FILOT_TEMPORAL_NAMESPACE" :
									   "");
	return HEALTH_DOWN;
}

/* ---- all of them ---- */

struct kind {
	const char *name;
	bool required;
	bool (*open)(struct service *service, struct error *error);
	health_probe *probe;
};

static bool open_check(const struct kind *kind, const struct health_services *services, struct health_check *check,
		       struct error *error)
{
	struct service *service = calloc(1, sizeof *service);
	if (!service)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a health check");
	service->copy = *services;
	service->copy.timeout_ms = services->timeout_ms > 0 ? services->timeout_ms : TIMEOUT_MS;
	service->copy.visibility_ms = services->visibility_ms > 0 ? services->visibility_ms : VISIBILITY_MS;
	if (!kind->open(service, error)) {
		close_service(service);
		return false;
	}
	check->probe = kind->probe;
	check->context = service;
	check->close = close_service;
	return true;
}

bool health_services_open(const struct health_services *services, struct health_check checks[static HEALTH_SERVICE_COUNT],
			  struct error *error)
{
	static const struct kind kinds[HEALTH_SERVICE_COUNT] = {
		{ "redis", true, open_redis, probe_redis },
		{ "database", true, open_database, probe_database },
		{ "storage", true, open_storage, probe_storage },
		{ "queue", true, open_queue, probe_queue },
		/* verifications wait for it in the outbox: nothing that is asked now needs it */
		{ "temporal", false, open_temporal, probe_temporal },
	};
	const char *const given[HEALTH_SERVICE_COUNT] = { services->redis_url, services->database_url,
							  services->r2_endpoint, services->redis_url,
							  services->temporal.endpoint };
	for (size_t index = 0; index < HEALTH_SERVICE_COUNT; index++)
		checks[index] = (struct health_check){ .name = kinds[index].name, .required = kinds[index].required };
	for (size_t index = 0; index < HEALTH_SERVICE_COUNT; index++)
		if (given[index] && !open_check(&kinds[index], services, &checks[index], error)) {
			for (size_t opened = 0; opened < index; opened++)
				if (checks[opened].close)
					checks[opened].close(checks[opened].context);
			return false;
		}
	return true;
}
