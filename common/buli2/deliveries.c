/* The statements, and their answers as structs. */
#include "common/buli2/deliveries.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliveries_adopt_sql.h"
#include "deliveries_begin_sql.h"
#include "deliveries_drop_sql.h"
#include "deliveries_due_sql.h"
#include "deliveries_end_sql.h"
#include "deliveries_revive_sql.h"

#define NUMBER_SIZE 32

static char *seconds(int64_t ms, char text[static NUMBER_SIZE])
{
	(void)snprintf(text, NUMBER_SIZE, "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
	return text;
}

bool deliveries_due(struct pg *pg, int64_t again_ms, struct buli2_request requests[static BULI2_DUE_ROWS], size_t *count,
		struct error *error)
{
	char most[NUMBER_SIZE], again[NUMBER_SIZE];
	(void)snprintf(most, sizeof most, "%d", BULI2_DUE_ROWS);
	const char *values[] = { most, seconds(again_ms, again) };
	/* A lost answer costs nothing but the time until the rows are given again, so it is not asked for twice. */
	PGresult *result = pg_query(pg, false, deliveries_due_sql, 2, values, error);
	*count = 0;
	if (!result)
		return false;
	bool good = true;
	for (int row = 0; good && row < PQntuples(result); row++) {
		good = buli2_request_make(&requests[*count], PQgetvalue(result, row, 0), PQgetvalue(result, row, 1),
					  PQgetvalue(result, row, 2), strtoll(PQgetvalue(result, row, 3), NULL, 10),
					  error);
		*count += good;
	}
	PQclear(result);
	while (!good && *count)
		buli2_request_free(&requests[--*count]);
	return good;
}

static bool begin_once(struct pg *pg, struct buli2_request *request, const char *sender, int64_t hold_ms,
		       enum deliveries_begun *begun, int64_t *attempt, struct error *error)
{
	static const char *const names[] = { "taken", "delivered", "dead", "held", "unknown" };
	char hold[NUMBER_SIZE];
	const char *values[] = { request->delivery, sender, seconds(hold_ms, hold) };
	/* Twice is fine: the same sender takes it again, and a try that was not made is counted. */
	PGresult *result = pg_query(pg, true, deliveries_begin_sql, 3, values, error);
	if (!result)
		return false;
	const char *said = PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "";
	int index = 0;
	while (index < 5 && strcmp(said, names[index]) != 0)
		index++;
	*begun = index < 5 ? (enum deliveries_begun)index : DELIVERIES_UNKNOWN;
	*attempt = *begun == DELIVERIES_TAKEN ? strtoll(PQgetvalue(result, 0, 1), NULL, 10) : 0;
	bool good = index < 5 || error_set(error, ERROR_INTERNAL, "deliveries_begin: an answer of another kind");
	if (good && *begun == DELIVERIES_TAKEN)
		good = buli2_request_set_recorded(request, PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 3), error);
	PQclear(result);
	return good;
}

bool deliveries_begin(struct pg *pg, struct buli2_request *request, const char *sender, int64_t hold_ms,
		  enum deliveries_begun *begun, int64_t *attempt, struct error *error)
{
	if (!begin_once(pg, request, sender, hold_ms, begun, attempt, error))
		return false;
	if (*begun != DELIVERIES_UNKNOWN || !request->has_payload)
		return true;
	struct buffer payload = { 0 };
	buli2_request_body(request, &payload);
	const char *values[] = { request->delivery, request->verification, request->key, payload.data };
	PGresult *result = payload.failed ? NULL : pg_query(pg, true, deliveries_adopt_sql, 4, values, error);
	if (payload.failed)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	bool adopted = result && strcmp(PQcmdTuples(result), "1") == 0;
	bool good = result != NULL;
	PQclear(result);
	buffer_free(&payload);
	return good && (!adopted || begin_once(pg, request, sender, hold_ms, begun, attempt, error));
}

bool deliveries_end(struct pg *pg, const char *delivery, const struct deliveries_end *end, struct error *error)
{
	char status[NUMBER_SIZE], delay[NUMBER_SIZE], again[NUMBER_SIZE];
	(void)snprintf(status, sizeof status, "%ld", end->http_status);
	(void)snprintf(delay, sizeof delay, "%" PRId64, end->delay_ms);
	const char *values[] = { delivery, buli2_end_names[end->end], end->http_status ? status : NULL, end->why,
				 end->answer, delay, seconds(end->again_ms, again) };
	PGresult *result = pg_query(pg, true, deliveries_end_sql, 7, values, error);
	PQclear(result);
	return result != NULL;
}

/* The row's state before the statement, "" when there is no such row. */
static bool state_of(PGresult *result, char state[static 16])
{
	(void)snprintf(state, 16, "%s", result && PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return result != NULL;
}

bool deliveries_revive(struct pg *pg, const char *delivery, bool in_stream, int64_t again_ms, char state_before[static 16],
		       struct error *error)
{
	char again[NUMBER_SIZE];
	const char *values[] = { delivery, in_stream ? "true" : "false", seconds(again_ms, again) };
	return state_of(pg_query(pg, false, deliveries_revive_sql, 3, values, error), state_before);
}

bool deliveries_drop(struct pg *pg, const char *delivery, char state_before[static 16], struct error *error)
{
	const char *values[] = { delivery };
	return state_of(pg_query(pg, true, deliveries_drop_sql, 1, values, error), state_before);
}
