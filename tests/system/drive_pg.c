/*
 * A connection of common/pg/pg.h from the command line, for system tests: reads statements from standard input, one a
 * line, and answers each with one line, "= VALUE" (first column of the first row) or "! CODE: MESSAGE".
 * The database is that of FILOT_DATABASE_URL.
 *
 *   drive_pg [--again] [--prepared] [--connect TIME] [--statement TIME] [--reconnect TIME] [--wait TIME]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/lines.h"
#include "common/base/options.h"
#include "common/pg/pg.h"

#define MOST_KEPT 256

/* The same address for the same statement, as pg_query_prepared wants. */
static const char *keep(char *kept[static MOST_KEPT], const char *sql)
{
	int index = 0;
	while (index < MOST_KEPT - 1 && kept[index] && strcmp(kept[index], sql) != 0)
		index++;
	if (!kept[index])
		kept[index] = strdup(sql);
	return kept[index];
}

static void answer(struct pg *pg, bool again, bool prepared, const char *sql)
{
	struct error error = { 0 };
	PGresult *result = prepared ? pg_query_prepared(pg, again, sql, 0, NULL, &error) :
				      pg_query(pg, again, sql, 0, NULL, &error);
	if (!result)
		printf("! %s: %s\n", error_code_name(error.code), error.message);
	else
		printf("= %s\n", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
	(void)fflush(stdout);
	PQclear(result);
}

int main(int argc, char **argv)
{
	struct pg_settings settings = { .application_name = "drive_pg" };
	bool again = false, prepared = false;
	char *kept[MOST_KEPT] = { 0 };
	int64_t wait_ms = 0;
	settings.connect_ms = settings.statement_ms = 10000;
	struct option_row rows[] = {
		{ "again", 0, OPTION_FLAG, &again, NULL, "statements may be sent twice" },
		{ "prepared", 0, OPTION_FLAG, &prepared, NULL, "statements are prepared, the same one once" },
		{ "connect", 0, OPTION_DURATION, &settings.connect_ms, "TIME", "limit for one connection" },
		{ "statement", 0, OPTION_DURATION, &settings.statement_ms, "TIME", "limit for one statement" },
		{ "reconnect", 0, OPTION_DURATION, &settings.reconnect_ms, "TIME", "limit for reconnecting" },
		{ "wait", 0, OPTION_DURATION, &wait_ms, "TIME", "connect at once, waiting as long as that" },
		{ NULL, 0, OPTION_STRING, &settings.url, "URL", "the database", .setting = "FILOT_DATABASE_URL", .secret = true },
		{ 0 },
	};
	const struct command command = { "drive_pg", "run statements for a test", "[flags] < STATEMENTS", NULL, rows };
	struct options options;
	struct lines lines;
	struct error error = { 0 };
	struct pg *pg = NULL;
	char *line;
	size_t length;
	int status = 0;
	enum options_outcome outcome = options_parse(&command, &options, argc, argv, &error);
	lines_open(&lines, STDIN_FILENO, 1 << 20);
	if (outcome == OPTIONS_RUN && (pg = pg_new(&settings, &error)) && (!wait_ms || pg_connect(pg, wait_ms, &error)))
		while (lines_next(&lines, &line, &length, NULL, &error) == LINES_LINE)
			answer(pg, again, prepared, prepared ? keep(kept, line) : line);
	if (error.code)
		status = options_exit(&command, &error);
	lines_free(&lines);
	pg_free(pg);
	for (int index = 0; index < MOST_KEPT; index++)
		free(kept[index]);
	options_free(&options, &command);
	return status;
}
