/*
 * Jobs back to work. Looks through the place where they are, page by page, and hands what it chooses to the script in
 * batches; the script checks again and has the last word. What comes to the place after the start is left alone, so
 * that jobs which die again at once do not keep it going for ever.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-requeue/commands.h"
#include "common/base/clock.h"
#include "common/base/stop.h"

struct mover {
	struct context *context;
	struct job_set set;
	struct queue_overview overview;
	struct queue_view view;
	/* the batch; strings belong to the page */
	struct queue_move moves[QUEUE_PAGE_ITEMS];
	struct found founds[QUEUE_PAGE_ITEMS];
	const char *whys[QUEUE_PAGE_ITEMS];
	struct buffer lines[QUEUE_PAGE_ITEMS]; /* of revived ones */
	size_t count, most;
	double next_ms; /* when the next batch may go, by the monotonic clock */
};

bool stopped(struct error *error)
{
	return stop_requests > 0 && !error_set(error, ERROR_TRY_AGAIN, "stopped before the end; run it again for the rest");
}

static const char *const moved_words[] = { [MOVED_DONE] = "moved",	   [MOVED_GONE] = "gone",
					   [MOVED_TAKEN] = "taken",	   [MOVED_RENEWED] = "renewed",
					   [MOVED_RELEASED] = "released", [MOVED_CANCELLED] = "cancelled" };

/* Waits until the rate allows the next batch; false when a signal came. */
static bool pace(struct mover *mover, size_t count)
{
	const struct requeue_settings *settings = mover->context->settings;
	if (settings->rate <= 0 || settings->dry_run)
		return !stop_requests;
	while (!stop_requests && (double)clock_monotonic_ms() < mover->next_ms) {
		int64_t left_ms = (int64_t)mover->next_ms - clock_monotonic_ms() + 1;
		clock_sleep_ms(left_ms < 200 ? left_ms : 200);
	}
	double now_ms = (double)clock_monotonic_ms();
	if (mover->next_ms < now_ms)
		mover->next_ms = now_ms;
	mover->next_ms += 1000.0 * (double)count / settings->rate;
	return !stop_requests;
}

static void clear_batch(struct mover *mover)
{
	for (size_t index = 0; index < mover->count; index++) {
		found_free(&mover->founds[index]);
		buffer_free(&mover->lines[index]);
	}
	mover->count = 0;
}

/* Moves the batch and tells of each. */
static bool flush(struct mover *mover, struct error *error)
{
	struct context *context = mover->context;
	bool good = true;
	if (!mover->count)
		return true;
	good = pace(mover, mover->count) || !stopped(error);
	good = good && queue_move(context->queue, context->settings->dry_run, mover->moves, mover->count, error);
	for (size_t index = 0; good && index < mover->count; index++) {
		const struct queue_move *move = &mover->moves[index];
		if (move->moved == MOVED_DONE) {
			report_done(&context->report, &mover->founds[index], mover->whys[index], NULL);
			mover->view.removed += move->act == ACT_PROMOTE && !context->settings->dry_run;
		} else {
			report_skipped(&context->report, &mover->founds[index], NULL, moved_words[move->moved]);
		}
	}
	clear_batch(mover);
	return good;
}

/* The line that a dead job comes back with. */
static bool revive(struct mover *mover, struct found *found, struct queue_move *move, struct error *why)
{
	struct buffer *line = &mover->lines[mover->count];
	if (!found->job.uri) {
		*why = found->why;
		return error_prefix(why, "it is no job, so no worker could take it");
	}
	if (!job_revive(&found->job, why))
		return error_prefix(why, "it cannot be counted on");
	*line = (struct buffer){ 0 };
	job_write(&found->job, line);
	found->attempt = found->job.attempt;
	if (line->failed)
		return error_set(why, ERROR_OUT_OF_MEMORY, "out of memory");
	move->line = line->data;
	move->length = line->length;
	move->stream = found->job.priority;
	move->job = found->id;
	move->tenant = found->job.tenant;
	return true;
}

static bool worker_gone(const struct mover *mover, const char *worker)
{
	for (size_t index = 0; index < mover->overview.worker_count; index++) {
		const struct queue_worker *row = &mover->overview.workers[index];
		if (strcmp(row->name, worker) == 0)
			return row->seen_ms < 0 || row->seen_ms > 3 * mover->context->settings->visibility_ms;
	}
	return true;
}

/*
 * Why a job is chosen, NULL when it is not. A worker that lives renews its claims every third of the visibility time;
 * one that has just begun may claim before it is in the list of workers. So who is not there counts as gone only when
 * a renewal was missed.
 */
static const char *choose(const struct mover *mover, const struct queue_item *item, int64_t *least_idle_ms)
{
	const struct requeue_settings *settings = mover->context->settings;
	if (item->place == PLACE_DEAD)
		return "dead";
	if (item->place == PLACE_DELAYED)
		return settings->delayed ? "delayed" : "overdue";
	if (strcmp(item->worker, QUEUE_HANDED_BACK) == 0)
		return NULL;
	*least_idle_ms = settings->min_idle_ms;
	if (item->idle_ms >= settings->min_idle_ms)
		return "idle";
	*least_idle_ms = settings->visibility_ms / 2;
	return item->idle_ms >= *least_idle_ms && worker_gone(mover, item->worker) ? "worker_gone" : NULL;
}

static bool consider(struct mover *mover, const struct queue_item *item, struct error *error)
{
	struct context *context = mover->context;
	struct found *found = &mover->founds[mover->count];
	struct queue_move *move = &mover->moves[mover->count];
	struct error why = { 0 };
	int64_t least_idle_ms = 0;
	const char *chosen = choose(mover, item, &least_idle_ms);
	if (!chosen)
		return true;
	found_read(found, item);
	if (!selection_has(context->settings, &mover->set, found)) {
		found_free(found);
		return true;
	}
	*move = (struct queue_move){ .item = item, .least_idle_ms = least_idle_ms, .job = found->id,
				     .tenant = found->job.tenant, .line = item->line, .length = item->length };
	move->act = item->place == PLACE_DEAD	 ? ACT_REVIVE :
		    item->place == PLACE_DELAYED ? ACT_PROMOTE :
						   ACT_RELEASE;
	if (move->act == ACT_RELEASE)
		found->attempt++; /* the takeover's */
	if (move->act == ACT_REVIVE && !revive(mover, found, move, &why)) {
		report_refused(&context->report, found, &why);
		buffer_free(&mover->lines[mover->count]);
		found_free(found);
		return true;
	}
	mover->whys[mover->count++] = chosen;
	return mover->count < mover->most || flush(mover, error);
}

/* How many more may be moved. */
static size_t room(const struct mover *mover)
{
	const struct context *context = mover->context;
	int64_t limit = context->settings->limit;
	if (!limit)
		return QUEUE_PAGE_ITEMS;
	int64_t left = limit - context->report.done_count - (int64_t)mover->count;
	return left > 0 ? (size_t)left : 0;
}

static bool move_place(struct mover *mover, enum queue_place place, int64_t from_ms, int64_t until_ms,
		       struct error *error)
{
	const struct requeue_settings *settings = mover->context->settings;
	const char *few[FEW_JOBS];
	bool more = true;
	bool good = true;
	mover->view = (struct queue_view){ .place = place, .from_ms = from_ms, .until_ms = until_ms, .jobs = few,
					   .job_count = job_set_few(&mover->set, few) };
	if (place == PLACE_PENDING)
		mover->view.least_idle_ms = settings->min_idle_ms < settings->visibility_ms / 2 ?
						settings->min_idle_ms :
						settings->visibility_ms / 2;
	while (good && more && (room(mover) || mover->count)) {
		good = !stopped(error) && queue_view_next(mover->context->queue, &mover->view, &more, error);
		for (size_t index = 0; good && index < mover->view.count; index++) {
			if (!room(mover)) /* some of the batch may be skipped, and then there is room again */
				good = flush(mover, error);
			if (!room(mover))
				break;
			good = good && consider(mover, &mover->view.items[index], error);
		}
		good = good && flush(mover, error);
	}
	clear_batch(mover);
	queue_view_close(&mover->view);
	return good;
}

/* Jobs that were asked for by name and were not where they were looked for. */
static void report_not_met(struct mover *mover)
{
	const struct requeue_settings *settings = mover->context->settings;
	const char *reason = settings->dead ? "not_dead" : settings->delayed ? "not_delayed" : "not_stuck";
	for (size_t index = 0; index < mover->set.count && room(mover); index++)
		if (!mover->set.jobs[index].met)
			report_skipped(&mover->context->report, NULL, mover->set.jobs[index].id, reason);
}

static bool move_dead(struct mover *mover, struct error *error)
{
	const struct requeue_settings *settings = mover->context->settings;
	int64_t now_ms = mover->overview.now_ms;
	int64_t from_ms = 0;
	int64_t until_ms = now_ms;
	if ((settings->since && !requeue_time("--since", settings->since, now_ms, &from_ms, error)) ||
	    (settings->until && !requeue_time("--until", settings->until, now_ms, &until_ms, error)))
		return false;
	if (until_ms > now_ms)
		until_ms = now_ms;
	return from_ms > until_ms || move_place(mover, PLACE_DEAD, from_ms > 0 ? from_ms : 0, until_ms, error);
}

static bool move_all(struct mover *mover, struct error *error)
{
	const struct requeue_settings *settings = mover->context->settings;
	int64_t now_ms = mover->overview.now_ms;
	if (settings->dead)
		return move_dead(mover, error);
	if (settings->delayed)
		return move_place(mover, PLACE_DELAYED, 0, 0, error);
	return move_place(mover, PLACE_PENDING, 0, 0, error) &&
	       move_place(mover, PLACE_DELAYED, 0, now_ms - settings->min_idle_ms, error);
}

/* Who looked for stuck jobs and found none may have meant the others. */
static void hint(const struct mover *mover)
{
	const struct report *report = &mover->context->report;
	const struct queue_overview *overview = &mover->overview;
	const struct requeue_settings *settings = mover->context->settings;
	if (report->json || settings->dead || settings->delayed || report->done_count || report->skipped_count ||
	    !(overview->dead || overview->delayed))
		return;
	printf("nothing is stuck; %" PRId64 " dead (--dead brings them back), %" PRId64 " waiting for a retry (--delayed)\n",
	       overview->dead, overview->delayed);
}

bool command_requeue(struct context *context, struct error *error)
{
	struct mover *mover = calloc(1, sizeof *mover); /* a page and a batch: too much for the stack */
	double rate = context->settings->rate;
	if (!mover)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	mover->context = context;
	mover->most = QUEUE_PAGE_ITEMS;
	if (rate > 0) /* ten batches a second, so that the flow is even */
		mover->most = rate / 10 < 1 ? 1 : rate / 10 < QUEUE_PAGE_ITEMS ? (size_t)(rate / 10) : QUEUE_PAGE_ITEMS;
	bool good = job_set_read(&mover->set, &context->settings->jobs, &context->report, error) &&
		    queue_overview_read(context->queue, &mover->overview, error);
	good = good && (mover->set.given && !mover->set.count ? true : move_all(mover, error));
	if (good)
		report_not_met(mover);
	report_summary(&context->report);
	if (good)
		hint(mover);
	job_set_free(&mover->set);
	queue_overview_free(&mover->overview);
	free(mover);
	return good;
}
