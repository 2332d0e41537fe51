/*
 * The checks: what each looks at, in the order in which they run. One that failed is tried again as often as --retry says;
 * one that cannot tell anything, because what it looks through failed already, is skipped with that reason, so that a fault
 * shows as one failure.
 */
#ifndef FILOT_SMOKE_CHECK_H
#define FILOT_SMOKE_CHECK_H

#include "cmd/filot-smoke/settings.h"
#include "common/http/http.h"

enum smoke_check_id {
	SMOKE_HEALTH,
	SMOKE_REDIS,
	SMOKE_DATABASE,
	SMOKE_METRICS,
	SMOKE_AUTH,
	SMOKE_DOCUMENTS,
	SMOKE_VERIFICATION,
	SMOKE_QUEUE,
	SMOKE_LOGS,
	SMOKE_BACKEND,
	SMOKE_WORKER,
	SMOKE_CANARY,
	SMOKE_CHECK_COUNT
};

#define SMOKE_PHASE_COUNT 4
extern const char *const smoke_phase_names[SMOKE_PHASE_COUNT];

enum smoke_status { SMOKE_PASS, SMOKE_FAIL, SMOKE_SKIP };

struct smoke_result {
	bool chosen, ran;
	enum smoke_status status;
	int64_t ms; /* all tries and the waits between them */
	int tries;
	char text[512]; /* what was seen; why it failed or was skipped: one line, no secret in it */
};

struct smoke {
	const struct smoke_settings *settings;
	struct http *http;
	struct aws *aws;
	bool unreachable; /* the API gives no answer at all */
	const struct smoke_result *aws_refused; /* whose credentials AWS refused, or could not be had; NULL: none */
	struct smoke_result results[SMOKE_CHECK_COUNT];
};

struct smoke_check {
	const char *id; /* for --only and in lines */
	const char *name;
	int phase; /* index in smoke_phase_names */
	enum smoke_status (*look)(struct smoke *smoke, struct smoke_result *result);
	unsigned needs; /* bits 1 << id: skipped when one of these failed */
	bool needs_api; /* skipped when it gives no answer at all */
};

extern const struct smoke_check smoke_checks[SMOKE_CHECK_COUNT];

/* The index of an id; -1: none such. */
int smoke_check_find(const char *id);

/* Chooses what to run, and opens what that needs. */
bool smoke_open(struct smoke *smoke, const struct smoke_settings *settings, struct error *error);
void smoke_close(struct smoke *smoke);

/* Runs one check that was chosen, and fills its result. */
void smoke_run(struct smoke *smoke, enum smoke_check_id id);

/* ---- for the checks ---- */

/* Fill the result's text and return its status. */
enum smoke_status smoke_pass(struct smoke_result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum smoke_status smoke_fail(struct smoke_result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum smoke_status smoke_skip(struct smoke_result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A request to the API, and its body as text that ends with NUL (never NULL) in response->body. */
struct smoke_request {
	const char *method, *path;
	const char *token; /* NULL: none */
	const char *content_type, *body; /* NULL: none */
	int64_t body_length;
	const char *header; /* one more, or NULL */
	int attempts;
};
bool smoke_ask(struct smoke *smoke, const struct smoke_request *request, struct http_response *response,
	       struct error *error);

/* " (code: detail)" of a problem+json body, cut to its room; "" when it is none. Returns `text`. */
#define SMOKE_PROBLEM_SIZE 200
const char *smoke_problem(const struct http_response *response, char text[static SMOKE_PROBLEM_SIZE]);

/* api_checks.c */
enum smoke_status smoke_health(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_redis(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_database(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_metrics(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_auth(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_documents(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_verification(struct smoke *smoke, struct smoke_result *result);
/* infrastructure_checks.c */
enum smoke_status smoke_queue(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_logs(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_backend(struct smoke *smoke, struct smoke_result *result);
enum smoke_status smoke_worker(struct smoke *smoke, struct smoke_result *result);
/* canary.c */
enum smoke_status smoke_canary(struct smoke *smoke, struct smoke_result *result);

#endif
