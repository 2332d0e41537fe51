/* Phases 1 and 2: what anybody sees of the API, and that nobody sees more. */
#include <jansson.h>
#include <string.h>

#include "cmd/filot-smoke/check.h"
#include "common/base/buffer.h"

/* ---- /health ---- */

struct health {
	long status;
	json_t *body; /* NULL when it is none of ours */
};

static bool read_health(struct smoke *smoke, struct health *health, struct error *error)
{
	const struct smoke_request request = { .method = "GET", .path = "/health" };
	struct http_response response;
	*health = (struct health){ 0 };
	if (!smoke_ask(smoke, &request, &response, error))
		return false;
	health->status = response.status;
	health->body = json_loads(response.body.data, 0, NULL);
	if (!json_is_object(json_object_get(health->body, "checks"))) {
		json_decref(health->body);
		health->body = NULL;
	}
	buffer_free(&response.body);
	return true;
}

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "?";
}

static const char *status_of(const struct health *health, const char *part)
{
	return text_of(json_object_get(json_object_get(health->body, "checks"), part), "status");
}

/* Whether a part of /health has a check of its own, and that is going to be run. */
static bool is_checked(const struct smoke *smoke, const char *part)
{
	if (strcmp(part, "redis") == 0 || strcmp(part, "queue") == 0)
		return smoke->results[SMOKE_REDIS].chosen;
	return strcmp(part, "database") == 0 && smoke->results[SMOKE_DATABASE].chosen;
}

/* "redis is down (unavailable), …": the parts that are not well. True when one of them is nobody's but /health's. */
static bool write_unwell(const struct smoke *smoke, const json_t *body, struct buffer *text)
{
	const char *name;
	json_t *part;
	bool ours = false;
	json_object_foreach(json_object_get(body, "checks"), name, part) {
		const char *status = text_of(part, "status");
		const char *why = json_string_value(json_object_get(part, "error"));
		if (strcmp(status, "ok") == 0 || strcmp(status, "off") == 0)
			continue;
		buffer_printf(text, "%s%.40s is %.20s%s%.40s%s", text->length ? ", " : "", name, status, why ? " (" : "",
			      why ? why : "", why ? ")" : "");
		ours = ours || (!is_checked(smoke, name) && strcmp(status, "degraded") != 0);
	}
	return ours;
}

enum smoke_status smoke_health(struct smoke *smoke, struct smoke_result *result)
{
	struct health health;
	struct error error = { 0 };
	struct buffer unwell = { 0 };
	enum smoke_status status;
	smoke->unreachable = !read_health(smoke, &health, &error);
	if (smoke->unreachable)
		return smoke_fail(result, "%s", error.message);
	bool ours = write_unwell(smoke, health.body, &unwell);
	const char *parts = unwell.data ? unwell.data : "nothing is amiss";
	if (!health.body)
		status = smoke_fail(result, "/health answers HTTP %ld, and not as filot-api does; is that the right URL?",
				    health.status);
	else if (health.status == 200)
		status = smoke_pass(result, "filot-api %s is %s: %s", text_of(health.body, "version"),
				    text_of(health.body, "status"), parts);
	else if (health.status == 503 && unwell.length && !ours)
		status = smoke_skip(result, "/health answers HTTP 503 because of what is checked below: %s", parts);
	else
		status = smoke_fail(result, "/health answers HTTP %ld: %s", health.status, parts);
	json_decref(health.body);
	buffer_free(&unwell);
	return status;
}

/* What /health says of a part; `result` is filled when it is not well enough. */
static bool part_is_well(const struct health *health, const char *part, struct smoke_result *result)
{
	const json_t *seen = json_object_get(json_object_get(health->body, "checks"), part);
	const char *status = status_of(health, part);
	if (strcmp(status, "ok") == 0 || strcmp(status, "degraded") == 0)
		return true;
	if (strcmp(status, "off") == 0)
		(void)smoke_fail(result, "/health says that the API has no %s", part);
	else if (!seen)
		(void)smoke_fail(result, "/health says nothing about %s", part);
	else
		(void)smoke_fail(result, "/health says that %s is %s%s%s since %s", part, status,
				 json_object_get(seen, "error") ? ": " : "",
				 json_object_get(seen, "error") ? text_of(seen, "error") : "", text_of(seen, "since"));
	return false;
}

static enum smoke_status look_at_parts(struct smoke *smoke, const char *const *parts, struct smoke_result *result)
{
	struct health health;
	struct error error = { 0 };
	struct buffer seen = { 0 };
	if (!read_health(smoke, &health, &error))
		return smoke_fail(result, "%s", error.message);
	enum smoke_status status = SMOKE_PASS;
	if (!health.body)
		status = smoke_skip(result, "There is no /health to read it from: HTTP %ld", health.status);
	for (const char *const *part = parts; *part && status == SMOKE_PASS; part++) {
		if (!part_is_well(&health, *part, result))
			status = SMOKE_FAIL;
		buffer_printf(&seen, "%s%s is %s", seen.length ? ", " : "", *part, status_of(&health, *part));
	}
	if (status == SMOKE_PASS)
		(void)smoke_pass(result, "%s", seen.failed ? "" : seen.data);
	buffer_free(&seen);
	json_decref(health.body);
	return status;
}

/* The queue is in Redis: what hinders it there is this check's, too. */
enum smoke_status smoke_redis(struct smoke *smoke, struct smoke_result *result)
{
	return look_at_parts(smoke, (const char *const[]){ "redis", "queue", NULL }, result);
}

enum smoke_status smoke_database(struct smoke *smoke, struct smoke_result *result)
{
	return look_at_parts(smoke, (const char *const[]){ "database", NULL }, result);
}

/* ---- /metrics ---- */

static size_t count_lines(const char *text, const char *beginning)
{
	size_t count = 0, length = strlen(beginning);
	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		count += strncmp(text, beginning, length) == 0;
	}
	return count;
}

enum smoke_status smoke_metrics(struct smoke *smoke, struct smoke_result *result)
{
	const struct smoke_request request = { .method = "GET", .path = "/metrics" };
	struct http_response response;
	struct error error = { 0 };
	enum smoke_status status;
	if (!smoke_ask(smoke, &request, &response, &error))
		return smoke_fail(result, "%s", error.message);
	size_t families = count_lines(response.body.data, "# TYPE filot_");
	if (response.status != 200)
		status = smoke_fail(result, "/metrics answers HTTP %ld", response.status);
	else if (!families || !count_lines(response.body.data, "# EOF"))
		status = smoke_fail(result, "/metrics answers, but not with FiLot's metrics to their end");
	else
		status = smoke_pass(result, "%zu families", families);
	buffer_free(&response.body);
	return status;
}

/* ---- who may come in ---- */

/* 401 without a token and with one that nobody signed. */
static enum smoke_status look_at_door(struct smoke *smoke, const char *path, struct smoke_result *result)
{
	/* {"alg":"none"} . {"sub":"smoke"} . nothing */
	static const char *const tokens[] = { NULL, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzbW9rZSJ9." };
	for (size_t index = 0; index < sizeof tokens / sizeof *tokens; index++) {
		const struct smoke_request request = { .method = "GET", .path = path, .token = tokens[index] };
		const char *how = tokens[index] ? "with an unsigned token" : "without a token";
		struct http_response response;
		struct error error = { 0 };
		char problem[SMOKE_PROBLEM_SIZE];
		if (!smoke_ask(smoke, &request, &response, &error))
			return smoke_fail(result, "%s", error.message);
		long status = response.status;
		(void)smoke_problem(&response, problem);
		buffer_free(&response.body);
		if (status >= 200 && status <= 299)
			return smoke_fail(result, "%s answers HTTP %ld %s: it is NOT protected", path, status, how);
		if (status != 401)
			return smoke_fail(result, "%s answers HTTP %ld %s, not 401%s", path, status, how, problem);
	}
	return smoke_pass(result, "%s answers 401 without a token and with an unsigned one", path);
}

enum smoke_status smoke_auth(struct smoke *smoke, struct smoke_result *result)
{
	return look_at_door(smoke, "/auth/me", result);
}

enum smoke_status smoke_documents(struct smoke *smoke, struct smoke_result *result)
{
	return look_at_door(smoke, "/documents", result);
}

/* An empty request is refused as one (422) after the token was accepted: nothing is made in production. */
enum smoke_status smoke_verification(struct smoke *smoke, struct smoke_result *result)
{
	const struct smoke_request request = { .method = "POST", .path = "/verification/evaluate",
					       .token = smoke->settings->jwt, .content_type = "application/json",
					       .body = "{}", .body_length = 2 };
	struct http_response response;
	struct error error = { 0 };
	enum smoke_status status;
	char problem[SMOKE_PROBLEM_SIZE];
	if (!smoke->settings->jwt)
		return smoke_skip(result, "No JWT token provided");
	if (!smoke_ask(smoke, &request, &response, &error))
		return smoke_fail(result, "%s", error.message);
	(void)smoke_problem(&response, problem);
	if (response.status == 422)
		status = smoke_pass(result, "the token is accepted, and an empty request refused as one");
	else if (response.status == 401)
		status = smoke_fail(result, "the JWT is refused%s", problem);
	else
		status = smoke_fail(result, "/verification/evaluate answers HTTP %ld to an empty request, not 422%s",
				    response.status, problem);
	buffer_free(&response.body);
	return status;
}
