/*
 * One connection to PostgreSQL by libpq. No session state is relied on, so it works behind a transaction pooler.
 * Statements are single ones with parameters (text format), so each is its own transaction. One struct pg serves one thread.
 */
#ifndef FILOT_PG_H
#define FILOT_PG_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

struct pg_settings {
	const char *url; /* postgresql://… or key=value; libpq's own rules for TLS */
	const char *application_name;
	int64_t connect_ms;
	int64_t statement_ms; /* the client's own deadline for one statement: the connection is dropped after it */
	int64_t reconnect_ms; /* how long a statement goes on trying to reconnect; 0: not at all */
};

struct pg;

struct pg *pg_new(const struct pg_settings *settings, struct error *error); /* connects at the first use */
void pg_free(struct pg *pg);

/* ERROR_UNAVAILABLE; ERROR_NOT_PERMITTED for SQLSTATE class 28 and ERROR_CONFIG for a database that does not exist. */
bool pg_connect(struct pg *pg, int64_t wait_ms, struct error *error);

/*
 * Runs one statement; the result is PGRES_COMMAND_OK or PGRES_TUPLES_OK and the caller's (PQclear). `again`: sending it
 * twice is harmless, so a connection lost on the way is reconnected and the statement sent again, as are serialisation
 * failures and deadlocks (40001, 40P01). The message has SQLSTATE. Server shutdown, connection and resource errors
 * (classes 08, 53, 57P) are ERROR_UNAVAILABLE; others ERROR_INTERNAL.
 */
PGresult *pg_query(struct pg *pg, bool again, const char *sql, int count, const char *const *values, struct error *error);

/*
 * The same, parsed and planned once for each connection: for statements that run again and again. `sql` is remembered by
 * address: pass the embedded array. Behind a pooler whose server connections do not know what was prepared on another, it
 * finds out and goes on as pg_query; a statement's name is made of its text, so that it is the same wherever it is known.
 */
PGresult *pg_query_prepared(struct pg *pg, bool again, const char *sql, int count, const char *const *values,
			    struct error *error);

/* The libpq connection, for what needs more (migrations). Connected or NULL. */
PGconn *pg_connection(struct pg *pg);

/* host:port/database without credentials, for messages. */
const char *pg_where(const struct pg *pg);

#endif
