/* A round: claim up to 500 rows, enqueue them as one batch, delete those that the queue has. */
#include "cmd/filot-api/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/filot-api/clients.h"
#include "common/base/worker.h"
#include "common/base/log.h"
#include "common/base/ulid.h"
#include "common/pg/pg.h"
#include "common/redis/queue.h"
#include "outbox_claim_sql.h"
#include "outbox_failed_sql.h"
#include "outbox_sent_sql.h"

#define CLAIM_S "30" /* longer than a batch with its reconnects can take */
#define PAUSE_MS 1000 /* how late what another process left behind is seen */
#define BATCH_JOBS 500

_Static_assert(BATCH_JOBS <= QUEUE_BATCH_JOBS, "one batch, one script call");

struct outbox {
	const struct api_settings *settings;
	struct worker worker;
	struct pg *pg;
	struct redis *redis;
	struct queue *queue;
	char name[ULID_SIZE]; /* claimed_by */
	bool failing; /* logged once, until it works again */
};

/* One batch: rows as they were claimed, and the jobs made of them. */
struct batch {
	PGresult *rows;
	struct job jobs[BATCH_JOBS];
	int row_of[BATCH_JOBS]; /* whose job it is */
	struct queue_receipt receipts[BATCH_JOBS];
	size_t count;
	struct buffer sent, failed; /* PostgreSQL arrays of job ids: "{…" */
	struct error why; /* of the last that failed */
};

static void add_id(struct buffer *array, const char *id)
{
	buffer_printf(array, "%c%s", array->length ? ',' : '{', id);
}

static bool run(struct outbox *outbox, const char *sql, int count, const char *const *values)
{
	struct error error = { 0 };
	PGresult *result = pg_query(outbox->pg, true, sql, count, values, &error);
	if (!result)
		log_warning("outbox_not_updated", log_failure(&error));
	PQclear(result);
	return result != NULL;
}

/* Writes down what became of the batch. What cannot be written is sent again when its claim is over, to no effect. */
static void settle(struct outbox *outbox, struct batch *batch)
{
	if (batch->sent.length) {
		buffer_append_char(&batch->sent, '}');
		if (!batch->sent.failed)
			(void)run(outbox, outbox_sent_sql, 1, (const char *const[]){ batch->sent.data });
	}
	if (batch->failed.length) {
		buffer_append_char(&batch->failed, '}');
		if (!batch->failed.failed)
			(void)run(outbox, outbox_failed_sql, 3,
				  (const char *const[]){ batch->failed.data, outbox->name, batch->why.message });
	}
}

/* Rows become jobs. One that is none can never be sent: it stays, with its reason, and is said loudly. */
static void read_rows(struct batch *batch)
{
	for (int row = 0; row < PQntuples(batch->rows) && batch->count < BATCH_JOBS; row++) {
		const char *id = PQgetvalue(batch->rows, row, 0);
		struct error error = { 0 };
		if (job_parse(&batch->jobs[batch->count], PQgetvalue(batch->rows, row, 1),
			      (size_t)PQgetlength(batch->rows, row, 1), &error)) {
			batch->row_of[batch->count++] = row;
			continue;
		}
		log_error("outbox_row_is_no_job", log_string("job", id), log_failure(&error));
		batch->why = error;
		add_id(&batch->failed, id);
	}
}

static void judge(struct outbox *outbox, struct batch *batch, bool asked, const struct error *error)
{
	for (size_t index = 0; index < batch->count; index++) {
		const struct queue_receipt *receipt = &batch->receipts[index];
		bool sent = asked && receipt->status != RECEIPT_REFUSED;
		if (!sent)
			batch->why = asked ? receipt->error : *error;
		add_id(sent ? &batch->sent : &batch->failed, PQgetvalue(batch->rows, batch->row_of[index], 0));
	}
	bool failed = batch->failed.length > 0;
	if (failed && !outbox->failing)
		log_warning("outbox_not_sent", log_failure(&batch->why));
	else if (!failed && outbox->failing)
		log_info("outbox_sent_again", log_integer("jobs", batch->count));
	outbox->failing = failed;
}

/* One batch. *all: there was no more than that. False: it could not be tried. */
static bool send_batch(struct outbox *outbox, bool *all)
{
	const char *const claim[] = { outbox->name, outbox->settings->queue_name, CLAIM_S, "500" };
	struct error error = { 0 };
	struct batch *batch = calloc(1, sizeof *batch);
	*all = true;
	if (!batch)
		return false;
	batch->rows = pg_query(outbox->pg, false, outbox_claim_sql, 4, claim, &error);
	bool done = batch->rows != NULL;
	if (!done) {
		if (!outbox->failing)
			log_warning("outbox_not_read", log_failure(&error));
		outbox->failing = true;
	} else if (PQntuples(batch->rows)) {
		read_rows(batch);
		bool asked = !batch->count || queue_enqueue(outbox->queue, batch->jobs, batch->count, batch->receipts,
							    &error);
		judge(outbox, batch, asked, &error);
		settle(outbox, batch);
		*all = PQntuples(batch->rows) < BATCH_JOBS;
		done = !batch->failed.length;
	}
	for (size_t index = 0; index < batch->count; index++)
		job_free(&batch->jobs[index]);
	PQclear(batch->rows);
	buffer_free(&batch->sent);
	buffer_free(&batch->failed);
	free(batch);
	return done;
}

static int64_t outbox_round(void *context)
{
	struct outbox *outbox = context;
	bool all = false;
	while (!all && send_batch(outbox, &all) && !worker_ending(&outbox->worker))
		;
	return PAUSE_MS;
}

struct outbox *outbox_open(const struct api_settings *settings, struct error *error)
{
	struct queue_settings names = queue_default_settings;
	struct outbox *outbox = calloc(1, sizeof *outbox);
	if (!outbox) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the outbox");
		return NULL;
	}
	names.name = settings->queue_name;
	outbox->settings = settings;
	(void)ulid_new(outbox->name);
	outbox->pg = client_pg(settings, "filot-api-outbox", error);
	outbox->redis = outbox->pg ? client_redis(settings, "filot-api-outbox", error) : NULL;
	outbox->queue = outbox->redis ? queue_new(&names, outbox->redis, error) : NULL;
	if (outbox->queue && worker_start(&outbox->worker, outbox_round, outbox, error))
		return outbox;
	outbox_close(outbox);
	return NULL;
}

void outbox_wake(struct outbox *outbox)
{
	worker_wake(&outbox->worker);
}

void outbox_close(struct outbox *outbox)
{
	bool all;
	if (!outbox)
		return;
	bool ran = outbox->worker.started;
	worker_stop(&outbox->worker);
	if (ran && !outbox->failing)
		(void)send_batch(outbox, &all);
	queue_free(outbox->queue);
	redis_free(outbox->redis);
	pg_free(outbox->pg);
	free(outbox);
}
