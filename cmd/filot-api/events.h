/*
 * Following a document as Server-Sent Events (WHATWG HTML, section 9.2): queued, started, page (n of m), retrying, and one
 * of done, failed, cancelled, deleted, after which the stream ends. One thread serves all followers of the process: it
 * reads the queue's streams of events and of progress, and looks into the database every few seconds, so that nothing that
 * was missed there is missed for long.
 *
 * An event's id is JOB.ATTEMPT.STEP, which only grows: whoever comes again with Last-Event-ID gets what is later.
 */
#ifndef FILOT_API_EVENTS_H
#define FILOT_API_EVENTS_H

#include "cmd/filot-api/settings.h"
#include "common/base/error.h"
#include "common/http/server.h"

struct events;

/* How far a document is: a row of documents_states.sql, or an event of the queue. */
struct event_state {
	const char *document, *job; /* job "": none yet */
	const char *state; /* of the job, "uploading" or "deleted" */
	int64_t attempt, page, pages; /* page: 0 but while it runs */
	const char *code, *message; /* when failed */
};

struct events *events_open(const struct api_settings *settings, struct error *error);
void events_drain(struct events *events); /* ends all streams, and those that begin from now on */
void events_close(struct events *events); /* NULL is fine */

/* Takes the stream over, sends what the state and last_id (may be NULL) ask for, and goes on until the end. Any thread. */
void events_follow(struct events *events, struct server_stream *stream, const struct event_state *state,
		   const char *last_id);

#endif
