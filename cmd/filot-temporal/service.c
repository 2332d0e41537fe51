/*
 * One workflow at a time, its events in their order, each recorded before the next: a process that dies in between tells
 * one of them twice, which Temporal takes once. While Temporal is down each round ends with its first failure, and rounds
 * come at growing intervals, so that it is probed and not hammered.
 */
#include "cmd/filot-temporal/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/base/write_all.h"
#include "common/pg/pg.h"
#include "common/redis/metrics_publish.h"
#include "common/temporal/event.h"
#include "workflows_due_sql.h"
#include "workflows_release_sql.h"
#include "workflows_told_sql.h"

enum column { ID, ATTEMPTS, START, READ, DECIDED, STATE, FINAL, START_DATA, READ_DATA, DECIDED_DATA };

struct service {
	const struct tell_settings *settings;
	struct pg *pg;
	struct temporal_client client;
	struct metrics *metrics; /* NULL: nobody keeps figures */
};

bool receipt_print(const char *event, const char *verification, const struct temporal_answer *answer,
		   struct error *error)
{
	struct buffer line = { 0 };
	temporal_receipt_write(&line, event, verification, answer);
	bool good = !line.failed && write_all(STDOUT_FILENO, line.data, line.length);
	buffer_free(&line);
	return good || error_set(error, ERROR_INTERNAL, "writing standard output: %s", strerror(errno));
}

static bool is_true(const PGresult *row, int column)
{
	return PQgetvalue(row, 0, column)[0] == 't';
}

static bool release(struct service *service, const char *id, int64_t delay_ms, const char *why, const char *closed,
		    struct error *error)
{
	char delay[24];
	(void)snprintf(delay, sizeof delay, "%" PRId64, delay_ms);
	const char *values[] = { id, delay, why, closed };
	PGresult *result = pg_query(service->pg, false, workflows_release_sql, 4, values, error);
	PQclear(result);
	return result != NULL;
}

/* One event. *answer says how it went; what was taken is recorded. */
static bool tell(struct service *service, const PGresult *row, enum temporal_event event, struct temporal_answer *answer,
		 struct error *error)
{
	const char *id = PQgetvalue(row, 0, ID), *state = PQgetvalue(row, 0, STATE);
	const char *data = PQgetvalue(row, 0, (int)START_DATA + (int)event);
	int64_t start_us = clock_monotonic_us();
	if (!temporal_tell(&service->client, event, id, state, data, answer, error))
		return false;
	metrics_count(service->metrics, METRIC_TEMPORAL_CALLS, 1, temporal_event_names[event],
		      temporal_outcome_names[answer->outcome]);
	metrics_time_us(service->metrics, METRIC_TEMPORAL_SECONDS, clock_monotonic_us() - start_us,
			temporal_event_names[event]);
	if (!receipt_print(temporal_event_names[event], id, answer, error))
		return false;
	bool taken = answer->outcome == TEMPORAL_DONE || answer->outcome == TEMPORAL_ALREADY;
	log_write(taken ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "temporal",
		  (const struct log_field[]){ log_string("verification", id), log_string("told", temporal_event_names[event]),
					      log_integer("http_status", answer->status),
					      log_string("why", taken ? NULL : answer->why.message), { .name = NULL } });
	if (!taken)
		return true;
	bool closes = event == TEMPORAL_DECIDED && is_true(row, FINAL);
	const char *values[] = { id, temporal_event_names[event], answer->run_id, state, closes ? "true" : "false" };
	PGresult *result = pg_query(service->pg, true, workflows_told_sql, 5, values, error);
	PQclear(result);
	return result != NULL;
}

/* All that is due for one workflow. *well false: Temporal does not take it now. */
static bool tell_workflow(struct service *service, const PGresult *row, bool *well, struct error *error)
{
	const struct tell_settings *settings = service->settings;
	const char *id = PQgetvalue(row, 0, ID);
	struct temporal_answer answer = { 0 };
	*well = true;
	for (int event = 0; event < TEMPORAL_EVENT_COUNT; event++) {
		if (!is_true(row, (int)START + event))
			continue;
		if (!tell(service, row, (enum temporal_event)event, &answer, error))
			return false;
		if (answer.outcome == TEMPORAL_GONE || answer.outcome == TEMPORAL_REFUSED)
			return release(service, id, 0, answer.why.message,
				       answer.outcome == TEMPORAL_GONE ? "gone" : "refused", error);
		if (answer.outcome == TEMPORAL_MAY_PASS) {
			long attempts = strtol(PQgetvalue(row, 0, ATTEMPTS), NULL, 10);
			int64_t delay_ms = clock_backoff_ms(attempts < 30 ? (int)attempts : 30, settings->backoff_base_ms,
							    settings->backoff_cap_ms);
			*well = false;
			return release(service, id, delay_ms > answer.retry_after_ms ? delay_ms : answer.retry_after_ms,
				       answer.why.message, NULL, error);
		}
	}
	return release(service, id, 0, NULL, NULL, error);
}

/* *found: there was a workflow with something to tell. */
static bool tell_next(struct service *service, bool *found, bool *well, struct error *error)
{
	char claim[32];
	/* Three calls, and the statements between them. */
	(void)snprintf(claim, sizeof claim, "%" PRId64, service->settings->temporal.total_ms * 3 / 1000 + 60);
	const char *values[] = { service->settings->identity, claim };
	PGresult *row = pg_query(service->pg, false, workflows_due_sql, 2, values, error);
	*well = true;
	*found = row && PQntuples(row) == 1;
	bool good = row && (!*found || tell_workflow(service, row, well, error));
	PQclear(row);
	return good;
}

static bool run(struct service *service, struct error *error)
{
	const struct tell_settings *settings = service->settings;
	for (int failures = 0; !stop_requests;) {
		struct error why = { 0 };
		bool found = false, well = true;
		bool good = tell_next(service, &found, &well, &why);
		if (!good)
			log_warning("round_failed", log_failure(&why));
		if (settings->once && (!good || !well))
			return error_set(error, good ? ERROR_TRY_AGAIN : why.code, "%s",
					 good ? "Temporal did not take everything; the rest is kept" : why.message);
		if (settings->once && !found)
			return true;
		failures = good && well ? 0 : failures + 1;
		if (failures)
			clock_sleep_ms(settings->poll_ms / 2 + clock_backoff_ms(failures < 30 ? failures : 30, settings->poll_ms / 2 + 1,
										settings->backoff_cap_ms));
		else if (!found)
			clock_sleep_ms(settings->poll_ms);
	}
	return !settings->once || error_set(error, ERROR_TRY_AGAIN, "stopped before all was told");
}

bool service_run(const struct tell_settings *settings, struct error *error)
{
	const struct pg_settings database = { .url = settings->database_url, .application_name = "filot-temporal",
					      .connect_ms = 5000, .statement_ms = 10 * 1000, .reconnect_ms = 10 * 1000 };
	struct metrics_publish_settings publishing = { .redis_url = settings->redis_url, .redis_ca = settings->redis_ca,
						       .queue_name = settings->jobs_queue_name, .command = "filot-temporal" };
	struct service service = { .settings = settings };
	struct metrics_publisher *publisher = NULL;
	bool good = false;
	if (!settings->temporal.place.endpoint) {
		log_info("temporal_off", log_string("why", "FILOT_TEMPORAL_ENDPOINT is not set"));
		while (!settings->once && !stop_requests)
			clock_sleep_ms(60 * 1000);
		return true;
	}
	service.pg = temporal_client_open(&service.client, &settings->temporal, error) ? pg_new(&database, error) : NULL;
	if (settings->redis_url)
		publishing.metrics = service.metrics = metrics_new(error);
	if (service.metrics)
		publisher = metrics_publisher_start(&publishing, error);
	bool figures = !settings->redis_url || publisher;
	if (figures && service.pg && pg_connect(service.pg, settings->wait_ms, error)) {
		log_info("ready", log_string("namespace", settings->temporal.place.namespace));
		good = run(&service, error);
	}
	metrics_publisher_stop(publisher);
	metrics_free(service.metrics);
	pg_free(service.pg);
	temporal_client_close(&service.client);
	return good;
}
