/* Batches under way, and the receipts of what was refused before it was sent, woven in at its place. */
#include "sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/progress.h"
#include "common/base/stop.h"
#include "common/base/write_all.h"

#define BATCH_BYTES (4 * 1024 * 1024)
#define OUTPUT_BYTES (256 * 1024)
#define SLOTS (QUEUE_BATCHES_IN_FLIGHT + 1) /* those under way and the one that is being filled */

struct refusal {
	size_t before; /* how many jobs of the batch come before it */
	char id[ULID_SIZE];
	struct error why;
};

struct slot {
	size_t jobs; /* sent */
	struct refusal *refusals;
	size_t refusal_count;
};

struct sender {
	const struct enqueue_settings *settings;
	struct queue *queue;
	struct job jobs[QUEUE_BATCH_JOBS]; /* of the batch that is being filled */
	size_t batch_bytes;
	struct slot slots[SLOTS]; /* a ring; the last one is being filled */
	size_t first, under_way;
	bool broken; /* the queue failed: what has no answer gets none any more */
	struct queue_receipt receipts[QUEUE_BATCH_JOBS];
	struct buffer output;
	struct sender_counts counts;
	struct progress progress;
};

struct sender *sender_new(const struct enqueue_settings *settings, struct queue *queue, struct error *error)
{
	struct sender *sender = calloc(1, sizeof *sender);
	if (!sender) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	sender->settings = settings;
	sender->queue = queue;
	progress_open(&sender->progress, queue ? "queued" : "printed", 0);
	return sender;
}

static struct slot *filling(struct sender *sender)
{
	return &sender->slots[(sender->first + sender->under_way) % SLOTS];
}

void sender_free(struct sender *sender)
{
	if (!sender)
		return;
	progress_close(&sender->progress);
	for (size_t index = 0; index < filling(sender)->jobs; index++)
		job_free(&sender->jobs[index]);
	for (size_t index = 0; index < SLOTS; index++)
		free(sender->slots[index].refusals);
	buffer_free(&sender->output);
	free(sender);
}

const struct sender_counts *sender_counts(const struct sender *sender)
{
	return &sender->counts;
}

static bool write_output(struct sender *sender, struct error *error)
{
	struct buffer *output = &sender->output;
	if (output->failed)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	if (!write_all(STDOUT_FILENO, output->data, output->length))
		return error_set(error, ERROR_INTERNAL, "writing standard output: %s", strerror(errno));
	buffer_clear(output);
	progress_update(&sender->progress, sender->counts.queued + sender->counts.duplicates, sender->counts.refused);
	return true;
}

static void write_refusal(struct sender *sender, const char *id, const struct error *why)
{
	sender->counts.refused++;
	if (sender->queue)
		receipt_write(&sender->output, id, RECEIPT_REFUSED, why);
	else
		log_warning("refused", log_string("job", *id ? id : NULL), log_failure(why));
}

/* The receipts of the oldest batch, refusals at their places; then its slot is free. */
static bool write_receipts(struct sender *sender, struct error *error)
{
	struct slot *slot = &sender->slots[sender->first];
	size_t refusal = 0;
	for (size_t index = 0; index <= slot->jobs; index++) {
		for (; refusal < slot->refusal_count && slot->refusals[refusal].before == index; refusal++)
			write_refusal(sender, slot->refusals[refusal].id, &slot->refusals[refusal].why);
		if (index == slot->jobs)
			break;
		const struct queue_receipt *receipt = &sender->receipts[index];
		if (receipt->status == RECEIPT_REFUSED) {
			write_refusal(sender, receipt->job, &receipt->error);
			continue;
		}
		receipt_write(&sender->output, receipt->job, receipt->status, NULL);
		sender->counts.queued += receipt->status == RECEIPT_QUEUED;
		sender->counts.duplicates += receipt->status == RECEIPT_DUPLICATE;
	}
	free(slot->refusals);
	*slot = (struct slot){ 0 };
	sender->first = (sender->first + 1) % SLOTS;
	sender->under_way--;
	return sender->output.length < OUTPUT_BYTES || write_output(sender, error);
}

static bool receive_oldest(struct sender *sender, struct error *error)
{
	size_t count = 0;
	if (sender->slots[sender->first].jobs && !queue_receive(sender->queue, sender->receipts, &count, error))
		return false;
	/* The queue refuses a batch as a whole, and what it refuses now it would refuse of the next one. */
	bool refused = count && sender->receipts[0].status == RECEIPT_REFUSED;
	struct error why = refused ? sender->receipts[0].error : (struct error){ 0 };
	return write_receipts(sender, error) && (!refused || error_set(error, why.code, "%s", why.message));
}

static void free_jobs(struct sender *sender, size_t count)
{
	for (size_t index = 0; index < count; index++)
		job_free(&sender->jobs[index]);
	sender->batch_bytes = 0;
}

/*
 * With --max-depth: the same batch again until there is room, or the wait is over; then it stays refused and all ends
 * with ERROR_TRY_AGAIN. One batch at a time, so that the limit is never passed and the jobs are still there to be sent.
 */
static bool send_bounded(struct sender *sender, struct error *error)
{
	struct slot *slot = filling(sender);
	int64_t end_ms = clock_monotonic_ms() + sender->settings->wait_ms;
	int stops = stop_requests;
	bool full = false;
	for (int attempt = 0;; attempt++) {
		size_t count = 0;
		if (!queue_send(sender->queue, sender->jobs, slot->jobs, error) ||
		    !queue_receive(sender->queue, sender->receipts, &count, error))
			return false;
		full =
		    sender->receipts[0].status == RECEIPT_REFUSED && sender->receipts[0].error.code == ERROR_TRY_AGAIN;
		int64_t left_ms = end_ms - clock_monotonic_ms();
		if (!full || left_ms <= 0 || stop_requests != stops)
			break;
		int64_t pause_ms = 20 + clock_backoff_ms(attempt, 50, 1000);
		clock_sleep_ms(pause_ms < left_ms ? pause_ms : left_ms);
	}
	free_jobs(sender, slot->jobs);
	sender->under_way++;
	struct error why = sender->receipts[0].error;
	bool refused = sender->receipts[0].status == RECEIPT_REFUSED; /* full, or not known to be kept */
	if (!write_receipts(sender, error))
		return false;
	return !refused || error_set(error, why.code, "%s", why.message);
}

/* Starts the batch that was filled. */
static bool send_batch(struct sender *sender, struct error *error)
{
	struct slot *slot = filling(sender);
	if (!slot->jobs && !slot->refusal_count)
		return true;
	bool good = true;
	if (sender->settings->most_waiting && slot->jobs)
		return send_bounded(sender, error) || !(sender->broken = true);
	while (good && sender->under_way == QUEUE_BATCHES_IN_FLIGHT)
		good = receive_oldest(sender, error);
	if (!good || (slot->jobs && !queue_send(sender->queue, sender->jobs, slot->jobs, error)))
		return !(sender->broken = true);
	free_jobs(sender, slot->jobs);
	sender->under_way++;
	return true;
}

static size_t batch_limit(const struct sender *sender)
{
	int64_t limit = sender->settings->batch;
	if (sender->settings->most_waiting && sender->settings->most_waiting < limit)
		limit = sender->settings->most_waiting; /* a larger one would never find room */
	return (size_t)limit;
}

bool sender_add(struct sender *sender, struct job *job, size_t input_bytes, struct error *error)
{
	if (!sender->queue) {
		job_write(job, &sender->output);
		buffer_append_char(&sender->output, '\n');
		job_free(job);
		sender->counts.queued++;
		return sender->output.length < OUTPUT_BYTES || write_output(sender, error);
	}
	struct slot *slot = filling(sender);
	sender->jobs[slot->jobs++] = *job;
	*job = (struct job){ 0 };
	sender->batch_bytes += input_bytes;
	if (slot->jobs < batch_limit(sender) && sender->batch_bytes < BATCH_BYTES)
		return true;
	return send_batch(sender, error);
}

bool sender_refuse(struct sender *sender, const char *id, const struct error *why, struct error *error)
{
	if (!sender->queue) {
		write_refusal(sender, id, why);
		return true;
	}
	struct slot *slot = filling(sender);
	struct refusal *refusals = realloc(slot->refusals, (slot->refusal_count + 1) * sizeof *refusals);
	if (!refusals)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	slot->refusals = refusals;
	struct refusal *refusal = &refusals[slot->refusal_count++];
	*refusal = (struct refusal){ .before = slot->jobs, .why = *why };
	memcpy(refusal->id, id, ULID_SIZE);
	return slot->refusal_count < QUEUE_BATCH_JOBS || send_batch(sender, error);
}

bool sender_flush(struct sender *sender, struct error *error)
{
	bool good = !sender->broken && send_batch(sender, error);
	while (good && sender->under_way)
		good = receive_oldest(sender, error);
	sender->broken = !good;
	/* What has its answer gets its receipt, also when the next batch failed. */
	struct error failed = { 0 };
	bool written = write_output(sender, &failed);
	if (good && !written)
		return error_set(error, failed.code, "%s", failed.message);
	return good;
}
