/*
 * The queue as an operator sees it: looking at jobs wherever they are, moving and removing single ones, the whole at a
 * glance, and whether the server is fit to keep jobs. queue.h says what is where; senders and workers need only that.
 *
 * Looking (queue_view, queue_overview) changes nothing. What is done to a job (queue_move) is decided by what was seen
 * and checked again in the script that does it, so any number of operators, and workers, may go on at the same time.
 */
#ifndef FILOT_QUEUE_ADMIN_H
#define FILOT_QUEUE_ADMIN_H

#include "common/redis/queue.h"

enum queue_place {
	PLACE_PENDING, /* claimed by a worker, or handed back (then `worker` is QUEUE_HANDED_BACK) */
	PLACE_READY,   /* waiting in a stream, not yet delivered, or in its backlog */
	PLACE_DELAYED,
	PLACE_DEAD,
	PLACE_COUNT
};

/* "pending", "ready", "delayed", "dead". */
extern const char *const queue_place_names[PLACE_COUNT + 1];

#define QUEUE_HANDED_BACK "handed-back"

/* The idle time that a released claim is given: longer than any visibility time. */
#define QUEUE_RELEASED_IDLE_MS (INT64_C(365) * 24 * 3600 * 1000)

/* One job where it lies; strings are the view's, until its next page. */
struct queue_item {
	enum queue_place place;
	bool backlog;		  /* ready, but not yet in its stream */
	enum job_priority stream; /* of the dead: normal, the line knows better */
	const char *entry;	  /* id in its stream; of delayed ones and in the backlog the member */
	const char *job;	  /* as the sender's line had it; "" when there was no valid one */
	const char *line;	  /* "" when the entry was deleted while it was claimed */
	size_t length;
	int64_t since_ms; /* Unix: when it came to its stream, died; of delayed ones when it is due */
	/* pending */
	const char *worker;
	int64_t idle_ms, deliveries;
	/* dead */
	const char *code, *message;
};

#define QUEUE_PAGE_ITEMS 200

/*
 * Walks through one place, page by page. Set the first part, zero the rest. Pages come in the order of the place (of
 * pending and ready: stream by stream, high first; of a backlog the last first) and may be empty before the end.
 */
struct queue_view {
	enum queue_place place;
	int64_t least_idle_ms;	 /* pending: not renewed for so long */
	int64_t from_ms, until_ms; /* dead: died, delayed: due within these; until_ms 0: no bound */
	const char *const *jobs; /* only these, at most 32; NULL: all */
	size_t job_count;
	/* what a page has */
	struct queue_item items[QUEUE_PAGE_ITEMS];
	size_t count;
	int64_t now_ms; /* by the server's clock */
	size_t removed; /* to be counted by who moves or removes delayed items, or such of the backlog, of this page */
	/* private */
	enum job_priority stream;
	char after[192];
	bool backlog, started, ended;
	void *reply;
};

/* The next page, or *more false after the last one. */
bool queue_view_next(struct queue *queue, struct queue_view *view, bool *more, struct error *error);
void queue_view_close(struct queue_view *view);

enum queue_act {
	ACT_RELEASE, /* pending: the next claim of any worker takes it over, and counts an attempt */
	ACT_PROMOTE, /* delayed: ready now */
	ACT_REVIVE,  /* dead: ready again, with `line` */
	ACT_REMOVE   /* from wherever it is, for good */
};

enum queue_moved {
	MOVED_DONE,
	MOVED_GONE,	/* not there any more: finished, or moved by someone else */
	MOVED_TAKEN,	/* another delivery of it has begun */
	MOVED_RENEWED,	/* its worker has renewed the claim */
	MOVED_RELEASED, /* already waits for the next claim */
	MOVED_CANCELLED /* a cancel mark waits for it */
};

struct queue_move {
	enum queue_act act;
	const struct queue_item *item;
	int64_t least_idle_ms;	  /* release: only when not renewed for so long */
	enum job_priority stream; /* revive: where to */
	const char *job, *tenant; /* revive; tenant may be NULL */
	const char *line;
	size_t length;
	/* the answer */
	enum queue_moved moved;
	bool held; /* remove: a worker held it */
};

/*
 * Up to QUEUE_PAGE_ITEMS, one script call. A lost answer is asked for again; then what was done is told as GONE or so.
 * `dry`: the same checks and answers, and nothing is changed.
 */
bool queue_move(struct queue *queue, bool dry, struct queue_move *moves, size_t count, struct error *error);

/* Marks a job to be dropped by the claim that meets it; unmarks it and tells whether the mark was still there. */
bool queue_cancel_mark(struct queue *queue, const char *job, struct error *error);
bool queue_cancel_unmark(struct queue *queue, const char *job, bool *was_there, struct error *error);
bool queue_cancel_marked(struct queue *queue, const char *job, bool *marked, struct error *error);

struct queue_worker {
	const char *name;
	int64_t seen_ms; /* ago; -1: it has no row (it left, or never told) */
	int64_t claims;
	const char *json; /* what it tells of itself, or "" */
};

struct queue_overview {
	int64_t now_ms;
	struct queue_waiting {
		int64_t waiting, in_flight, oldest_ms; /* oldest_ms: -1 none */
	} streams[JOB_PRIORITY_COUNT];
	int64_t delayed, overdue, next_due_ms; /* Unix, -1 none */
	int64_t dead, oldest_dead_ms;
	int64_t finished, finished_in_ms; /* jobs that ended within the last minute, or the newest 500 */
	struct queue_worker *workers;
	size_t worker_count;
	void *reply;
};

/* One script call, whose cost depends on the number of workers and not on that of jobs. */
bool queue_overview_read(struct queue *queue, struct queue_overview *overview, struct error *error);
void queue_overview_free(struct queue_overview *overview);

/* The same added up, for who only wants to judge it. */
struct queue_stats {
	int64_t ready[JOB_PRIORITY_COUNT]; /* waiting: not yet delivered, in the backlog, or handed back */
	int64_t in_flight, delayed, dead;
	int64_t workers;   /* seen within the last three visibility times */
	int64_t oldest_ms; /* age of the oldest waiting job, 0 when none; of a backlog, the job whose turn is next counts */
};

bool queue_stats(struct queue *queue, struct queue_stats *stats, struct error *error);

/* What of the server's settings can lose jobs. */
struct queue_server {
	bool known_eviction, may_evict; /* maxmemory is set and maxmemory-policy is not noeviction */
	bool known_persistence, persistent;
	bool syncs_always; /* an answer means that the write is on disk: appendonly and appendfsync always */
	/*
	 * The user "default" has no rights while there is an append-only file: it is replayed as that user, and many versions
	 * leave out what scripts wrote (github.com/redis/redis/issues/14541, github.com/valkey-io/valkey/issues/3983).
	 */
	bool forgets_scripts;
	char policy[32];
};

/*
 * Asks by CONFIG GET, and where that is refused (hosted servers) by INFO; what neither tells stays unknown. Never fails
 * for a refusal.
 */
bool queue_server_read(struct queue *queue, struct queue_server *server, struct error *error);

/* The same as warnings in the log, one for each thing that is wrong. For the start of senders and workers. */
void queue_check_server(struct queue *queue);

#endif
