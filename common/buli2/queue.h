/*
 * Where requests to BULI2 wait: stream filot:{NAME}:requests (group "senders"; field line), set :retry (member the line,
 * score when it is due), stream :dead (line, code, message, http_status, body), and :breaker, the circuit breaker that all
 * senders share (hash: failures, until, opened, probe, probe_until). NAME is "buli2"; every change is one script
 * (buli2_*.lua beside this file).
 *
 * Delivery is at least once: an entry stays until its try has ended, and one whose sender stopped is given to another
 * after visibility_ms. What makes a request that stands there twice be sent once is its row (deliveries.h), and beyond that
 * its idempotency key.
 */
#ifndef FILOT_BULI2_QUEUE_H
#define FILOT_BULI2_QUEUE_H

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/redis/redis.h"

struct buli2_queue_settings {
	const char *name;   /* 1..64 of [A-Za-z0-9._-] */
	const char *sender; /* this sender's name, unlike any other's */
	int64_t visibility_ms;
	int64_t dead_keep_ms;
	int64_t breaker_failures;		/* in a row, after which it opens */
	int64_t breaker_base_ms, breaker_cap_ms; /* how long: doubled each time a probe fails, with jitter */
};

struct buli2_queue; /* uses a struct redis that stays the caller's */

struct buli2_queue *buli2_queue_new(const struct buli2_queue_settings *settings, struct redis *redis,
				    struct error *error);
void buli2_queue_free(struct buli2_queue *queue);

#define BULI2_SEND_LINES 200
bool buli2_queue_send(struct buli2_queue *queue, const char *const *lines, size_t count, struct error *error);

struct buli2_looked {
	int64_t requests; /* waiting or being sent */
	int64_t retries, due; /* in the retry set; those of them whose time has come */
	int64_t dead;
	int64_t breaker_ms; /* until the breaker lets the next request through; 0: now */
	int64_t next_ms; /* until the next retry is due; -1: none */
};

/* Puts due retries back in the stream (while the breaker is closed) and tells what there is. One script call. */
bool buli2_queue_look(struct buli2_queue *queue, struct buli2_looked *looked, struct error *error);

struct buli2_claim {
	char entry[44];
	int64_t deliveries;
	bool probe; /* this is the one request that finds out whether BULI2 is back */
	struct buffer line; /* the caller frees */
};

/* *got false: there is nothing to send now. */
bool buli2_queue_claim(struct buli2_queue *queue, struct buli2_claim *claim, bool *got, struct error *error);

/*
 * The end of a try. `entry` NULL: the request did not come from the stream. *owned false: another sender ended it
 * meanwhile, and nothing was done.
 */
bool buli2_queue_done(struct buli2_queue *queue, const char *entry, bool *owned, struct error *error);
bool buli2_queue_retry(struct buli2_queue *queue, const char *entry, const char *line, int64_t delay_ms, int64_t *due_ms,
		       bool *owned, struct error *error);
bool buli2_queue_bury(struct buli2_queue *queue, const char *entry, const char *line, const struct error *why,
		      long http_status, const char *body, bool *owned, struct error *error);

/* What a try said of BULI2's health. *changed: the breaker opened or closed by it; *open_ms how long it is open then. */
enum buli2_health { BULI2_WELL, BULI2_UNWELL, BULI2_ASKS_TO_WAIT };
bool buli2_queue_report(struct buli2_queue *queue, enum buli2_health health, int64_t asked_ms, bool *changed,
			int64_t *open_ms, struct error *error);

/*
 * Calls `visit` for each request of a place ("requests", "retry", "dead") until it returns false. `details` are the dead
 * stream's fields, "" elsewhere; `when_ms` is when it came there, of retries when it is due.
 */
struct buli2_item {
	const char *entry, *line, *code, *message, *http_status, *body;
	size_t length;
	int64_t when_ms;
};
typedef bool buli2_visit(void *context, const struct buli2_item *item, struct error *error);
bool buli2_queue_walk(struct buli2_queue *queue, const char *place, buli2_visit *visit, void *context,
		      struct error *error);

/* Makes a dead request ready again, as `line`; *done false: somebody else was faster. */
bool buli2_queue_revive(struct buli2_queue *queue, const char *entry, const char *line, bool *done, struct error *error);

/* Takes an entry out of the dead stream; likewise. */
bool buli2_queue_drop(struct buli2_queue *queue, const char *entry, bool *done, struct error *error);

#endif
