/*
 * Jobs and refusals go in, in the order of the inputs; receipt lines (or with --print job lines) come out in that
 * order. Up to eight batches are under way, each one round trip.
 */
#ifndef FILOT_ENQUEUE_SENDER_H
#define FILOT_ENQUEUE_SENDER_H

#include "common/json/job.h"
#include "common/redis/queue.h"
#include "settings.h"

struct sender_counts {
	int64_t queued, duplicates, refused;
};

struct sender;

/* `queue` NULL: jobs are printed. Both stay the caller's. */
struct sender *sender_new(const struct enqueue_settings *settings, struct queue *queue, struct error *error);
void sender_free(struct sender *sender);

/* Takes the job over. */
bool sender_add(struct sender *sender, struct job *job, size_t input_bytes, struct error *error);

/* An input that is no job; `id` is the one it had, or empty. */
bool sender_refuse(struct sender *sender, const char *id, const struct error *why, struct error *error);

/* Sends what is collected, waits for all answers and writes their receipts. */
bool sender_flush(struct sender *sender, struct error *error);

const struct sender_counts *sender_counts(const struct sender *sender);

#endif
