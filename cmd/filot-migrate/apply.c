/* Running one file: in a transaction that holds its record, too, or statement by statement with the record going along. */
#include "cmd/filot-migrate/apply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_sql.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/pg/statements.h"
#include "limits_sql.h"
#include "lock_try_sql.h"

/* ---- the lock ---- */

static bool try_lock(struct session *lock, bool *taken, struct error *error)
{
	PGresult *result;
	if (!session_query(lock, "begin isolation level read committed", 0, NULL, NULL, error) ||
	    !session_query(lock, lock_try_sql, 0, NULL, &result, error))
		return false;
	*taken = strcmp(PQgetvalue(result, 0, 1), "t") == 0;
	PQclear(result);
	return *taken || session_query(lock, "rollback", 0, NULL, NULL, error);
}

bool apply_lock(struct session *lock, int64_t wait_ms, struct error *error)
{
	int64_t until_ms = clock_monotonic_ms() + wait_ms;
	for (int attempt = 0;; attempt++) {
		bool taken;
		if (!try_lock(lock, &taken, error))
			return false;
		if (taken)
			return true;
		if (stop_requests)
			return error_set(error, ERROR_TRY_AGAIN, "stopped by a signal");
		if (clock_monotonic_ms() >= until_ms)
			return error_set(error, ERROR_TRY_AGAIN,
					 "another filot-migrate is at work on this database: try again (or --wait longer)");
		if (attempt == 0)
			log_info("lock_wait", log_string("message", "another filot-migrate is at work"));
		clock_sleep_ms(20 + clock_backoff_ms(attempt, 50, 500));
	}
}

bool apply_unlock(struct session *lock, struct error *error)
{
	return session_query(lock, "rollback", 0, NULL, NULL, error);
}

/* ---- statements ---- */

/* A file is one transaction, or none: it may not begin or end one itself. */
static bool check_statements(const struct migration_file *file, const struct statements *statements, struct error *error)
{
	static const char *const words[] = { "BEGIN", "START TRANSACTION", "COMMIT", "END", "ROLLBACK", "ABORT",
					     "PREPARE TRANSACTION" };
	for (size_t index = 0; index < statements->count; index++) {
		const struct statement *statement = &statements->items[index];
		for (size_t word = 0; word < sizeof words / sizeof words[0]; word++) {
			if (!statement_begins(statement, words[word]) || statement_begins(statement, "ROLLBACK TO"))
				continue;
			return error_set(error, ERROR_BAD_INPUT, "%s:%zu: %s: %s", file->file, statement->line, words[word],
					 file->transaction ? "the file is one transaction already; leave it out" :
							     "a file without transaction holds none");
		}
	}
	return true;
}

static bool set_limits(struct session *session, const struct apply_settings *settings, bool local, struct error *error)
{
	char lock_ms[24], statement_ms[24];
	(void)snprintf(lock_ms, sizeof lock_ms, "%" PRId64, settings->lock_ms);
	(void)snprintf(statement_ms, sizeof statement_ms, "%" PRId64, settings->statement_ms);
	const char *const values[] = { lock_ms, statement_ms, local ? "true" : "false" };
	return session_query(session, limits_sql, 3, values, NULL, error);
}

static bool run_statement(struct session *session, const struct migration_file *file, const struct statement *statement,
			  struct error *error)
{
	if (stop_requests)
		return error_set(error, ERROR_TRY_AGAIN, "stopped by a signal");
	char *sql = strndup(statement->text, statement->length);
	if (!sql)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	PGresult *result = session_run(session, sql, 0, NULL, error);
	free(sql);
	if (!result)
		return error_prefix(error, "%s:%zu", file->file, statement->line);
	ExecStatusType status = PQresultStatus(result);
	bool fine = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
	if (!fine) {
		const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
		size_t line = position ? statement_line_at(statement, strtoul(position, NULL, 10)) : statement->line;
		(void)session_refused(result, error);
		(void)error_prefix(error, "%s:%zu", file->file, line);
	}
	PQclear(result);
	return fine;
}

/* ---- files ---- */

static bool run_in_transaction(struct session *session, const struct apply_settings *settings,
			       const struct migration_file *file, const struct statements *statements, int64_t *ms,
			       struct error *error)
{
	int64_t started_ms = clock_monotonic_ms();
	bool fine = session_query(session, "begin isolation level read committed", 0, NULL, NULL, error) &&
		    set_limits(session, settings, true, error) && history_begin(session, file, "applied", error);
	for (size_t index = 0; fine && index < statements->count; index++)
		fine = run_statement(session, file, &statements->items[index], error);
	*ms = clock_monotonic_ms() - started_ms;
	fine = fine && history_end(session, file->version, *ms, error);
	if (fine && session_query(session, "commit", 0, NULL, NULL, error))
		return true;
	if (fine)
		(void)error_prefix(error, "%s: commit (\"filot-migrate status\" says whether it went through)", file->file);
	struct error ignored;
	if (PQtransactionStatus(pg_connection(session->pg)) != PQTRANS_IDLE) /* else the server has rolled back */
		(void)session_query(session, "rollback", 0, NULL, NULL, &ignored);
	return false;
}

/*
 * lock_timeout and statement_timeout are set on the session, where a pooler would hand them on to others: there the
 * client keeps the time itself, and there is no lock_timeout. A pooler shows in the process id that it made up.
 */
static bool limit_session(struct session *session, const struct apply_settings *settings,
			  const struct migration_file *file, struct error *error)
{
	PGresult *result;
	if (!session_query(session, backend_sql, 0, NULL, &result, error))
		return false;
	bool direct = strtol(PQgetvalue(result, 0, 0), NULL, 10) == PQbackendPID(pg_connection(session->pg));
	PQclear(result);
	if (direct)
		return set_limits(session, settings, false, error);
	if (settings->lock_ms)
		log_warning("no_lock_timeout", log_string("file", file->file),
			    log_string("message", "behind a pooler a file without transaction runs without lock_timeout: "
						  "FILOT_DATABASE_DIRECT_URL is the better way"));
	session->limit_ms = settings->statement_ms;
	return true;
}

static bool run_alone(struct session *session, const struct apply_settings *settings, const struct plan_row *row,
		      const struct statements *statements, int64_t *ms, struct error *error)
{
	const struct migration_file *file = row->file;
	int64_t started_ms = clock_monotonic_ms();
	size_t done = row->entry ? (size_t)row->entry->statements_done : 0;
	if (done > statements->count)
		return error_set(error, ERROR_BAD_INPUT, "%s: %zu of its statements are done, and now it has only %zu",
				 file->file, done, statements->count);
	if (!limit_session(session, settings, file, error) || !history_begin(session, file, "dirty", error))
		return false;
	bool fine = true;
	while (fine && done < statements->count) {
		fine = run_statement(session, file, &statements->items[done], error);
		fine = fine && history_step(session, file->version, ++done, error);
	}
	*ms = clock_monotonic_ms() - started_ms;
	session->limit_ms = 0;
	if (fine && history_end(session, file->version, *ms, error))
		return true;
	struct error ignored;
	(void)history_fail(session, file->version, error->message, *ms, &ignored);
	char advice[160];
	(void)snprintf(advice, sizeof advice,
		       "; %zu of %zu statements are done: \"filot-migrate status\" says how to go on", done,
		       statements->count);
	size_t room = sizeof error->message - strlen(advice) - 1, length = strlen(error->message);
	if (length > room) /* the error's end gives way, cut between characters */
		for (length = room; length && ((unsigned char)error->message[length] & 0xC0) == 0x80;)
			length--;
	(void)snprintf(error->message + length, sizeof error->message - length, "%s", advice);
	return false;
}

bool apply_file(struct session *session, const struct apply_settings *settings, const struct plan_row *row, int64_t *ms,
		struct error *error)
{
	const struct migration_file *file = row->file;
	struct statements statements;
	if (!statements_split(file->text, file->length, &statements, error))
		return error_prefix(error, "%s", file->file);
	bool fine = check_statements(file, &statements, error) &&
		    (file->transaction ? run_in_transaction(session, settings, file, &statements, ms, error) :
					 run_alone(session, settings, row, &statements, ms, error));
	statements_free(&statements);
	return fine;
}
