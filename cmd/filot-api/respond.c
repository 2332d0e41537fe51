/* JSON bodies, in and out, and what else requests of several kinds have in common. */
#include <stdio.h>
#include <string.h>

#include "cmd/filot-api/api.h"
#include "common/base/json_text.h"

#define LONGEST_KEY 256

json_t *api_body(struct server_request *request)
{
	size_t length;
	const char *body = server_request_body(request, &length);
	json_error_t error;
	if (strcmp(server_request_media_type(request), "application/json") != 0) {
		server_answer_header(request, "Accept", "application/json");
		problem_answer(request, 415, "unsupported_media_type", "Content-Type must be application/json");
		return NULL;
	}
	json_t *value = json_loadb(body, length, JSON_REJECT_DUPLICATES, &error);
	if (!value) {
		problem_answerf(request, 400, "bad_json", "the body is not JSON: %s, line %d", error.text, error.line);
		return NULL;
	}
	if (json_is_object(value))
		return value;
	json_decref(value);
	problem_answer_invalid(request, "#", "the body must be an object");
	return NULL;
}

/* Characters of UTF-8 without control characters; SIZE_MAX for anything else. */
static size_t count_characters(const char *text, size_t length)
{
	size_t count = 0;
	for (size_t at = 0; at < length; count++) {
		size_t step = json_text_utf8_length(text + at, length - at);
		if (!step || (unsigned char)text[at] < 0x20 || text[at] == 0x7f)
			return SIZE_MAX;
		at += step;
	}
	return count;
}

bool api_member(struct server_request *request, const json_t *object, const char *name, bool required, size_t least,
		size_t most, const char **text)
{
	const json_t *value = json_object_get(object, name);
	char pointer[128], detail[128];
	*text = NULL;
	if (!required && (!value || json_is_null(value)))
		return true;
	(void)snprintf(pointer, sizeof pointer, "#/%s", name);
	if (!json_is_string(value)) {
		(void)snprintf(detail, sizeof detail, "%s must be a string", name);
		problem_answer_invalid(request, pointer, detail);
		return false;
	}
	size_t count = count_characters(json_string_value(value), json_string_length(value));
	if (count == SIZE_MAX || count < least || count > most) {
		(void)snprintf(detail, sizeof detail, "%s must have %zu to %zu characters and no control characters", name, least,
			       most);
		problem_answer_invalid(request, pointer, detail);
		return false;
	}
	*text = json_string_value(value);
	return true;
}

bool api_visible_ascii(const char *text, size_t most)
{
	size_t length = strlen(text);
	for (size_t index = 0; index < length; index++)
		if (text[index] < 0x21 || text[index] > 0x7e)
			return false;
	return length >= 1 && length <= most;
}

bool api_idempotency_key(struct server_request *request, const char **key)
{
	int count = server_request_header_count(request, "Idempotency-Key");
	*key = server_request_header(request, "Idempotency-Key");
	if (count == 0 || (count == 1 && *key && api_visible_ascii(*key, LONGEST_KEY)))
		return true;
	problem_answerf(request, 400, "bad_idempotency_key",
			"Idempotency-Key must be one value of 1 to %d visible ASCII characters", LONGEST_KEY);
	return false;
}

static int append(const char *bytes, size_t length, void *context)
{
	buffer_append(context, bytes, length);
	return 0;
}

void api_answer_json(struct server_request *request, int status, json_t *value)
{
	struct buffer body = { 0 };
	if (!value || json_dump_callback(value, append, &body, JSON_COMPACT) != 0 || body.failed) {
		buffer_free(&body);
		problem_answer(request, 500, "internal", NULL);
	} else {
		buffer_append_char(&body, '\n');
		server_answer(request, status, "application/json", &body);
	}
	json_decref(value);
}
