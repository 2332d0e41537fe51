/*
 * Temporal by its HTTP API (Temporal Server 1.22 and later, port 7243, or a gateway with the same paths):
 *
 *   POST /api/v1/namespaces/{namespace}/workflows/{workflow_id}                        StartWorkflowExecution
 *   POST /api/v1/namespaces/{namespace}/workflows/{workflow_id}/signal/{signal_name}   SignalWorkflowExecution
 *
 * Bodies are the requests of temporal/api/workflowservice/v1 as protobuf JSON; arguments are payloads with the encoding
 * json/plain, in base64. A start of a workflow that was started before, running or over, changes nothing; a signal has a
 * request id, by which Temporal takes it once.
 */
#ifndef FILOT_TEMPORAL_CLIENT_H
#define FILOT_TEMPORAL_CLIENT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/http/http.h"
#include "common/temporal/temporal_options.h"

struct temporal_settings {
	struct temporal_place place; /* with an endpoint */
	const char *task_queue, *workflow_type;
	const char *identity; /* who we are, in the workflow's history */
	int64_t connect_ms, total_ms;
};

enum temporal_outcome {
	TEMPORAL_DONE,
	TEMPORAL_ALREADY,  /* the workflow was started before */
	TEMPORAL_GONE,	   /* there is no such workflow, or it is over */
	TEMPORAL_MAY_PASS, /* no answer, 401, 403, 408, 429, 5xx, an answer that is none, a namespace that is not there */
	TEMPORAL_REFUSED,  /* for good: Temporal does not take this request */
	TEMPORAL_OUTCOME_COUNT
};

struct temporal_answer {
	enum temporal_outcome outcome;
	long status; /* 0: no answer */
	int64_t retry_after_ms;
	char run_id[128]; /* of a start, "" when it was not told */
	struct error why; /* when neither DONE nor ALREADY */
};

/* Appends the URL of the namespace, which Temporal describes there; and the header that a request to it needs, if any. */
void temporal_url(const struct temporal_place *place, struct buffer *url);
void temporal_authorization(const struct temporal_place *place, struct buffer *header);

/* One serves one thread. */
struct temporal_client {
	struct temporal_settings settings; /* its strings are the caller's */
	struct http *http;
	char where[HTTP_WHERE_SIZE]; /* its name in messages */
};

/* Close it in either case; one that is all zero is closed, too. */
bool temporal_client_open(struct temporal_client *client, const struct temporal_settings *settings, struct error *error);
void temporal_client_close(struct temporal_client *client);

/* `input` is JSON text, the workflow's or signal's one argument. False only when no request could be made. */
bool temporal_start(struct temporal_client *client, const char *workflow_id, const char *input,
		    struct temporal_answer *answer, struct error *error);
bool temporal_signal(struct temporal_client *client, const char *workflow_id, const char *signal, const char *request_id,
		     const char *input, struct temporal_answer *answer, struct error *error);

#endif
