/*
 * Request lines, what BULI2 is asked, and receipt lines, what became of it (filot-jobs(5)): one reader and one writer.
 *
 *   {"v":1,"delivery":ULID,"verification":id,"key":idempotency key,"payload":{…},"attempt":1,"enqueued_at":…}
 *
 * "delivery" is made when it is missing, "key" is the delivery's id then; `attempt` counts the tries that were made, so a
 * new line has 0. Members that are not known are kept. A line that names a delivery may lack the payload: it is in the
 * delivery's row. So the lines in Redis hold nothing about persons, where there is a database.
 */
#ifndef FILOT_BULI2_REQUEST_H
#define FILOT_BULI2_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

#define BULI2_LONGEST_LINE_BYTES (1024 * 1024)

struct buli2_request {
	const char *delivery;	  /* 1..128 characters of [A-Za-z0-9._:-] */
	const char *verification; /* likewise */
	const char *key;	  /* 1..256 visible ASCII characters */
	int64_t attempts;	  /* tries that were made */
	bool has_payload;
	bool recorded; /* the payload is its row's: lines that are written lack it */
	void *json; /* json_t, which the texts point into */
};

/* ERROR_BAD_JOB names the member; then *request is zero. */
bool buli2_request_parse(struct buli2_request *request, const char *line, size_t length, struct error *error);

/* From a row of `deliveries`, without its payload. */
bool buli2_request_make(struct buli2_request *request, const char *delivery, const char *verification, const char *key,
			int64_t attempts, struct error *error);

/* What its row says: key, and payload as JSON text. From then on it is recorded. */
bool buli2_request_set_recorded(struct buli2_request *request, const char *key, const char *payload, struct error *error);

bool buli2_request_set_attempts(struct buli2_request *request, int64_t attempts, struct error *error);

/* Appends the line without its end; the payload alone, which must be there, is the body that is sent. */
void buli2_request_write(const struct buli2_request *request, struct buffer *line);
void buli2_request_body(const struct buli2_request *request, struct buffer *body);

void buli2_request_free(struct buli2_request *request);

enum buli2_end {
	BULI2_DELIVERED,
	BULI2_RETRY,   /* lies in the retry set */
	BULI2_DEAD,    /* lies in the dead stream, or (without Redis) will not be tried again */
	BULI2_FAILED,  /* may be tried again, but there is no retry set to put it in: the line is whole in the caller's hands */
	BULI2_REFUSED, /* the line is no request */
	BULI2_SKIPPED, /* was delivered or buried before, or somebody else sends it now */
	BULI2_END_COUNT
};

extern const char *const buli2_end_names[BULI2_END_COUNT];

struct buli2_receipt {
	const char *delivery, *verification; /* or NULL */
	enum buli2_end end;
	int64_t attempt, ms;
	long http_status;   /* 0: no answer */
	int64_t due_ms;	    /* of RETRY, Unix */
	struct error error; /* code ERROR_NONE: none */
};

/* Appends a receipt line with its "\n". */
void buli2_receipt_write(struct buffer *line, const struct buli2_receipt *receipt);

#endif
