/*
 * The job queue of section 5 of the contract: streams by priority with one consumer group, a delayed set, a dead
 * stream, idempotency keys. Every multi-key change is one Lua script (queue_*.lua beside this file), so a job is always
 * in exactly one place. Delivery is at least once; effects are once because results are fenced by job and attempt (pg).
 *
 * Names: NAME is "ocr" unless --queue-name says otherwise; filot:{NAME}:jobs, :jobs:high, :jobs:low, in the same way
 * :backlog… and :turns…, :delayed, :dead, :key:KEY, :cancel, :workers, :events, :progress, :takeovers, and two that live
 * for minutes: :sent:ULID (a batch's answer, so that sending it again after a lost connection puts nothing twice) and
 * :swept. The hash tag keeps all keys of a queue on one shard.
 *
 * Fairness: a stream holds the next jobs only, its window: 256, or two for each worker where that is more. What comes
 * while it is full waits in the backlog, a list for each tenant (jobs without a tenant are one tenant's); a claim that
 * finds the stream short deals the next window from them, one of each tenant, then the second of each, and so on. So
 * the job number k of a tenant that had none waiting is given after at most a window, its own k - 1, and k + 1 of each
 * other tenant of the same priority, however many those have. Retries and revived jobs take their turns like new ones.
 *
 * Formats. A member is "UNIX-MS JOB TENANT LINE": since when it waits, by the clock of who put it there; TENANT may be
 * empty. Entry of a jobs stream: job MEMBER. :turns is the list of the tenants that have jobs in the backlog, whose turn
 * is next first, :backlog/TENANT the list of one's members, :backlog how many all have. Member of the delayed set:
 * "STREAM JOB TENANT LINE", STREAM 1 high, 2 normal, 3 low. Entry of the dead stream: job, code, message, line (its
 * "history" holds the earlier attempts). Row of the workers hash: "UNIX-MS JSON". Event: line. :takeovers counts how
 * often a claim went to another; who finds it as it was knows without looking that its claims are its own.
 *
 * Attempt = the line's "attempt" + deliveries of the entry - 1, so that a takeover counts one and leaves the entry as
 * it is. The consumer "handed-back" is nobody: what is pending to it is taken by the next claim, whoever makes it.
 *
 * Commands: one script for a batch of 500 jobs sent, one for a claim of up to `most` jobs (two when the queue is empty:
 * the wait), one for each end (or for up to 128 that are finished together), one for a renewal of up to 16 claims. Redis
 * 7 or later, or what speaks as it does.
 */
#ifndef FILOT_QUEUE_H
#define FILOT_QUEUE_H

#include "common/json/job.h"
#include "common/redis/redis.h"

struct queue_settings {
	const char *name;      /* "ocr"; 1..64 of [A-Za-z0-9._-] */
	const char *worker;    /* consumer name, not "handed-back"; NULL for senders and operators */
	int64_t visibility_ms; /* a claim older than this may be taken over */
	int64_t max_attempts;
	int64_t key_ttl_ms;		   /* how long an idempotency key is remembered */
	int64_t dead_keep_ms, events_keep; /* trimming: by age, by count */
	int64_t durable_replicas; /* queue_durable_open: how many must have a batch */
	int64_t most_waiting; /* a batch that would make the queue longer is refused: ERROR_TRY_AGAIN; 0: no limit */
};

/* "ocr", 60 s, 12 attempts, keys for 7 days, the dead for 30 days, 10,000 events, no limit. */
extern const struct queue_settings queue_default_settings;

struct queue; /* uses a struct redis that stays the caller's */

/* 1 to 64 characters of A-Z, a-z, 0-9 and ._- */
bool queue_name_valid(const char *name);

struct queue *queue_new(const struct queue_settings *settings, struct redis *redis, struct error *error);
void queue_free(struct queue *queue);

/*
 * Makes the group in the three streams when it is not there, and forgets workers unseen for a day that hold nothing.
 * Workers call it once at start; queue_claim does it itself when the group has gone.
 */
bool queue_prepare(struct queue *queue, struct error *error);

struct queue_receipt {
	char job[ULID_SIZE]; /* of the job that holds the key: the new one, or the earlier one of a duplicate */
	enum receipt_status status;
	struct error error; /* when refused */
};

/* Puts jobs in the queue, pipelined in batches, each once per key. receipts[i] belongs to jobs[i]. */
bool queue_enqueue(struct queue *queue, const struct job *jobs, size_t count, struct queue_receipt *receipts,
		   struct error *error);

/*
 * The same for who sends without end: queue_send starts a batch and waits for nothing, queue_receive waits for the
 * answer of the oldest batch that was sent. Jobs may be freed after queue_send. A connection that is lost in between is
 * made again within the reconnect budget and the unanswered batches are sent again; they take effect once.
 */
#define QUEUE_BATCH_JOBS 500
#define QUEUE_BATCHES_IN_FLIGHT 8

/* At most QUEUE_BATCH_JOBS jobs, and at most QUEUE_BATCHES_IN_FLIGHT batches without an answer. */
bool queue_send(struct queue *queue, const struct job *jobs, size_t count, struct error *error);
bool queue_receive(struct queue *queue, struct queue_receipt receipts[static QUEUE_BATCH_JOBS], size_t *count,
		   struct error *error);
size_t queue_in_flight(const struct queue *queue); /* batches */

/*
 * From here on a batch is answered only when the server says that it is on its disk (as far as it has an append-only file)
 * and on durable_replicas replicas. What is not known to be after the reconnect budget is refused with ERROR_UNAVAILABLE;
 * it is in the queue all the same, so send it again under its key or id. ERROR_CONFIG when the server can promise nothing,
 * ERROR_UNAVAILABLE when it has too few replicas now.
 */
bool queue_durable_open(struct queue *queue, struct error *error);

/* One delivery of one job. */
struct delivery {
	struct job job; /* job.attempt is this delivery's attempt: the fencing token */
	enum job_priority stream;
	char entry[44];	    /* stream entry id */
	int64_t deliveries; /* of this entry, this one counted: tells this claim from a later one */
	int64_t takeovers;  /* how many claims of the queue had changed hands before: while none has since, it is ours */
	bool lost;	    /* set by queue_renew: someone else holds it now */
	struct error exhausted; /* not ERROR_NONE: over max_attempts; record its end and bury it for this reason */
};

/*
 * Takes up to `most` jobs: due delayed ones are promoted, handed back ones and claims older than visibility_ms taken
 * over (the latter with the attempt counted and the history telling whose it was), then new entries, high before normal
 * before low; but of eight claims one looks at low first and one at normal first, so that neither starves. Payloads that
 * are no job go to the dead stream on the way; cancelled ones are dropped. When nothing
 * is ready, waits up to block_ms for a new entry, less when a retry is due before. *count may be 0. Jobs are freed by
 * delivery_free.
 */
bool queue_claim(struct queue *queue, size_t most, int64_t block_ms, struct delivery *deliveries, size_t *count,
		 struct error *error);
void delivery_free(struct delivery *delivery);

/* Keeps claims fresh; sets `lost` on those that this worker no longer owns. Call every visibility_ms / 3. */
bool queue_renew(struct queue *queue, struct delivery *const *deliveries, size_t count, struct error *error);

/*
 * The four ends of a delivery; each acknowledges and deletes the entry in the same script, and does nothing when this
 * worker no longer owns it (then *owned is false), nor when it runs again because its answer was lost. `event` (may be
 * NULL) is a JSON line for the events stream.
 */
bool queue_finish(struct queue *queue, struct delivery *delivery, const char *event, bool *owned, struct error *error);
/*
 * The same for many of this worker's at once, each given once, in one script call for every QUEUE_FINISH_AT_ONCE.
 * events[i] (events may be NULL, and each of them) and owned[i] belong to deliveries[i]. On failure those before the
 * failing call are finished.
 */
#define QUEUE_FINISH_AT_ONCE 128
bool queue_finish_many(struct queue *queue, struct delivery *const *deliveries, const char *const *events, size_t count,
		       bool *owned, struct error *error);
/* To the delayed set, due at due_ms (Unix), with attempt + 1 and the history of this one. */
bool queue_retry(struct queue *queue, struct delivery *delivery, int64_t due_ms, const struct error *why, bool *owned,
		 struct error *error);
bool queue_bury(struct queue *queue, struct delivery *delivery, const struct error *why, const char *event, bool *owned,
		struct error *error);
/* Back to where the next claim takes it before all new ones, not counted as an attempt. */
bool queue_hand_back(struct queue *queue, const struct delivery *delivery, bool *owned, struct error *error);

/* This worker's row in the workers hash (JSON object text). */
bool queue_heartbeat(struct queue *queue, const char *json, struct error *error);
/*
 * Puts event lines in the stream :progress (the newest 1,000 or so), from which followers learn how far jobs are. Lines that
 * are lost with a connection are not sent again.
 */
bool queue_progress(struct queue *queue, const char *const *lines, size_t count, struct error *error);
/* Leaves the group and the workers hash; what is still pending to this worker is handed back. */
bool queue_leave(struct queue *queue, struct error *error);

#endif
