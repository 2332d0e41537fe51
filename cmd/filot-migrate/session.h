/*
 * Statements of a migration on one connection: no reconnecting, no sending twice; a stop signal or the time being over
 * cancels the statement on the server.
 */
#ifndef FILOT_MIGRATE_SESSION_H
#define FILOT_MIGRATE_SESSION_H

#include "common/pg/pg.h"

struct session {
	struct pg *pg;
	int64_t limit_ms; /* for one statement, kept by the client; 0: none */
};

/* Connects (waiting up to wait_ms). Close it with session_close whatever the outcome. */
bool session_open(struct session *session, const struct pg_settings *settings, int64_t wait_ms, struct error *error);
void session_close(struct session *session);

/*
 * Runs one statement with `count` parameters (0: by the simple protocol). The result may be an error of the server's and
 * is the caller's; NULL when there is none: the connection was lost, the time was over, or a signal came.
 */
PGresult *session_run(struct session *session, const char *sql, int count, const char *const *values, struct error *error);

/* As session_run, but an error of the server's is put into *error. `result` may be NULL. */
bool session_query(struct session *session, const char *sql, int count, const char *const *values, PGresult **result,
		   struct error *error);

/* Words a server's error: "SQLSTATE 42P01: message; detail: …; hint: …". Returns false. */
bool session_refused(const PGresult *result, struct error *error);

#endif
