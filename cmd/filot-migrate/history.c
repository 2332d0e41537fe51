/* Reading and writing schema_migrations; the statements are the history_*.sql beside this file. */
#include "cmd/filot-migrate/history.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history_begin_sql.h"
#include "history_create_sql.h"
#include "history_end_sql.h"
#include "history_exists_sql.h"
#include "history_fail_sql.h"
#include "history_load_sql.h"
#include "history_step_sql.h"

#define NUMBER_SIZE 24

static const char *number(int64_t value, char text[static NUMBER_SIZE])
{
	(void)snprintf(text, NUMBER_SIZE, "%" PRId64, value);
	return text;
}

static bool exists(struct session *session, bool *there, struct error *error)
{
	PGresult *result;
	if (!session_query(session, history_exists_sql, 0, NULL, &result, error))
		return false;
	*there = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
	PQclear(result);
	return true;
}

static bool read_entry(const PGresult *result, int row, struct history_entry *entry)
{
	*entry = (struct history_entry){
		.version = strtoll(PQgetvalue(result, row, 0), NULL, 10),
		.name = strdup(PQgetvalue(result, row, 1)),
		.checksum = strdup(PQgetvalue(result, row, 2)),
		.dirty = strcmp(PQgetvalue(result, row, 3), "dirty") == 0,
		.statements_done = strtoll(PQgetvalue(result, row, 4), NULL, 10),
		.error = strdup(PQgetvalue(result, row, 5)),
		.ms = strtoll(PQgetvalue(result, row, 6), NULL, 10),
		.by = strdup(PQgetvalue(result, row, 7)),
		.applied_at = strdup(PQgetvalue(result, row, 8)),
	};
	return entry->name && entry->checksum && entry->error && entry->by && entry->applied_at;
}

bool history_load(struct session *session, struct history *history, struct error *error)
{
	bool there;
	PGresult *result;
	*history = (struct history){ 0 };
	if (!exists(session, &there, error))
		return false;
	if (!there)
		return true;
	if (!session_query(session, history_load_sql, 0, NULL, &result, error))
		return error_prefix(error, "table schema_migrations");
	int rows = PQntuples(result);
	bool fine = true;
	history->items = calloc(rows ? (size_t)rows : 1, sizeof *history->items);
	for (int row = 0; history->items && fine && row < rows; row++)
		fine = read_entry(result, row, &history->items[history->count++]);
	PQclear(result);
	if (history->items && fine)
		return true;
	history_free(history);
	return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

void history_free(struct history *history)
{
	for (size_t index = 0; index < history->count; index++) {
		struct history_entry *entry = &history->items[index];
		free(entry->name);
		free(entry->checksum);
		free(entry->error);
		free(entry->by);
		free(entry->applied_at);
	}
	free(history->items);
	*history = (struct history){ 0 };
}

bool history_prepare(struct session *session, struct error *error)
{
	bool there;
	/* "if not exists" alone wants the right to create even when it is there. */
	if (!exists(session, &there, error))
		return false;
	return there || session_query(session, history_create_sql, 0, NULL, NULL, error);
}

/* user@host of this process: the database knows only its own user. */
static void describe_client(char *text, size_t size)
{
	char host[128] = "?";
	const struct passwd *user = getpwuid(geteuid());
	(void)gethostname(host, sizeof host - 1);
	if (user)
		(void)snprintf(text, size, "%s@%s", user->pw_name, host);
	else
		(void)snprintf(text, size, "%ju@%s", (uintmax_t)geteuid(), host);
}

bool history_begin(struct session *session, const struct migration_file *file, const char *state, struct error *error)
{
	char version[NUMBER_SIZE], client[256];
	describe_client(client, sizeof client);
	const char *const values[] = { number(file->version, version), file->name, file->checksum, state, client };
	PGresult *result;
	if (!session_query(session, history_begin_sql, 5, values, &result, error))
		return false;
	bool written = PQntuples(result) == 1;
	PQclear(result);
	return written || error_set(error, ERROR_TRY_AGAIN, "%s: another filot-migrate has just applied it", file->file);
}

bool history_step(struct session *session, int64_t version, size_t statements_done, struct error *error)
{
	char version_text[NUMBER_SIZE], done[NUMBER_SIZE];
	const char *const values[] = { number(version, version_text), number((int64_t)statements_done, done) };
	return session_query(session, history_step_sql, 2, values, NULL, error);
}

bool history_end(struct session *session, int64_t version, int64_t ms, struct error *error)
{
	char version_text[NUMBER_SIZE], ms_text[NUMBER_SIZE];
	const char *const values[] = { number(version, version_text), number(ms, ms_text) };
	return session_query(session, history_end_sql, 2, values, NULL, error);
}

bool history_fail(struct session *session, int64_t version, const char *why, int64_t ms, struct error *error)
{
	char version_text[NUMBER_SIZE], ms_text[NUMBER_SIZE];
	const char *const values[] = { number(version, version_text), why, number(ms, ms_text) };
	return session_query(session, history_fail_sql, 3, values, NULL, error);
}
