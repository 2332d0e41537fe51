/*
 * What the handlers of filot-api share: the process (struct api), a worker thread's own clients (struct api_context), the
 * caller, and the few helpers that every handler needs. The routes are one table in routes.c.
 */
#ifndef FILOT_API_H
#define FILOT_API_H

#include <jansson.h>

#include "cmd/filot-api/settings.h"
#include "common/base/metrics.h"
#include "common/health/health.h"
#include "common/http/page.h"
#include "common/http/problem.h"
#include "common/http/server.h"
#include "common/pg/pg.h"
#include "common/redis/redis.h"
#include "common/store/store.h"

struct auth; /* auth.h: keys, password hashing */
struct documents;
struct rates; /* rates.h */

/* The process; not changed after the server is open, so shared without locks. */
struct api {
	const struct api_settings *settings;
	struct auth *auth;
	struct rates *rates;
	struct health *health;
	struct metrics *metrics;
	struct documents *documents; /* documents.h */
	struct server *server; /* set once it is open: handlers use server_request_server() */
	char docs_policy[PAGE_POLICY_SIZE]; /* of /docs; service_open */
};

/* A worker thread's own: clients that connect at their first use. A quick route has no such context but struct api. */
struct api_context {
	struct api *api;
	const struct api_settings *settings;
	struct pg *pg;
	struct redis *redis;
	struct store *store;
};

/* Who asks. Strings live in it. A service acts for the system: it has no user_id and sees what its path names. */
struct api_caller {
	char user_id[129]; /* "" for a service */
	char session_id[129]; /* "" for a service */
	char tenant[129]; /* "" : none */
	char role[16]; /* "user", "reviewer", "admin"; "service" */
	bool service;
};

/* For settings.worker_open and worker_close of server.h; `shared` is struct api. */
void *api_context_open(void *shared, struct error *error);
void api_context_close(void *context);

extern const struct server_route api_routes[];

/*
 * Finds out who asks, by "Authorization: Bearer ACCESS-TOKEN" or "Bearer SERVICE-KEY", and takes one of the user's requests
 * from the rate limit. False when it answered already (401 with WWW-Authenticate, 429 with Retry-After).
 * Does not touch the database: an access token is good until it expires (15 minutes), whatever happened since.
 */
bool api_authenticate(struct server_request *request, struct api_context *context, struct api_caller *caller);

/* The same for users alone: a service gets 403. */
bool api_authenticate_user(struct server_request *request, struct api_context *context, struct api_caller *caller);

/*
 * The body as a JSON object (media type application/json, else 415; not JSON 400; not an object 422). NULL when it answered
 * already. The caller calls json_decref.
 */
json_t *api_body(struct server_request *request);

/*
 * A string member of `object` with `least` to `most` characters of UTF-8 and no control characters, 422 otherwise (and
 * false). `required` false: *text is NULL when the member is not there or null. *text lives as long as `object`.
 */
bool api_member(struct server_request *request, const json_t *object, const char *name, bool required, size_t least,
		size_t most, const char **text);

/* 1 to `most` visible ASCII characters. */
bool api_visible_ascii(const char *text, size_t most);

/* The header Idempotency-Key (NULL: there is none); false when it answered 400. */
bool api_idempotency_key(struct server_request *request, const char **key);

/* Answers with JSON; takes the reference over. NULL: out of memory (500). */
void api_answer_json(struct server_request *request, int status, json_t *value);

#endif
