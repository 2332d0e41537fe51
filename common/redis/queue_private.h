/* What the files of the queue share: its keys, and calls of its scripts. Nobody else includes it. */
#ifndef FILOT_QUEUE_PRIVATE_H
#define FILOT_QUEUE_PRIVATE_H

#include "common/redis/queue.h"

#define QUEUE_GROUP "workers"
#define QUEUE_HELD "handed-back"

enum queue_key {
	QUEUE_STREAM_HIGH, /* streams first, in the order of enum job_priority */
	QUEUE_STREAM_NORMAL,
	QUEUE_STREAM_LOW,
	QUEUE_BACKLOG_HIGH, /* how many do not fit in their windows, and whose turn it is: queue_window.lua */
	QUEUE_BACKLOG_NORMAL,
	QUEUE_BACKLOG_LOW,
	QUEUE_TURNS_HIGH,
	QUEUE_TURNS_NORMAL,
	QUEUE_TURNS_LOW,
	QUEUE_DELAYED,
	QUEUE_DEAD,
	QUEUE_CANCEL,
	QUEUE_WORKERS,
	QUEUE_EVENTS,
	QUEUE_PROGRESS,
	QUEUE_SWEPT,
	QUEUE_TAKEOVERS, /* how many claims have changed hands since ever */
	QUEUE_KEY_COUNT
};

/* A batch that was sent and not yet answered, kept to be sent again. */
struct queue_batch {
	char *command; /* in the protocol; redisFreeCommand */
	size_t length;
	size_t count;
	char (*ids)[ULID_SIZE];
};

struct queue {
	struct queue_settings settings; /* strings owned */
	struct redis *redis;
	char *keys[QUEUE_KEY_COUNT];
	int64_t takeovers;				     /* as the last claim found them */
	int64_t claims;					     /* made so far: every eighth looks at low first */
	struct {
		bool on, on_disk; /* on_disk: an answer of the server, or of WAITAOF, means that it is there */
		bool asks_disk;	  /* by WAITAOF */
		int64_t replicas; /* to WAIT for */
	} durable;
	struct queue_batch batches[QUEUE_BATCHES_IN_FLIGHT]; /* a ring */
	size_t first_batch, batch_count;
};

/* After a batch: what asks whether it is kept, how many replies that has, and reading them. *missing: why it is not known. */
bool queue_durable_append(struct queue *queue, struct error *error);
size_t queue_durable_replies(const struct queue *queue);
bool queue_durable_read(struct queue *queue, struct error *missing, struct error *error);

#define QUEUE_WINDOW_KEYS QUEUE_DELAYED /* the first so many: what a script needs that puts jobs in streams */

/*
 * The parts of a member "NUMBER JOB TENANT LINE" (queue_window.lua: the number is when it came, Unix ms; in the delayed
 * set its stream, 1 to 3). What is not one is a line as a whole, its number -1.
 */
struct queue_member {
	int64_t number;
	const char *line; /* into the member */
	size_t length;
};

struct queue_member queue_member_split(const char *member, size_t length);

#define QUEUE_CALL_WORDS 64

/* The keys and arguments of one script call. */
struct queue_call {
	int count;
	const char *words[QUEUE_CALL_WORDS];
	size_t lengths[QUEUE_CALL_WORDS];
	char numbers[QUEUE_CALL_WORDS][24]; /* the text of numbers */
};

void queue_call_string(struct queue_call *call, const char *text);
void queue_call_bytes(struct queue_call *call, const char *bytes, size_t length);
void queue_call_number(struct queue_call *call, int64_t number);

/* Runs a script whose first key_count words are keys. An error reply fails with `what`; NOGROUP sets *no_group, too. */
redisReply *queue_call_run(struct queue *queue, const char *script, int key_count, const struct queue_call *call,
			   const char *what, bool *no_group, struct error *error);

#endif
