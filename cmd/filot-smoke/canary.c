/*
 * The canary: a document that nobody has seen, handed in as any other, read by a worker as any other, and deleted again,
 * whatever happened to it in between.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cmd/filot-smoke/check.h"
#include "cmd/filot-smoke/word_image.h"
#include "common/base/clock.h"
#include "common/base/stop.h"
#include "common/base/ulid.h"

#define LOOK_AGAIN_MS 250
#define LOOK_AGAIN_MOST_MS 2000
#define ATTEMPTS 3
#define ID_SIZE 129

struct canary {
	struct smoke *smoke;
	const char *token;
	char word[WORD_SIZE];
	char id[ID_SIZE]; /* "" while there is no document */
	char state[32]; /* as the API showed it last */
};

/* One request for the document; `path` goes behind its id. */
static bool ask(const struct canary *canary, const char *method, const char *path, struct http_response *response,
		struct error *error)
{
	char whole[ID_SIZE + 32];
	(void)snprintf(whole, sizeof whole, "/documents/%s%s", canary->id, path);
	const struct smoke_request request = { .method = method, .path = whole, .token = canary->token,
					       .attempts = ATTEMPTS };
	return smoke_ask(canary->smoke, &request, response, error);
}

/* The key makes a second try, after an answer that was lost, the same document. */
static bool hand_in(struct canary *canary, struct error *error)
{
	char key[64], ulid[ULID_SIZE], problem[SMOKE_PROBLEM_SIZE];
	struct buffer image = { 0 };
	struct http_response response = { 0 };
	bool good = false;
	(void)snprintf(key, sizeof key, "Idempotency-Key: filot-canary-%s", ulid_new(ulid));
	if (!word_image(canary->word, &image, error))
		goto out;
	const struct smoke_request request = { .method = "POST", .path = "/documents?name=filot-canary.pgm&lang=eng",
					       .token = canary->token, .content_type = "image/x-portable-graymap",
					       .body = image.data, .body_length = (int64_t)image.length, .header = key,
					       .attempts = ATTEMPTS };
	if (!smoke_ask(canary->smoke, &request, &response, error))
		goto out;
	json_t *body = json_loads(response.body.data, 0, NULL);
	const char *id = json_string_value(json_object_get(body, "id"));
	if (response.status == 201 && id && strlen(id) < ID_SIZE && !strpbrk(id, "/?#"))
		good = true;
	else
		(void)error_set(error, ERROR_UNAVAILABLE, "POST /documents answers HTTP %ld%s", response.status,
				smoke_problem(&response, problem));
	if (good)
		(void)snprintf(canary->id, sizeof canary->id, "%s", id);
	json_decref(body);
out:
	buffer_free(&image);
	buffer_free(&response.body);
	return good;
}

/* Whether it is read; false with *error set when it never will be. An answer that fails is only noted. */
static bool is_read(struct canary *canary, bool *done, struct error *error, struct error *passing)
{
	char problem[SMOKE_PROBLEM_SIZE];
	struct http_response response;
	*done = false;
	if (!ask(canary, "GET", "", &response, passing))
		return true;
	if (response.status != 200) {
		(void)error_set(passing, ERROR_UNAVAILABLE, "GET /documents/%s answers HTTP %ld%s", canary->id,
				response.status, smoke_problem(&response, problem));
		buffer_free(&response.body);
		return true;
	}
	*passing = (struct error){ 0 };
	json_t *body = json_loads(response.body.data, 0, NULL);
	const char *state = json_string_value(json_object_get(body, "status"));
	const json_t *why = json_object_get(json_object_get(body, "job"), "error");
	const char *code = json_string_value(json_object_get(why, "code"));
	const char *message = json_string_value(json_object_get(why, "message"));
	bool good = true;
	(void)snprintf(canary->state, sizeof canary->state, "%s", state ? state : "?");
	*done = strcmp(canary->state, "done") == 0;
	if (strcmp(canary->state, "failed") == 0 || strcmp(canary->state, "cancelled") == 0)
		good = error_set(error, ERROR_INTERNAL, "document %s: its job %s%s%s%s%.200s", canary->id, canary->state,
				 code ? ": " : "", code ? code : "", message ? ": " : "", message ? message : "");
	json_decref(body);
	buffer_free(&response.body);
	return good;
}

static bool wait_until_read(struct canary *canary, struct error *error)
{
	int64_t limit_ms = canary->smoke->settings->canary_timeout_ms, wait_ms = LOOK_AGAIN_MS;
	int64_t end_ms = clock_monotonic_ms() + limit_ms;
	struct error passing = { 0 };
	bool done = false;
	for (;;) {
		if (!is_read(canary, &done, error, &passing) || done)
			return done;
		if (stop_requests)
			return error_set(error, ERROR_TRY_AGAIN, "stopped by a signal");
		if (clock_monotonic_ms() + wait_ms >= end_ms)
			break;
		clock_sleep_ms(wait_ms);
		wait_ms = wait_ms * 3 / 2 < LOOK_AGAIN_MOST_MS ? wait_ms * 3 / 2 : LOOK_AGAIN_MOST_MS;
	}
	return error_set(error, ERROR_TIMEOUT, "document %s is still %s after %lld s%s%s", canary->id, canary->state,
			 (long long)limit_ms / 1000,
			 passing.code			     ? ": " :
			 strcmp(canary->state, "queued") == 0 ? ": does a worker run, and take jobs of this queue?" :
								"",
			 passing.message);
}

/* Letters count; whether a gap between two was read as a space does not. */
static bool holds_word(const char *text, const char *word)
{
	for (; *text; text++) {
		const char *at = text, *letter = word;
		while (*letter && *at && (*at == *letter || isspace((unsigned char)*at)))
			letter += *at++ == *letter;
		if (!*letter)
			return true;
	}
	return false;
}

static bool word_is_there(const struct canary *canary, struct error *error)
{
	struct http_response response;
	char problem[SMOKE_PROBLEM_SIZE];
	if (!ask(canary, "GET", "/text", &response, error))
		return false;
	bool good = false;
	if (response.status != 200)
		(void)error_set(error, ERROR_UNAVAILABLE, "GET /documents/%s/text answers HTTP %ld%s", canary->id,
				response.status, smoke_problem(&response, problem));
	else
		good = holds_word(response.body.data, canary->word) ||
		       error_set(error, ERROR_INTERNAL, "%s was sent, and \"%.100s\" is what was read", canary->word,
				 response.body.data);
	buffer_free(&response.body);
	return good;
}

static bool delete(struct canary *canary, struct error *error)
{
	struct http_response response;
	char problem[SMOKE_PROBLEM_SIZE];
	if (!ask(canary, "DELETE", "", &response, error))
		return error_prefix(error, "document %s was not deleted", canary->id);
	/* A second try may find that the first, whose answer was lost, was done. */
	bool good = response.status == 204 || response.status == 404 ||
		    error_set(error, ERROR_UNAVAILABLE, "document %s was not deleted: HTTP %ld%s", canary->id,
			      response.status, smoke_problem(&response, problem));
	buffer_free(&response.body);
	return good;
}

enum smoke_status smoke_canary(struct smoke *smoke, struct smoke_result *result)
{
	const struct smoke_settings *settings = smoke->settings;
	struct canary canary = { .smoke = smoke, .token = settings->jwt ? settings->jwt : settings->service_key,
				 .state = "queued" };
	struct error error = { 0 }, undeleted = { 0 };
	int64_t begin_ms = clock_monotonic_ms();
	(void)word_new(canary.word);
	bool read = hand_in(&canary, &error) && wait_until_read(&canary, &error) && word_is_there(&canary, &error);
	int64_t took_ms = clock_monotonic_ms() - begin_ms;
	bool deleted = !*canary.id || delete(&canary, &undeleted);
	if (!read)
		return smoke_fail(result, "%s%s%.200s", error.message, deleted ? "" : "; ", undeleted.message);
	if (!deleted)
		return smoke_fail(result, "%s was read back, but %s", canary.word, undeleted.message);
	return smoke_pass(result, "%s was read back after %lld ms, and deleted", canary.word, (long long)took_ms);
}
