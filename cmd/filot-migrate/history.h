/* The table schema_migrations: what was applied to a database. */
#ifndef FILOT_MIGRATE_HISTORY_H
#define FILOT_MIGRATE_HISTORY_H

#include "cmd/filot-migrate/files.h"
#include "cmd/filot-migrate/session.h"

struct history_entry {
	int64_t version;
	char *name, *checksum, *error, *by, *applied_at;
	bool dirty; /* a file without transaction that did not come to its end */
	int64_t statements_done; /* of such a file */
	int64_t ms;
};

struct history {
	struct history_entry *items; /* by version */
	size_t count;
};

/* No table is an empty history. */
bool history_load(struct session *session, struct history *history, struct error *error);
void history_free(struct history *history);

/* Makes the table when it is not there. */
bool history_prepare(struct session *session, struct error *error);

/* Records a file as `state` ("applied" or "dirty"). ERROR_TRY_AGAIN when another migrator had recorded it. */
bool history_begin(struct session *session, const struct migration_file *file, const char *state, struct error *error);
bool history_step(struct session *session, int64_t version, size_t statements_done, struct error *error);
bool history_end(struct session *session, int64_t version, int64_t ms, struct error *error);
bool history_fail(struct session *session, int64_t version, const char *why, int64_t ms, struct error *error);

#endif
