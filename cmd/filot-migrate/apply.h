/*
 * Carrying files out. One lock for all kinds of files: a transaction on a second connection holds a transaction-level
 * advisory lock while a file runs. Such a transaction keeps one server connection to itself even behind a transaction
 * pooler (a session lock would stay behind on a connection that others get), it ends by itself when this process dies (a
 * lock row would need an expiry and a heartbeat), and it holds no snapshot, so CREATE INDEX CONCURRENTLY, which waits
 * for older snapshots, does not wait for it. Whoever waits for the lock asks again and again in transactions of its own,
 * because a waiting statement does hold a snapshot. Were the lock lost all the same, the record of a file is written
 * before its first statement, and its key lets only one of two migrators go on.
 */
#ifndef FILOT_MIGRATE_APPLY_H
#define FILOT_MIGRATE_APPLY_H

#include "cmd/filot-migrate/plan.h"

struct apply_settings {
	int64_t wait_ms; /* for another migrator to end */
	int64_t lock_ms; /* lock_timeout; 0: none */
	int64_t statement_ms; /* statement_timeout; 0: none */
};

bool apply_lock(struct session *lock, int64_t wait_ms, struct error *error);
bool apply_unlock(struct session *lock, struct error *error);

/* Runs the row's file (a dirty one from where it stopped) and records it. *ms is how long it took. */
bool apply_file(struct session *session, const struct apply_settings *settings, const struct plan_row *row, int64_t *ms,
		struct error *error);

#endif
