/* One statement a second while there is nothing to do; the pages of a verification in memory at a time. */
#include "cmd/filot-api/evaluator.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/worker.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/ulid.h"
#include "common/pg/pg.h"
#include "common/verify/evaluate.h"
#include "callback_forget_sql.h"
#include "verification_claim_sql.h"
#include "verification_due_sql.h"
#include "verification_failed_sql.h"
#include "verification_pages_sql.h"
#include "verification_postpone_sql.h"
#include "verification_store_sql.h"

#define PAUSE_MS 1000
#define PAUSE_AFTER_FAILURE_MS 5000
#define FORGET_EVERY_MS (3600 * 1000)
#define FORGET_DAYS "30"
#define MOST_AT_ONCE "20"
#define MOST_PAGES "500"
#define MOST_CHARACTERS "50000"

struct evaluator {
	struct worker worker;
	struct pg *pg;
	int64_t forget_ms; /* when old callbacks are looked for next */
};

static bool fail(struct evaluator *evaluator, const char *id, const char *code, const char *message, struct error *error)
{
	const char *values[] = { id, code, message };
	PGresult *result = pg_query(evaluator->pg, true, verification_failed_sql, 3, values, error);
	PQclear(result);
	if (result)
		log_warning("verification_failed", log_string("verification", id), log_string("code", code));
	return result != NULL;
}

static bool store(struct evaluator *evaluator, const char *id, json_t *checks, double score, struct error *error)
{
	char delivery[ULID_SIZE], score_text[32];
	char *text = json_dumps(checks, JSON_COMPACT);
	const char *values[] = { id, text, score_text, ulid_new(delivery) };
	(void)snprintf(score_text, sizeof score_text, "%.4f", score);
	PGresult *result = text ? pg_query(evaluator->pg, true, verification_store_sql, 4, values, error) : NULL;
	if (!text)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	if (result && PQntuples(result) == 1)
		log_info("verification_evaluated", log_string("verification", id), log_string("delivery", delivery),
			 log_number("score", score));
	bool good = result != NULL;
	PQclear(result);
	free(text);
	return good;
}

/* What was read against what is claimed. `share` of the documents were read; the others count as if they said nothing. */
static bool evaluate_pages(struct evaluator *evaluator, const char *id, const json_t *claimed, const PGresult *rows,
			   double share, struct error *error)
{
	size_t count = (size_t)PQntuples(rows);
	struct verify_page *pages = calloc(count + 1, sizeof *pages);
	json_t *checks = NULL;
	double score;
	if (!pages)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	for (int row = 0; row < (int)count; row++)
		pages[row] = (struct verify_page){ .document = PQgetvalue(rows, row, 0),
						   .number = (int)strtol(PQgetvalue(rows, row, 1), NULL, 10),
						   .text = PQgetvalue(rows, row, 2),
						   .length = (size_t)PQgetlength(rows, row, 2) };
	bool good = verify_evaluate(claimed, pages, count, clock_unix_ms(), &checks, &score, error) &&
		    store(evaluator, id, checks, score * share, error);
	json_decref(checks);
	free(pages);
	return good;
}

static bool evaluate(struct evaluator *evaluator, const char *id, struct error *error)
{
	const char *page_values[] = { id, MOST_PAGES, MOST_CHARACTERS };
	PGresult *claim = pg_query(evaluator->pg, true, verification_claim_sql, 1, &id, error), *pages = NULL;
	json_t *claimed = NULL;
	bool good = claim != NULL;
	if (!claim || PQntuples(claim) != 1) /* deleted meanwhile */
		goto out;
	double total = strtod(PQgetvalue(claim, 0, 1), NULL), read = strtod(PQgetvalue(claim, 0, 2), NULL);
	if (read == 0) {
		good = fail(evaluator, id, "unreadable", "none of the documents could be read", error);
		goto out;
	}
	claimed = json_loads(PQgetvalue(claim, 0, 0), 0, NULL);
	pages = claimed ? pg_query(evaluator->pg, true, verification_pages_sql, 3, page_values, error) : NULL;
	if (!claimed)
		good = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	else
		good = pages && evaluate_pages(evaluator, id, claimed, pages, read / total, error);
out:
	json_decref(claimed);
	PQclear(pages);
	PQclear(claim);
	return good;
}

/* One that cannot be evaluated must not stand before the others for ever. */
static void postpone(struct evaluator *evaluator, const char *id)
{
	struct error ignored = { 0 };
	PQclear(pg_query(evaluator->pg, true, verification_postpone_sql, 1, &id, &ignored));
}

static void forget_callbacks(struct evaluator *evaluator)
{
	struct error why = { 0 };
	const char *days = FORGET_DAYS;
	if (clock_monotonic_ms() < evaluator->forget_ms)
		return;
	evaluator->forget_ms = clock_monotonic_ms() + FORGET_EVERY_MS;
	PGresult *result = pg_query(evaluator->pg, true, callback_forget_sql, 1, &days, &why);
	if (!result)
		log_warning("callbacks_kept", log_failure(&why));
	PQclear(result);
}

static int64_t run_round(void *context)
{
	struct evaluator *evaluator = context;
	struct error why = { 0 };
	const char *most = MOST_AT_ONCE;
	PGresult *due = pg_query(evaluator->pg, true, verification_due_sql, 1, &most, &why);
	int count = due ? PQntuples(due) : 0;
	bool good = due != NULL;
	for (int row = 0; row < count && !worker_ending(&evaluator->worker); row++) {
		const char *id = PQgetvalue(due, row, 0);
		struct error failure = { 0 };
		if (evaluate(evaluator, id, &failure))
			continue;
		good = false;
		why = failure;
		postpone(evaluator, id);
	}
	PQclear(due);
	if (!good)
		log_warning("evaluation_failed", log_failure(&why));
	else
		forget_callbacks(evaluator);
	return good ? PAUSE_MS : PAUSE_AFTER_FAILURE_MS;
}

struct evaluator *evaluator_open(const struct api_settings *settings, struct error *error)
{
	const struct pg_settings database = { .url = settings->database_url, .application_name = "filot-api evaluator",
					      .connect_ms = 5000, .statement_ms = 30 * 1000, .reconnect_ms = 5000 };
	struct evaluator *evaluator = calloc(1, sizeof *evaluator);
	if (!evaluator) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	evaluator->pg = pg_new(&database, error);
	if (evaluator->pg && worker_start(&evaluator->worker, run_round, evaluator, error))
		return evaluator;
	pg_free(evaluator->pg);
	free(evaluator);
	return NULL;
}

void evaluator_close(struct evaluator *evaluator)
{
	if (!evaluator)
		return;
	worker_stop(&evaluator->worker);
	pg_free(evaluator->pg);
	free(evaluator);
}
