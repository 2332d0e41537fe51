/* Merges two lists that are in order. */
#include "cmd/filot-migrate/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const plan_state_names[PLAN_STATE_COUNT] = {
	[PLAN_APPLIED] = "applied", [PLAN_PENDING] = "pending", [PLAN_AHEAD] = "ahead",
	[PLAN_DIRTY] = "dirty",	    [PLAN_EDITED] = "edited",	[PLAN_MISSING] = "missing",
	[PLAN_LATE] = "late",	    [PLAN_DUPLICATE] = "duplicate", [PLAN_GAP] = "gap",
};

static enum plan_state judge(const struct plan_row *row, const struct plan_row *before, int64_t last_file,
			     int64_t last_applied)
{
	if (row->file && before && before->version == row->version)
		return PLAN_DUPLICATE;
	if (row->version != (before ? before->version : 0) + 1 && row->version <= last_file)
		return PLAN_GAP;
	if (row->entry && row->entry->dirty)
		return PLAN_DIRTY;
	if (!row->file)
		return row->version > last_file ? PLAN_AHEAD : PLAN_MISSING;
	if (!row->entry)
		return row->version < last_applied ? PLAN_LATE : PLAN_PENDING;
	bool same = strcmp(row->file->checksum, row->entry->checksum) == 0 && strcmp(row->file->name, row->entry->name) == 0;
	return same ? PLAN_APPLIED : PLAN_EDITED;
}

static void count(struct plan *plan, enum plan_state state)
{
	plan->pending += state == PLAN_PENDING;
	plan->ahead += state == PLAN_AHEAD;
	plan->dirty += state == PLAN_DIRTY;
	plan->wrong += state >= PLAN_EDITED;
}

bool plan_make(const struct migration_files *files, const struct history *history, struct plan *plan,
	       struct error *error)
{
	int64_t last_file = files->count ? files->items[files->count - 1].version : 0;
	int64_t last_applied = history->count ? history->items[history->count - 1].version : 0;
	*plan = (struct plan){ .rows = calloc(files->count + history->count + 1, sizeof *plan->rows) };
	if (!plan->rows)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	for (size_t file = 0, entry = 0; file < files->count || entry < history->count;) {
		struct plan_row *row = &plan->rows[plan->count];
		const struct migration_file *next_file = file < files->count ? &files->items[file] : NULL;
		const struct history_entry *next_entry = entry < history->count ? &history->items[entry] : NULL;
		if (next_file && (!next_entry || next_file->version <= next_entry->version)) {
			row->file = next_file;
			file++;
		}
		if (next_entry && (!next_file || next_entry->version <= next_file->version)) {
			row->entry = next_entry;
			entry++;
		}
		row->version = row->file ? row->file->version : row->entry->version;
		row->state = judge(row, plan->count ? row - 1 : NULL, last_file, last_applied);
		count(plan, row->state);
		plan->count++;
	}
	return true;
}

void plan_free(struct plan *plan)
{
	free(plan->rows);
	*plan = (struct plan){ 0 };
}

void plan_row_name(const struct plan_row *row, char *text, size_t size)
{
	if (row->file)
		(void)snprintf(text, size, "%s", row->file->file);
	else
		(void)snprintf(text, size, "%04" PRId64 "_%s", row->version, row->entry->name);
}

void plan_explain(const struct plan_row *row, char *text, size_t size)
{
	text[0] = '\0';
	switch (row->state) {
	case PLAN_AHEAD:
		(void)snprintf(text, size, "applied by a newer release that has a file for it");
		break;
	case PLAN_DIRTY:
		(void)snprintf(text, size,
			       "stopped after %" PRId64 " of its statements; if no filot-migrate is at it now, look at what "
			       "the next one left behind (an index may be there and invalid: drop it), then go on with "
			       "\"filot-migrate up --resume\", or finish by hand and record that with \"filot-migrate baseline "
			       "%" PRId64 "\"%s%s", /* the error last: it may be long, and is cut first */
			       row->entry->statements_done, row->version, *row->entry->error ? "; the error was: " : "",
			       row->entry->error);
		break;
	case PLAN_EDITED:
		if (strcmp(row->file->name, row->entry->name) != 0)
			(void)snprintf(text, size, "it was applied under the name %s", row->entry->name);
		else
			(void)snprintf(text, size,
				       "edited after it was applied (then %.12s…, now %.12s…): put it back as it was, and "
				       "write a new file for the change",
				       row->entry->checksum, row->file->checksum);
		break;
	case PLAN_MISSING:
		(void)snprintf(text, size, "it was applied, but the file is not there");
		break;
	case PLAN_LATE:
		(void)snprintf(text, size, "not applied, though a newer one is: give it the next free number");
		break;
	case PLAN_DUPLICATE:
		(void)snprintf(text, size, "another file has the same number: give one of them the next free number");
		break;
	case PLAN_GAP:
		(void)snprintf(text, size, "there is no number %04" PRId64 " before it", row->version - 1);
		break;
	default:
		break;
	}
}
