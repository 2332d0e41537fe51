/*
 * One PostgreSQL connection. libpq's blocking calls know no deadline that covers a server which stops answering, so
 * connecting and each statement run on its non-blocking calls with poll(2) between them; when the time is over the
 * connection is dropped, because nothing else ends the wait for certain. (Only the look-up of the host's name inside
 * PQconnectStart keeps to the resolver's own limits.)
 *
 * A connection that broke while idle is noticed before a statement is sent, so even a statement that must not be sent
 * twice survives a pooler or a server that closes idle connections.
 */
#include "common/pg/pg.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/sha256.h"
#include "common/base/stop.h"

#define MOST_CONFLICTS 10 /* serialisation failures and deadlocks of one statement */
#define SQLSTATE_SIZE 6
#define LAST_ATTEMPT_MS 1000
#define MOST_PREPARED 64
#define PREPARED_NAME_SIZE 40

/* Named by its text, so that two clients of one server connection (a pooler's) mean the same by a name. */
struct prepared {
	const char *sql;
	char name[PREPARED_NAME_SIZE];
	bool ready; /* on the present connection */
};

struct pg {
	char *url;
	char *application_name;
	struct pg_settings settings;
	PGconn *connection;
	bool ending; /* the server has said farewell on it */
	struct prepared prepared[MOST_PREPARED];
	size_t prepared_count;
	bool unprepared; /* a pooler without prepared statements is between: give up on them */
	char where[320];
};

/* ---- words ---- */

/* Copies `text` as one line: runs of white space become a space; LOCATION (a line of PostgreSQL's source) is cut off. */
static void one_line(const char *text, char *line, size_t size)
{
	const char *location = strstr(text, "\nLOCATION:");
	size_t used = 0;
	for (const char *at = text; *at && at != location && used + 1 < size; at++) {
		bool space = *at == ' ' || *at == '\n' || *at == '\t' || *at == '\r';
		if (!space)
			line[used++] = *at;
		else if (used && line[used - 1] != ' ')
			line[used++] = ' ';
	}
	while (used && line[used - 1] == ' ')
		used--;
	line[used] = '\0';
}

/* libpq gives a refused connection's SQLSTATE only inside its verbose message: "FATAL:  28P01: password …". */
static void find_sqlstate(const char *message, char sqlstate[static SQLSTATE_SIZE])
{
	static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	sqlstate[0] = '\0';
	for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  "))
		if (strspn(at + 3, alphabet) == 5 && at[8] == ':') {
			memcpy(sqlstate, at + 3, 5);
			sqlstate[5] = '\0';
			return;
		}
}

static bool in_class(const char *sqlstate, const char *class)
{
	return strncmp(sqlstate, class, strlen(class)) == 0;
}

/* libpq passes on here what the server says unasked; a connection that ends while it is idle says so this way. */
static void take_notice(void *context, const PGresult *notice)
{
	struct pg *pg = context;
	const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (severity && strcmp(severity, "FATAL") == 0)
		pg->ending = true;
	log_debug("postgresql_notice", log_string("message", PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY)));
}

/* ---- opening ---- */

static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
	for (; options && options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0 && options->val && *options->val)
			return options->val;
	return NULL;
}

/* host:port/database out of the URL, what it leaves open out of libpq's defaults (PGHOST and so on). */
static bool describe(struct pg *pg, struct error *error)
{
	char *complaint = NULL; /* may quote the password: never shown */
	PQconninfoOption *given = PQconninfoParse(pg->url, &complaint);
	PQfreemem(complaint);
	const char *given_port = option_value(given, "port"); /* libpq looks at it only when it connects, again and again */
	if (given_port && given_port[strspn(given_port, "0123456789,")]) {
		PQconninfoFree(given);
		given = NULL;
	}
	if (!given)
		return error_set(error, ERROR_CONFIG,
				 "the database URL is not valid: it must be postgresql://USER:PASSWORD@HOST/DATABASE?sslmode=… "
				 "(special characters percent-encoded) or libpq's keyword=value pairs");
	PQconninfoOption *defaults = PQconndefaults();
	const char *host = option_value(given, "host");
	const char *port = option_value(given, "port");
	const char *database = option_value(given, "dbname");
	host = host ? host : option_value(defaults, "host");
	port = port ? port : option_value(defaults, "port");
	database = database ? database : option_value(given, "user");
	database = database ? database : option_value(defaults, "dbname");
	bool valid = !host || !strchr(host, '@'); /* else a piece of the password was taken for the host */
	if (valid)
		(void)snprintf(pg->where, sizeof pg->where, "%s:%s/%s", host ? host : "localhost", port ? port : "5432",
			       database ? database : "");
	else
		(void)error_set(error, ERROR_CONFIG,
				"the database URL has an '@' in its user, password or host: write it as %%40");
	PQconninfoFree(given);
	PQconninfoFree(defaults);
	return valid;
}

struct pg *pg_new(const struct pg_settings *settings, struct error *error)
{
	struct pg *pg = calloc(1, sizeof *pg);
	if (!pg || !(pg->url = strdup(settings->url ? settings->url : "")) ||
	    !(pg->application_name = strdup(settings->application_name ? settings->application_name : "filot"))) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		goto failed;
	}
	pg->settings = *settings;
	if (describe(pg, error))
		return pg;
failed:
	pg_free(pg);
	return NULL;
}

static void drop(struct pg *pg)
{
	PQfinish(pg->connection);
	pg->connection = NULL;
	for (size_t index = 0; index < pg->prepared_count; index++)
		pg->prepared[index].ready = false;
}

void pg_free(struct pg *pg)
{
	if (!pg)
		return;
	drop(pg);
	free(pg->url);
	free(pg->application_name);
	free(pg);
}

const char *pg_where(const struct pg *pg)
{
	return pg->where;
}

PGconn *pg_connection(struct pg *pg)
{
	return pg->connection;
}

/* ---- connecting ---- */

/* Waits for `events` on the connection's socket. False when the deadline passed. */
static bool wait_socket(const PGconn *connection, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd socket = { .fd = PQsocket(connection), .events = events };
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		if (left_ms < 0)
			left_ms = 0;
		int ready = poll(&socket, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
		if (ready > 0 || (ready < 0 && errno != EINTR))
			return true; /* libpq finds out what is wrong with the socket */
		if (clock_monotonic_ms() >= deadline_ms)
			return false;
	}
}

static bool refused(struct pg *pg, struct error *error)
{
	char line[400], sqlstate[SQLSTATE_SIZE];
	const char *message = PQerrorMessage(pg->connection);
	find_sqlstate(message, sqlstate);
	one_line(message, line, sizeof line);
	enum error_code code = ERROR_UNAVAILABLE;
	if (in_class(sqlstate, "28") || strstr(line, "no password supplied"))
		code = ERROR_NOT_PERMITTED;
	else if (in_class(sqlstate, "3D") || strstr(line, "certificate") || strstr(line, "not support SSL"))
		code = ERROR_CONFIG; /* what the client itself refuses has no SQLSTATE */
	drop(pg);
	return error_set(error, code, "PostgreSQL %s: %s", pg->where, line);
}

static bool connect_once(struct pg *pg, int64_t limit_ms, struct error *error)
{
	const char *const keywords[] = { "dbname", "fallback_application_name", "client_encoding", NULL };
	const char *const values[] = { pg->url, pg->application_name, "UTF8", NULL };
	int64_t deadline_ms = clock_monotonic_ms() + limit_ms;
	drop(pg);
	pg->ending = false;
	pg->connection = PQconnectStartParams(keywords, values, 1);
	if (!pg->connection)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	(void)PQsetErrorVerbosity(pg->connection, PQERRORS_VERBOSE); /* for find_sqlstate */
	(void)PQsetNoticeReceiver(pg->connection, take_notice, pg);
	if (PQstatus(pg->connection) == CONNECTION_BAD)
		return refused(pg, error);
	PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
	while (wanted == PGRES_POLLING_READING || wanted == PGRES_POLLING_WRITING) {
		short events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		if (!wait_socket(pg->connection, events, deadline_ms)) {
			drop(pg);
			return error_set(error, ERROR_UNAVAILABLE, "PostgreSQL %s: no connection within %" PRId64 " ms",
					 pg->where, limit_ms);
		}
		wanted = PQconnectPoll(pg->connection);
	}
	return wanted == PGRES_POLLING_OK || refused(pg, error);
}

/* Tries until it works, the time is over, or trying again cannot help. `stoppable`: a stop signal ends the wait, too. */
static bool connect_within(struct pg *pg, int64_t wait_ms, bool stoppable, struct error *error)
{
	int64_t until_ms = clock_monotonic_ms() + wait_ms;
	int64_t limit_ms = pg->settings.connect_ms;
	for (int attempt = 0;; attempt++) {
		if (connect_once(pg, limit_ms, error))
			return true;
		int64_t left_ms = until_ms - clock_monotonic_ms();
		if (error->code != ERROR_UNAVAILABLE || left_ms <= 0 || (stoppable && stop_requests))
			return false;
		if (attempt == 0)
			log_info("database_wait", log_failure(error), log_integer("ms", left_ms));
		int64_t pause_ms = 20 + clock_backoff_ms(attempt, 100, 2000);
		clock_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
		/* The last attempt gets a fair time, too: else it would end with "too late" and hide the reason. */
		left_ms = until_ms - clock_monotonic_ms();
		limit_ms = left_ms > LAST_ATTEMPT_MS ? left_ms : LAST_ATTEMPT_MS;
		if (limit_ms > pg->settings.connect_ms)
			limit_ms = pg->settings.connect_ms;
	}
}

/* Notices what came in while idle: the server's farewell or the end of the connection. */
static bool still_connected(struct pg *pg)
{
	if (!pg->connection || PQstatus(pg->connection) != CONNECTION_OK)
		return false;
	struct pollfd socket = { .fd = PQsocket(pg->connection), .events = POLLIN };
	while (poll(&socket, 1, 0) > 0)
		if (!PQconsumeInput(pg->connection) || PQisBusy(pg->connection)) /* the latter hands notices on */
			return false;
	return !pg->ending && PQstatus(pg->connection) == CONNECTION_OK;
}

bool pg_connect(struct pg *pg, int64_t wait_ms, struct error *error)
{
	struct error why = { 0 };
	if (still_connected(pg) || connect_within(pg, wait_ms, true, &why))
		return true;
	return error_set(error, why.code, "%s", why.message);
}

/* ---- statements ---- */

enum attempt_end {
	ATTEMPT_DONE,
	ATTEMPT_REFUSED, /* by the server: sending it again changes nothing */
	ATTEMPT_UNDONE, /* rolled back, or never begun: sending it again is always right */
	ATTEMPT_LOST /* nobody knows whether it was carried out */
};

static enum attempt_end lost(struct pg *pg, struct error *error)
{
	char line[400];
	one_line(PQerrorMessage(pg->connection), line, sizeof line);
	drop(pg);
	(void)error_set(error, ERROR_UNAVAILABLE, "PostgreSQL %s: %s", pg->where, *line ? line : "connection lost");
	return ATTEMPT_LOST;
}

static enum attempt_end timed_out(struct pg *pg, struct error *error)
{
	drop(pg);
	(void)error_set(error, ERROR_UNAVAILABLE, "PostgreSQL %s: no answer within %" PRId64 " ms", pg->where,
			pg->settings.statement_ms);
	return ATTEMPT_LOST;
}

/* Words a refused statement. DETAIL is left out: it quotes the row, and a log is no place for a user's data. */
static enum attempt_end judge(struct pg *pg, const PGresult *result, struct error *error)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
	if (!sqlstate)
		return lost(pg, error);
	bool going = in_class(sqlstate, "08") || in_class(sqlstate, "57P") || strcmp(sqlstate, "25006") == 0;
	bool unavailable = going || in_class(sqlstate, "53") || strcmp(sqlstate, "57014") == 0 ||
			   strcmp(sqlstate, "55P03") == 0;
	if (in_class(sqlstate, "42P01") || in_class(sqlstate, "42703"))
		hint = "is the schema up to date? see filot-migrate status";
	(void)error_set(error, unavailable ? ERROR_UNAVAILABLE : ERROR_INTERNAL, "PostgreSQL %s: SQLSTATE %s: %s%s%s%s",
			pg->where, sqlstate, primary ? primary : "", hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
	if (going)
		drop(pg); /* a server that ends, or a standby (25006): the next connection finds the right one */
	if (in_class(sqlstate, "53") || strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 ||
	    strcmp(sqlstate, "25006") == 0)
		return ATTEMPT_UNDONE;
	return going ? ATTEMPT_LOST : ATTEMPT_REFUSED;
}

/* Reads until the server is ready for the next statement; keeps the last result. */
static enum attempt_end read_result(struct pg *pg, int64_t deadline_ms, PGresult **result, struct error *error)
{
	for (;;) {
		while (PQisBusy(pg->connection)) {
			if (!wait_socket(pg->connection, POLLIN, deadline_ms))
				return timed_out(pg, error);
			if (!PQconsumeInput(pg->connection))
				break; /* PQgetResult gives what came before the end, such as the server's reason */
		}
		PGresult *next = PQgetResult(pg->connection);
		if (!next)
			break;
		PQclear(*result);
		*result = next;
		ExecStatusType status = PQresultStatus(next);
		if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
			drop(pg);
			(void)error_set(error, ERROR_INTERNAL, "COPY is no statement for pg_query");
			return ATTEMPT_REFUSED;
		}
	}
	if (!*result)
		return lost(pg, error);
	ExecStatusType status = PQresultStatus(*result);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return ATTEMPT_DONE;
	return judge(pg, *result, error);
}

struct query {
	const char *sql;
	int count;
	const char *const *values;
	struct prepared *prepared; /* NULL: sent as it is */
};

static enum attempt_end send_and_read(struct pg *pg, bool sent, int64_t deadline_ms, PGresult **result, struct error *error)
{
	if (!sent)
		return lost(pg, error);
	for (int left; (left = PQflush(pg->connection)) != 0;) {
		if (left < 0)
			return lost(pg, error);
		/* A server that fills its own send buffer stops reading: take what it says while sending. */
		if (!wait_socket(pg->connection, POLLIN | POLLOUT, deadline_ms))
			return timed_out(pg, error);
		if (!PQconsumeInput(pg->connection))
			return lost(pg, error);
	}
	return read_result(pg, deadline_ms, result, error);
}

static bool has_sqlstate(const PGresult *result, const char *sqlstate)
{
	const char *given = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	return given && strcmp(given, sqlstate) == 0;
}

/* Prepares it on this connection unless it is there; one of that name is the same statement. */
static enum attempt_end prepare(struct pg *pg, struct prepared *prepared, int64_t deadline_ms, struct error *error)
{
	PGresult *result = NULL;
	if (prepared->ready)
		return ATTEMPT_DONE;
	enum attempt_end end = send_and_read(pg, PQsendPrepare(pg->connection, prepared->name, prepared->sql, 0, NULL),
					     deadline_ms, &result, error);
	if (end == ATTEMPT_REFUSED && has_sqlstate(result, "42P05"))
		end = ATTEMPT_DONE;
	prepared->ready = end == ATTEMPT_DONE;
	PQclear(result);
	return end == ATTEMPT_LOST ? ATTEMPT_UNDONE : end; /* the statement itself was not sent yet */
}

static enum attempt_end run_once(struct pg *pg, const struct query *query, PGresult **result,
				 struct error *error)
{
	int64_t deadline_ms = clock_monotonic_ms() + pg->settings.statement_ms;
	if (PQsetnonblocking(pg->connection, 1) != 0)
		return lost(pg, error);
	if (query->prepared && !pg->unprepared) {
		enum attempt_end end = prepare(pg, query->prepared, deadline_ms, error);
		if (end != ATTEMPT_DONE)
			return end;
		end = send_and_read(pg, PQsendQueryPrepared(pg->connection, query->prepared->name, query->count, query->values,
							    NULL, NULL, 0), deadline_ms, result, error);
		/*
		 * Prepared on another server connection of a pooler (26000), or before the schema changed (0A000): it was not
		 * carried out, so it may be sent as it is.
		 */
		if (end != ATTEMPT_REFUSED || (!has_sqlstate(*result, "26000") && !has_sqlstate(*result, "0A000")))
			return end;
		pg->unprepared = true;
		PQclear(*result);
		*result = NULL;
	}
	return send_and_read(pg, PQsendQueryParams(pg->connection, query->sql, query->count, NULL, query->values, NULL, NULL,
						   0), deadline_ms, result, error);
}

static PGresult *run(struct pg *pg, bool again, const struct query *query, struct error *error)
{
	int64_t give_up_ms = clock_monotonic_ms() + pg->settings.reconnect_ms;
	int conflicts = 0;
	struct error why = { 0 };
	for (int attempt = 0;; attempt++) {
		int64_t left_ms = give_up_ms - clock_monotonic_ms();
		if (!still_connected(pg) && !connect_within(pg, left_ms > 0 ? left_ms : 0, false, &why))
			break;
		PGresult *result = NULL;
		enum attempt_end end = run_once(pg, query, &result, &why);
		if (end == ATTEMPT_DONE)
			return result;
		PQclear(result);
		bool conflict = end == ATTEMPT_UNDONE && why.code == ERROR_INTERNAL;
		if (end == ATTEMPT_REFUSED || (conflict && ++conflicts >= MOST_CONFLICTS))
			break;
		if (end == ATTEMPT_LOST && !again) {
			size_t length = strlen(why.message);
			(void)snprintf(why.message + length, sizeof why.message - length,
				       "; it may have been carried out all the same");
			break;
		}
		if (!conflict && clock_monotonic_ms() >= give_up_ms)
			break;
		clock_sleep_ms(clock_backoff_ms(attempt, 20, 1000));
	}
	(void)error_set(error, why.code, "%s", why.message);
	return NULL;
}

PGresult *pg_query(struct pg *pg, bool again, const char *sql, int count, const char *const *values, struct error *error)
{
	const struct query query = { .sql = sql, .count = count, .values = values };
	return run(pg, again, &query, error);
}

/* The entry of a statement, made at its first use. NULL: there is no more room, or no memory. */
static struct prepared *find_prepared(struct pg *pg, const char *sql)
{
	char hex[SHA256_HEX_SIZE];
	for (size_t index = 0; index < pg->prepared_count; index++)
		if (pg->prepared[index].sql == sql)
			return &pg->prepared[index];
	if (pg->prepared_count == MOST_PREPARED || !sha256_of(sql, strlen(sql), hex))
		return NULL;
	struct prepared *made = &pg->prepared[pg->prepared_count++];
	made->sql = sql;
	(void)snprintf(made->name, sizeof made->name, "filot_%.32s", hex);
	return made;
}

PGresult *pg_query_prepared(struct pg *pg, bool again, const char *sql, int count, const char *const *values,
			    struct error *error)
{
	const struct query query = { .sql = sql, .count = count, .values = values, .prepared = find_prepared(pg, sql) };
	return run(pg, again, &query, error);
}
