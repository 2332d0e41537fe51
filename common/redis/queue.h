/*
 * The job queue of section 5 of the contract: streams by priority with one consumer group, a delayed set, a dead stream,
 * idempotency keys. Every multi-key change is one Lua script (queue_*.lua beside this file), so a job is always in
 * exactly one place. Delivery is at least once; effects are once because results are fenced by job and attempt (pg).
 *
 * Names: NAME is "ocr" unless --queue-name says otherwise; filot:{NAME}:jobs, :jobs:high, :jobs:low, :delayed, :dead,
 * :key:KEY, :cancel, :workers, :events. The hash tag keeps all keys of a queue on one shard.
 */
#ifndef FILOT_QUEUE_H
#define FILOT_QUEUE_H

#include "common/json/job.h"
#include "common/redis/redis.h"

struct queue_settings {
	const char *name; /* "ocr" */
	const char *worker; /* consumer name; NULL for senders and operators */
	int64_t visibility_ms; /* a claim older than this may be taken over */
	int64_t max_attempts;
	int64_t key_ttl_ms; /* how long an idempotency key is remembered */
	int64_t dead_keep_ms, events_keep; /* trimming: by age, by count */
};

extern const struct queue_settings queue_default_settings;

struct queue; /* uses a struct redis that stays the caller's */

struct queue *queue_new(const struct queue_settings *settings, struct redis *redis, struct error *error);
void queue_free(struct queue *queue);

/* Makes the group in the three streams when it is not there. Workers call it once after each connect. */
bool queue_prepare(struct queue *queue, struct error *error);

struct queue_receipt {
	char job[ULID_SIZE]; /* of the job that holds the key: the new one, or the earlier one of a duplicate */
	enum receipt_status status;
	struct error error; /* when refused */
};

/* Puts jobs in the queue, one round trip for all of them, each once per key. receipts[i] belongs to jobs[i]. */
bool queue_enqueue(struct queue *queue, const struct job *jobs, size_t count, struct queue_receipt *receipts,
		   struct error *error);

/* One delivery of one job. */
struct delivery {
	struct job job; /* job.attempt is this delivery's attempt: the fencing token */
	enum job_priority stream;
	char entry[44]; /* stream entry id */
	bool lost; /* set by queue_renew: someone else holds it now */
};

/*
 * Takes up to `most` jobs: due delayed ones are promoted, claims older than visibility_ms taken over (with the attempt
 * counted), then new entries, high before normal before low. Jobs over max_attempts and payloads that are no job go to the
 * dead stream on the way; cancelled ones are dropped. When nothing is ready, waits up to block_ms for a new entry.
 * Jobs are freed by delivery_free.
 */
bool queue_claim(struct queue *queue, size_t most, int64_t block_ms, struct delivery *deliveries, size_t *count,
		 struct error *error);
void delivery_free(struct delivery *delivery);

/* Keeps claims fresh; sets `lost` on those that this worker no longer owns. Call every visibility_ms / 3. */
bool queue_renew(struct queue *queue, struct delivery *const *deliveries, size_t count, struct error *error);

/*
 * The four ends of a delivery; each acknowledges and deletes the entry in the same script, and does nothing when this
 * worker no longer owns it (then *owned is false). `event` (may be NULL) is a JSON line for the events stream.
 */
bool queue_finish(struct queue *queue, const struct delivery *delivery, const char *event, bool *owned,
		  struct error *error);
/* To the delayed set, due at due_ms (Unix), with attempt + 1 and the history of this one. */
bool queue_retry(struct queue *queue, struct delivery *delivery, int64_t due_ms, const struct error *why, bool *owned,
		 struct error *error);
bool queue_bury(struct queue *queue, struct delivery *delivery, const struct error *why, const char *event, bool *owned,
		struct error *error);
/* Back to where another worker takes it at once, not counted as an attempt. */
bool queue_hand_back(struct queue *queue, const struct delivery *delivery, bool *owned, struct error *error);

/* This worker's row in the workers hash (JSON object text), and leaving the group when nothing is pending. */
bool queue_heartbeat(struct queue *queue, const char *json, struct error *error);
bool queue_leave(struct queue *queue, struct error *error);

struct queue_stats {
	int64_t ready[JOB_PRIORITY_COUNT]; /* waiting, not yet delivered */
	int64_t in_flight, delayed, dead, workers;
	int64_t oldest_ms; /* age of the oldest waiting job, 0 when none */
};

/* One script call. Workers are those seen within the last three visibility times. */
bool queue_stats(struct queue *queue, struct queue_stats *stats, struct error *error);

#endif
