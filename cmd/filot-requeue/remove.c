/*
 * Jobs out of the queue: `drop` from wherever they are, `cancel` from where they wait or run.
 *
 * While they are looked for, each has its mark in the cancel set, so that a claim which meets one before we do drops it;
 * and they are looked for twice, because a job may go from a place not yet seen to one already seen. With a database the
 * row is cancelled first: then a worker that holds the job cannot store its result, however far it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/filot-requeue/commands.h"
#include "job_cancel_sql.h"
#include "job_state_sql.h"

struct remover {
	struct context *context;
	struct job_set set;
	struct queue_view view;
	bool drop;
};

/* Asks on the terminal; without one there is nobody to ask, and --yes must say it. */
static bool agreed(const struct remover *remover, struct error *error)
{
	const struct requeue_settings *settings = remover->context->settings;
	char answer[16] = "";
	if (!remover->drop || settings->yes || settings->dry_run || !remover->set.count)
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return error_set(error, ERROR_USAGE, "drop cannot be undone and nobody can be asked here: give --yes");
	fprintf(stderr, "drop %zu job%s for good? [y/N] ", remover->set.count, remover->set.count == 1 ? "" : "s");
	(void)fflush(stderr);
	if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	return error_set(error, ERROR_TRY_AGAIN, "nothing was dropped");
}

/* In the database, when there is one; a dry run only looks how it is there. */
static bool cancel_row(struct remover *remover, struct named_job *named, struct error *error)
{
	const char *const values[] = { named->id };
	const char *sql = remover->context->settings->dry_run ? job_state_sql : job_cancel_sql;
	if (!remover->context->pg)
		return true;
	PGresult *result = pg_query(remover->context->pg, true, sql, 1, values, error);
	if (!result)
		return false;
	const char *state = PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "";
	if (!remover->drop && strcmp(state, "done") == 0) { /* there is nothing to take back */
		named->met = true;
		report_skipped(&remover->context->report, NULL, named->id, "done");
	}
	named->row_cancelled = strcmp(state, "queued") == 0 || strcmp(state, "running") == 0 ||
			       strcmp(state, "retrying") == 0;
	PQclear(result);
	return true;
}

/* A worker that has claimed a job and not begun it in the database has no row there yet that could be cancelled. */
static const char *note_for(const struct named_job *named, const struct queue_move *move)
{
	if (!move->held)
		return NULL;
	return named->row_cancelled ? "a worker held it: it stops at its next renewal, and its result is not stored" :
				      "a worker held it: it stops at its next renewal; a result stored before that stays";
}

/* One item of the jobs that are meant. */
static bool remove_item(struct remover *remover, const struct queue_item *item, struct named_job *named,
			struct error *error)
{
	struct report *report = &remover->context->report;
	struct queue_move move = { .act = ACT_REMOVE, .item = item };
	struct found found;
	found_read(&found, item);
	bool good = true;
	if (item->place == PLACE_DEAD && !remover->drop) {
		named->met = true;
		report_skipped(report, &found, NULL, "dead");
	} else {
		good = queue_move(remover->context->queue, report->dry_run, &move, 1, error);
		if (good && move.moved == MOVED_DONE) {
			named->met = true;
			report_done(report, &found, NULL, note_for(named, &move));
			remover->view.removed += (item->place == PLACE_DELAYED || item->backlog) && !report->dry_run;
		}
	}
	found_free(&found);
	return good;
}

static bool remove_from(struct remover *remover, enum queue_place place, struct error *error)
{
	const char *few[FEW_JOBS];
	bool more = true;
	bool good = true;
	remover->view = (struct queue_view){ .place = place, .jobs = few, .job_count = job_set_few(&remover->set, few) };
	while (good && more) {
		good = !stopped(error) && queue_view_next(remover->context->queue, &remover->view, &more, error);
		for (size_t index = 0; good && index < remover->view.count; index++) {
			const struct queue_item *item = &remover->view.items[index];
			struct found found;
			found_read(&found, item);
			struct named_job *named = job_set_find(&remover->set, found.id);
			found_free(&found);
			if (named && !named->met)
				good = remove_item(remover, item, named, error);
		}
	}
	queue_view_close(&remover->view);
	return good;
}

static bool all_met(const struct job_set *set)
{
	for (size_t index = 0; index < set->count; index++)
		if (!set->jobs[index].met)
			return false;
	return true;
}

static bool mark_all(struct remover *remover, struct error *error)
{
	for (size_t index = 0; index < remover->set.count; index++) {
		struct named_job *named = &remover->set.jobs[index];
		if (stopped(error) || !cancel_row(remover, named, error))
			return false;
		if (!named->met && !remover->context->report.dry_run &&
		    !queue_cancel_mark(remover->context->queue, named->id, error))
			return false;
	}
	return true;
}

/* Takes the marks away. One that is gone was used by a claim, which dropped the job. */
static bool unmark_all(struct remover *remover, struct error *error)
{
	struct report *report = &remover->context->report;
	for (size_t index = 0; index < remover->set.count; index++) {
		const struct named_job *named = &remover->set.jobs[index];
		bool was_there = true;
		if (!report->dry_run && !queue_cancel_unmark(remover->context->queue, named->id, &was_there, error))
			return false;
		if (!named->met)
			report_skipped(report, NULL, named->id,
				       !was_there	     ? "dropped_by_a_worker" :
				       !named->row_cancelled ? "not_in_the_queue" :
				       report->dry_run	     ? "only_in_the_database" :
							       "cancelled_in_the_database");
	}
	return true;
}

bool command_remove(struct context *context, const struct string_list *operands, struct error *error)
{
	struct remover *remover = calloc(1, sizeof *remover); /* a page is too much for the stack */
	if (!remover)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	*remover = (struct remover){ .context = context, .drop = context->settings->verb == VERB_DROP };
	bool good = job_set_read(&remover->set, operands, &context->report, error) && agreed(remover, error);
	if (good && remover->set.count) {
		good = mark_all(remover, error);
		for (int pass = 0; good && pass < 2 && !all_met(&remover->set); pass++)
			for (int place = 0; good && place < PLACE_COUNT; place++)
				good = remove_from(remover, (enum queue_place)place, error);
		good = good && unmark_all(remover, error);
	}
	if (good)
		report_summary(&context->report);
	job_set_free(&remover->set);
	free(remover);
	return good;
}
