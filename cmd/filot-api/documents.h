/*
 * Documents: taking them, showing them, what was read of them, following and deleting them. A user sees the own ones only:
 * another's is not found; a service sees all.
 *
 * Taking one (documents_create.c) is: begin (a row of documents without stored_at, and one of loose_objects), the object,
 * then one statement by which the document takes the object and its job and the job's outbox line are made. Whatever ends
 * in between leaves a loose object that loose.h removes, never a document without its job or a job without its document.
 */
#ifndef FILOT_API_DOCUMENTS_H
#define FILOT_API_DOCUMENTS_H

#include "cmd/filot-api/api.h"

struct events; /* events.h */
struct lookup; /* lookups.h */
struct lookups;
struct loose; /* loose.h */
struct outbox; /* outbox.h */

/* What is behind the handlers: look-ups that go together, and threads. */
struct documents {
	struct lookups *lookups;
	struct outbox *outbox;
	struct loose *loose;
	struct events *events;
};

struct documents *documents_open(const struct api_settings *settings, struct error *error);
/* Ends the streams of those who follow documents: after server_drain, before server_close. */
void documents_drain(struct documents *documents);
void documents_close(struct documents *documents); /* after server_close; NULL is fine */

/* POST /documents, body streamed */
void documents_create(struct server_request *request, void *context);
/* POST /documents/{id}/complete */
void documents_complete(struct server_request *request, void *context);
/* GET /documents */
void documents_list(struct server_request *request, void *context);
/* GET, DELETE /documents/{id}; GET /documents/{id}/text, /result, /file, /events */
void documents_get(struct server_request *request, void *context);
void documents_delete(struct server_request *request, void *context);
void documents_text(struct server_request *request, void *context);
void documents_result(struct server_request *request, void *context);
void documents_file(struct server_request *request, void *context);
void documents_events(struct server_request *request, void *context);
/* GET /search?q= */
void documents_search(struct server_request *request, void *context);

/* ---- for these handlers ---- */

/* The caller's id in statements: NULL, which means any, for a service. */
const char *documents_owner(const struct api_caller *caller);

/* Runs a statement; NULL when it failed and was answered. */
PGresult *documents_query(struct server_request *request, struct api_context *context, bool again, const char *sql,
			  int count, const char *const *values);

/*
 * Authenticates and finds the document of the path. False, and nothing found, when it was answered. The caller ends *found
 * (lookup_end) in either case.
 */
bool documents_find(struct server_request *request, struct api_context *context, struct lookup *found);

/* {id} of the path: NULL when it cannot be one, and 404 was answered. */
const char *documents_id(struct server_request *request);
void documents_not_found(struct server_request *request);

/* A whole number of the query string within its bounds, `fallback` when it is not given; false when 422 was answered. */
bool documents_limit(struct server_request *request, int64_t fallback, int64_t most, int64_t *number);

#endif
