/* What the subcommands do with files, history and plan. */
#include "cmd/filot-migrate/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/filot-migrate/report.h"
#include "common/base/log.h"

/* Everything that a subcommand looks at; session and lock are open or empty. */
struct view {
	struct session session, lock;
	struct migration_files files;
	struct history history;
	struct plan plan;
};

static void view_forget(struct view *view)
{
	plan_free(&view->plan);
	history_free(&view->history);
}

static bool view_look(struct view *view, struct error *error)
{
	view_forget(view);
	return history_load(&view->session, &view->history, error) &&
	       plan_make(&view->files, &view->history, &view->plan, error);
}

static bool view_open(struct view *view, const struct context *context, bool writes, struct error *error)
{
	*view = (struct view){ 0 };
	return files_load(context->folder, &view->files, error) &&
	       session_open(&view->session, &context->database, context->apply.wait_ms, error) &&
	       (!writes || session_open(&view->lock, &context->database, context->apply.wait_ms, error));
}

static void view_close(struct view *view)
{
	view_forget(view);
	files_free(&view->files);
	session_close(&view->session);
	session_close(&view->lock);
}

/*
 * The first thing that is wrong, with what to do about it. A dirty row is fine for who resumes; and for who has not got
 * the lock, because then another migrator may be working on that file.
 */
static bool refuse_wrong(const struct plan *plan, bool dirty_is_fine, struct error *error)
{
	for (size_t index = 0; index < plan->count; index++) {
		const struct plan_row *row = &plan->rows[index];
		if (row->state < PLAN_EDITED && (row->state != PLAN_DIRTY || dirty_is_fine))
			continue;
		char why[sizeof error->message], name[NAME_MAX + 1];
		plan_explain(row, why, sizeof why);
		plan_row_name(row, name, sizeof name);
		return error_set(error, ERROR_BAD_INPUT, "%s: %s: %s", name, plan_state_names[row->state], why);
	}
	return true;
}

/* The next row to apply, NULL when there is none. */
static const struct plan_row *next_row(const struct plan *plan, int64_t target)
{
	for (size_t index = 0; index < plan->count; index++) {
		const struct plan_row *row = &plan->rows[index];
		if ((row->state == PLAN_PENDING || row->state == PLAN_DIRTY) && (!target || row->version <= target))
			return row;
	}
	return NULL;
}

static bool check_target(const struct migration_files *files, int64_t target, struct error *error)
{
	for (size_t index = 0; target && index < files->count; index++)
		if (files->items[index].version == target)
			return true;
	return !target || error_set(error, ERROR_USAGE, "there is no migration %" PRId64, target);
}

static void dry_run(const struct context *context, const struct plan *plan)
{
	for (size_t index = 0; index < plan->count; index++) {
		const struct plan_row *row = &plan->rows[index];
		bool wanted = row->file && (row->state == PLAN_PENDING || row->state == PLAN_DIRTY);
		if (wanted && (!context->target || row->version <= context->target))
			report_file(context->json, row, "would_apply", 0);
	}
	report_end(context->json, plan, 0, true);
}

/* Under the lock: look, and apply the next file. *row is NULL when there was none. */
static bool apply_next(struct view *view, const struct context *context, const struct plan_row **row,
		       struct error *error)
{
	int64_t ms;
	*row = NULL;
	if (!history_prepare(&view->session, error) || !view_look(view, error) ||
	    !refuse_wrong(&view->plan, context->resume, error))
		return false;
	const struct plan_row *next = next_row(&view->plan, context->target);
	if (!next)
		return true;
	if (!next->file)
		return error_set(error, ERROR_BAD_INPUT, "%04" PRId64 "_%s: dirty, and there is no file to go on with",
				 next->version, next->entry->name);
	if (!apply_file(&view->session, &context->apply, next, &ms, error))
		return false;
	report_file(context->json, next, "applied", ms);
	*row = next;
	return true;
}

bool command_up(const struct context *context, struct error *error)
{
	struct view view;
	size_t applied = 0;
	bool fine = view_open(&view, context, !context->dry, error) && check_target(&view.files, context->target, error) &&
		    view_look(&view, error) && refuse_wrong(&view.plan, context->resume || !context->dry, error);
	if (!fine)
		goto out;
	if (view.plan.ahead)
		log_warning("database_ahead", log_integer("migrations", view.plan.ahead),
			    log_string("message", "the database has migrations of a newer release"));
	if (context->dry) {
		dry_run(context, &view.plan);
		goto out;
	}
	/* The lock is given up after each file, so that no other migrator waits for more than one. */
	while (next_row(&view.plan, context->target)) {
		const struct plan_row *row;
		fine = apply_lock(&view.lock, context->apply.wait_ms, error) && apply_next(&view, context, &row, error);
		if (!fine)
			goto out;
		applied += row != NULL;
		fine = apply_unlock(&view.lock, error) && view_look(&view, error) && refuse_wrong(&view.plan, true, error);
		if (!fine)
			goto out;
	}
	report_end(context->json, &view.plan, applied, false);
out:
	view_close(&view);
	return fine;
}

bool command_status(const struct context *context, bool *well, struct error *error)
{
	struct view view;
	bool fine = view_open(&view, context, false, error) && view_look(&view, error);
	if (fine) {
		report_status(context->json, &view.plan);
		*well = !view.plan.pending && !view.plan.wrong && !view.plan.dirty;
	}
	view_close(&view);
	return fine;
}

bool command_verify(const struct context *context, bool *well, struct error *error)
{
	struct view view;
	bool fine = view_open(&view, context, false, error) && view_look(&view, error);
	if (fine) {
		report_verify(context->json, &view.plan);
		*well = !view.plan.wrong && !view.plan.dirty && !view.plan.ahead;
	}
	view_close(&view);
	return fine;
}

/* Records the rows up to `version` that are pending, late or dirty as applied. */
static bool record_rows(struct view *view, const struct context *context, int64_t version, struct error *error)
{
	for (size_t index = 0; index < view->plan.count; index++) {
		const struct plan_row *row = &view->plan.rows[index];
		bool open = row->state == PLAN_PENDING || row->state == PLAN_LATE || row->state == PLAN_DIRTY;
		if (!open || row->version > version)
			continue;
		if (!row->file) {
			char name[NAME_MAX + 1];
			plan_row_name(row, name, sizeof name);
			return error_set(error, ERROR_BAD_INPUT, "%s: there is no file for it", name);
		}
		if (!context->dry && !(history_begin(&view->session, row->file, "dirty", error) &&
				       history_end(&view->session, row->version, 0, error)))
			return false;
		report_file(context->json, row, context->dry ? "would_baseline" : "baselined", 0);
	}
	return true;
}

bool command_baseline(const struct context *context, int64_t version, struct error *error)
{
	struct view view;
	bool fine = view_open(&view, context, true, error) && check_target(&view.files, version, error) &&
		    apply_lock(&view.lock, context->apply.wait_ms, error) &&
		    (context->dry || history_prepare(&view.session, error)) && view_look(&view, error) &&
		    session_query(&view.session, "begin", 0, NULL, NULL, error) &&
		    record_rows(&view, context, version, error) &&
		    session_query(&view.session, "commit", 0, NULL, NULL, error) && apply_unlock(&view.lock, error);
	view_close(&view);
	return fine;
}
