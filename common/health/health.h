/*
 * Whether the services that a command needs are well. Each is probed by a thread of its own, once in an interval and never
 * more often, however many ask: answers come from the last probe, in no time and without touching the service. So a load
 * balancer, a hundred browsers and an attacker cost a dependency the same, and one that hangs delays no other.
 *
 * /health of filot-api and filot-healthd is written here:
 *
 *   {"status":"ok|degraded|down","version":…,"checks":{"redis":{"status":"ok|degraded|down|off|unknown","latency_ms":…,
 *    "since":…,"checked_at":…,"last_success":…,"error"?:…},"database":…,"storage":…,"queue":…,"temporal":…}}
 *
 * off: not configured. unknown: not probed yet. since: when it came to be in this status. error: why it is not ok, without
 * secrets (addresses, not credentials). Times and latencies that there are not yet are left out. down as a whole: a required check is down or unknown; degraded: any other is not ok.
 */
#ifndef FILOT_HEALTH_H
#define FILOT_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/metrics.h"
#include "common/temporal/temporal_options.h"

enum health_status { HEALTH_OFF, HEALTH_OK, HEALTH_DEGRADED, HEALTH_DOWN, HEALTH_UNKNOWN };

extern const char *const health_status_names[HEALTH_UNKNOWN + 1];

/* Looks once at a service: HEALTH_OK, or DEGRADED or DOWN with *error filled. Must return within some seconds. */
typedef enum health_status health_probe(void *context, struct error *error);

struct health_check {
	const char *name;
	bool required; /* while it is down, the whole is */
	health_probe *probe; /* NULL: off */
	void *context;
	void (*close)(void *context); /* NULL: nothing to close; called by health_stop, also when health_start failed */
};

#define HEALTH_MOST_CHECKS 8
#define HEALTH_INTERVAL_MS 5000

struct health;

/* Starts a thread for each check that is not off. The array is copied, its strings stay the caller's. 0: HEALTH_INTERVAL_MS. */
struct health *health_start(const struct health_check *checks, size_t count, int64_t interval_ms, struct error *error);

/* Waits for the probes that run; NULL is fine. */
void health_stop(struct health *health);

/* Waits until every check was probed once, at most wait_ms. True when they all were. */
bool health_wait_first(struct health *health, int64_t wait_ms);

struct health_report {
	const char *name;
	bool required;
	enum health_status status;
	int64_t latency_us; /* of the last probe; -1: none yet */
	int64_t since_ms, checked_ms, success_ms; /* Unix; 0: never */
	struct error error; /* why it is not ok */
	int64_t probes; /* made so far */
};

/* Copies of all checks; returns how many. */
size_t health_read(struct health *health, struct health_report reports[static HEALTH_MOST_CHECKS]);

/* HEALTH_OK, HEALTH_DEGRADED or HEALTH_DOWN: for readiness. */
enum health_status health_overall(struct health *health);

/* Appends the JSON object above and returns the status that it says: 200 goes with ok and degraded, 503 with down. */
enum health_status health_write(struct health *health, struct buffer *json);

/* The same for who asks from outside: each error is only its code, as "unavailable"; the log has the rest. */
enum health_status health_write_public(struct health *health, struct buffer *json);

/* filot_dependency_up and filot_dependency_latency_seconds. */
void health_metrics(struct health *health, struct metrics *metrics);

/*
 * The checks of FiLot: redis, database, storage, queue, temporal, in this order; what has no URL is off. Each has a
 * connection of its own. The process must have called http_setup. Strings must live until health_stop.
 */
struct health_services {
	const char *command; /* client name */
	const char *redis_url, *redis_ca, *queue_name;
	const char *database_url;
	const char *r2_endpoint, *r2_access_key, *r2_secret_key, *r2_bucket, *r2_region;
	struct temporal_place temporal;
	int64_t visibility_ms; /* the workers': one unseen for three of it is gone; 0: 60 s */
	int64_t timeout_ms; /* for each service; 0: 3 s */
	/* Queue: degraded when jobs wait and no worker lives, or the oldest has waited for longer than this; 0: never */
	int64_t oldest_degraded_ms;
};

#define HEALTH_SERVICE_COUNT 5

/* Fills `checks`; give them to health_start, which owns their contexts then. ERROR_CONFIG for a URL that is none. */
bool health_services_open(const struct health_services *services, struct health_check checks[static HEALTH_SERVICE_COUNT],
			  struct error *error);

#endif
