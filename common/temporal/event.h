/*
 * Event lines, what Temporal is to be told, and receipt lines, what became of it (filot-jobs(5)):
 *
 *   {"v":1,"event":"start|read|decided","verification":id,"data":{…}}
 *   {"v":1,"event":…,"verification":id,"status":"done|already|gone|failed|refused|off","run_id"?,"http_status"?,"error"?}
 */
#ifndef FILOT_TEMPORAL_EVENT_H
#define FILOT_TEMPORAL_EVENT_H

#include "common/base/buffer.h"
#include "common/temporal/client.h"

#define TEMPORAL_LONGEST_LINE_BYTES (1024 * 1024)

enum temporal_event { TEMPORAL_START, TEMPORAL_READ, TEMPORAL_DECIDED, TEMPORAL_EVENT_COUNT };

extern const char *const temporal_event_names[TEMPORAL_EVENT_COUNT];

/* "done", "already", "gone", "failed", "refused". */
extern const char *const temporal_outcome_names[TEMPORAL_OUTCOME_COUNT];

struct temporal_line {
	enum temporal_event event;
	char verification[129];
	char *data; /* JSON object text; freed by the caller */
	char *state; /* its "state" when it has one: a decision's, for the request id; freed by the caller */
};

/* ERROR_BAD_JOB names the member; then there is nothing to free. */
bool temporal_line_parse(struct temporal_line *line, const char *text, size_t length, struct error *error);
void temporal_line_free(struct temporal_line *line);

/*
 * Tells Temporal. The signals are "documents_read" and "buli2_decided", their request ids VERIFICATION:read and
 * VERIFICATION:STATE, so that each is taken once however often it is sent.
 */
bool temporal_tell(struct temporal_client *client, enum temporal_event event, const char *verification, const char *state,
		   const char *data, struct temporal_answer *answer, struct error *error);

/* `answer` NULL: Temporal is off. */
void temporal_receipt_write(struct buffer *line, const char *event, const char *verification,
			    const struct temporal_answer *answer);

#endif
