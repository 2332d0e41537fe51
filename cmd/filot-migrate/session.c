/* The wait for a statement's end: poll, so that a signal is heard, and a cancel request when it must not go on. */
#include "cmd/filot-migrate/session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/stop.h"

#define CANCEL_PATIENCE_MS 10000 /* after it the connection is given up */
#define LOOK_MS 200 /* a signal that comes just before poll is seen this much later */

bool session_open(struct session *session, const struct pg_settings *settings, int64_t wait_ms, struct error *error)
{
	*session = (struct session){ .pg = pg_new(settings, error) };
	return session->pg && pg_connect(session->pg, wait_ms, error);
}

void session_close(struct session *session)
{
	pg_free(session->pg);
	session->pg = NULL;
}

static void first_line(const char *text, char *line, size_t size)
{
	(void)snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
}

static PGresult *lost(struct session *session, PGresult *result, struct error *error)
{
	char line[256];
	first_line(PQerrorMessage(pg_connection(session->pg)), line, sizeof line);
	PQclear(result);
	(void)error_set(error, ERROR_UNAVAILABLE, "PostgreSQL %s: %s", pg_where(session->pg),
			*line ? line : "connection lost");
	return NULL;
}

static void cancel(PGconn *connection)
{
	char reason[256];
	PGcancel *request = PQgetCancel(connection);
	if (request)
		(void)PQcancel(request, reason, sizeof reason); /* best effort: the wait below has an end of its own */
	PQfreeCancel(request);
}

/* Waits until PQgetResult will not block. False: too late, or lost. */
static bool wait_result(struct session *session, int stops_before, struct error *error)
{
	PGconn *connection = pg_connection(session->pg);
	int64_t limit_at_ms = session->limit_ms ? clock_monotonic_ms() + session->limit_ms : INT64_MAX;
	bool cancelled = false;
	while (PQisBusy(connection)) {
		struct pollfd socket = { .fd = PQsocket(connection), .events = POLLIN };
		int ready = poll(&socket, 1, LOOK_MS);
		if (ready > 0 && !PQconsumeInput(connection))
			return true; /* PQgetResult says what came before the end */
		bool stopped = stop_requests > stops_before, late = clock_monotonic_ms() >= limit_at_ms;
		if (!stopped && !late)
			continue;
		if (cancelled)
			return false;
		(void)(stopped ? error_set(error, ERROR_TRY_AGAIN, "stopped by a signal") :
				 error_set(error, ERROR_TRY_AGAIN, "the statement took longer than %" PRId64 " ms",
					   session->limit_ms));
		cancel(connection);
		cancelled = true;
		stops_before = stop_requests;
		limit_at_ms = clock_monotonic_ms() + CANCEL_PATIENCE_MS;
	}
	return !cancelled;
}

/* A migration has no standard input and output to copy from or to. */
static void end_copy(PGconn *connection, ExecStatusType status)
{
	char *row;
	if (status == PGRES_COPY_IN)
		(void)PQputCopyEnd(connection, "a migration has no standard input: use insert");
	else
		while (PQgetCopyData(connection, &row, 0) > 0)
			PQfreemem(row);
}

PGresult *session_run(struct session *session, const char *sql, int count, const char *const *values, struct error *error)
{
	PGconn *connection = pg_connection(session->pg);
	PGresult *result = NULL;
	int stops_before = stop_requests;
	bool in_time = true;
	if (!(count ? PQsendQueryParams(connection, sql, count, NULL, values, NULL, NULL, 0) : PQsendQuery(connection, sql)))
		return lost(session, NULL, error);
	for (PGresult *next;; result = next) {
		in_time = wait_result(session, stops_before, error) && in_time;
		if (!in_time && PQisBusy(connection)) { /* not even cancelling helped: the server is out of reach */
			PQclear(result);
			return NULL;
		}
		next = PQgetResult(connection);
		if (!next)
			break;
		ExecStatusType status = PQresultStatus(next);
		if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT)
			end_copy(connection, status);
		PQclear(result);
	}
	if (!result || PQstatus(connection) != CONNECTION_OK)
		if (!result || !PQresultErrorField(result, PG_DIAG_SQLSTATE))
			return lost(session, result, error);
	if (!in_time) {
		PQclear(result);
		return NULL;
	}
	return result;
}

bool session_refused(const PGresult *result, struct error *error)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	const char *known = sqlstate ? sqlstate : "";
	enum error_code code = ERROR_BAD_INPUT;
	if (!sqlstate || strncmp(known, "08", 2) == 0 || strncmp(known, "53", 2) == 0 || strncmp(known, "57P", 3) == 0)
		code = ERROR_UNAVAILABLE;
	else if (strcmp(known, "55P03") == 0 || strcmp(known, "57014") == 0 || strncmp(known, "40", 2) == 0)
		code = ERROR_TRY_AGAIN;
	else if (strcmp(known, "42501") == 0 || strcmp(known, "25006") == 0)
		code = ERROR_NOT_PERMITTED;
	return error_set(error, code, "SQLSTATE %s: %s%s%s%s%s", sqlstate ? sqlstate : "?????", message ? message : "",
			 detail ? "; detail: " : "", detail ? detail : "", hint ? "; hint: " : "", hint ? hint : "");
}

bool session_query(struct session *session, const char *sql, int count, const char *const *values, PGresult **result,
		   struct error *error)
{
	PGresult *answer = session_run(session, sql, count, values, error);
	if (!answer)
		return false;
	ExecStatusType status = PQresultStatus(answer);
	bool fine = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
	if (!fine) {
		(void)session_refused(answer, error);
		(void)error_prefix(error, "PostgreSQL %s", pg_where(session->pg));
	}
	if (fine && result)
		*result = answer;
	else
		PQclear(answer);
	return fine;
}
