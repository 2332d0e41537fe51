/* Files beside history, version by version: what is applied, what is to come, and what is wrong. */
#ifndef FILOT_MIGRATE_PLAN_H
#define FILOT_MIGRATE_PLAN_H

#include "cmd/filot-migrate/history.h"

enum plan_state {
	PLAN_APPLIED,
	PLAN_PENDING,
	PLAN_AHEAD, /* recorded, and newer than all files: a newer release was here */
	PLAN_DIRTY, /* a file without transaction that stopped on the way */
	/* wrong, all of them */
	PLAN_EDITED, /* the file is not the one that was applied */
	PLAN_MISSING, /* recorded, but there is no such file */
	PLAN_LATE, /* not applied, though a newer one is */
	PLAN_DUPLICATE, /* two files with one number */
	PLAN_GAP, /* the number before it is not there */
	PLAN_STATE_COUNT
};

extern const char *const plan_state_names[PLAN_STATE_COUNT];

struct plan_row {
	int64_t version;
	const struct migration_file *file; /* or NULL */
	const struct history_entry *entry; /* or NULL */
	enum plan_state state;
};

struct plan {
	struct plan_row *rows;
	size_t count;
	size_t pending, wrong, dirty, ahead;
};

/* The plan points into files and history. Only memory can fail. */
bool plan_make(const struct migration_files *files, const struct history *history, struct plan *plan,
	       struct error *error);
void plan_free(struct plan *plan);

/* One line on why a row cannot stay as it is and what to do; an empty line for those that are well. */
void plan_explain(const struct plan_row *row, char *text, size_t size);

/* "0001_name.sql", or "0001_name" of the record when there is no file. */
void plan_row_name(const struct plan_row *row, char *text, size_t size);

#endif
