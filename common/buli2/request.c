/* By jansson. The whole object is kept, so that what a newer sender wrote survives retries and the dead stream. */
#include "common/buli2/request.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/base/ulid.h"

#define MOST_ATTEMPTS 1000000

const char *const buli2_end_names[BULI2_END_COUNT] = { "delivered", "retry", "dead", "failed", "refused", "skipped" };

static bool refuse(struct error *error, const char *member, const char *rule)
{
	return error_set(error, ERROR_BAD_JOB, "%s: %s", member, rule);
}

/* It goes into a header, so nothing but visible ASCII. */
static bool key_valid(const char *text)
{
	size_t length = strlen(text);
	for (size_t index = 0; index < length; index++)
		if (text[index] < 0x21 || text[index] > 0x7e)
			return false;
	return length >= 1 && length <= 256;
}

/* The member's text, put there when it is missing; NULL with *error filled. */
static const char *text_member(json_t *object, const char *name, const char *fallback, bool (*valid)(const char *),
			       const char *rule, struct error *error)
{
	json_t *value = json_object_get(object, name);
	if (!value && !fallback) {
		(void)refuse(error, name, "is missing");
		return NULL;
	}
	if (!value && (json_object_set_new(object, name, json_string(fallback)) != 0 ||
		       !(value = json_object_get(object, name)))) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "request: out of memory");
		return NULL;
	}
	const char *text = json_string_value(value);
	if (!text || strlen(text) != json_string_length(value) || !valid(text)) {
		(void)refuse(error, name, rule);
		return NULL;
	}
	return text;
}

static bool read_object(struct buli2_request *request, json_t *object, struct error *error)
{
	static const char id_rule[] = "must be 1 to 128 characters of A-Z, a-z, 0-9 and ._:-";
	char fresh[ULID_SIZE];
	json_t *version = json_object_get(object, "v"), *payload = json_object_get(object, "payload");
	bool named = json_object_get(object, "delivery") != NULL;
	if (version && (!json_is_integer(version) || json_integer_value(version) != 1))
		return refuse(error, "v", "must be 1; this program knows no other version");
	request->verification = text_member(object, "verification", NULL, id_valid, id_rule, error);
	if (!request->verification)
		return false;
	request->delivery = text_member(object, "delivery", ulid_new(fresh), id_valid, id_rule, error);
	if (!request->delivery)
		return false;
	request->key = text_member(object, "key", request->delivery, key_valid,
				   "must be 1 to 256 visible ASCII characters", error);
	if (!request->key)
		return false;
	if (payload ? !json_is_object(payload) : !named)
		return refuse(error, "payload", payload ? "must be an object" : "is missing");
	request->has_payload = payload != NULL;
	json_t *attempt = json_object_get(object, "attempt");
	request->attempts = json_integer_value(attempt);
	if (attempt && (!json_is_integer(attempt) || request->attempts < 0 || request->attempts > MOST_ATTEMPTS))
		return refuse(error, "attempt", "must be a whole number from 0 to 1000000");
	char now[CLOCK_RFC3339_SIZE];
	if ((!version && json_object_set_new(object, "v", json_integer(1)) != 0) ||
	    (!json_object_get(object, "enqueued_at") &&
	     json_object_set_new(object, "enqueued_at", json_string(clock_rfc3339(clock_unix_ms(), now))) != 0))
		return error_set(error, ERROR_OUT_OF_MEMORY, "request: out of memory");
	return true;
}

/* Takes `object` over. */
static bool from_object(struct buli2_request *request, json_t *object, struct error *error)
{
	*request = (struct buli2_request){ .json = object };
	if (object && read_object(request, object, error))
		return true;
	buli2_request_free(request);
	return false;
}

bool buli2_request_parse(struct buli2_request *request, const char *line, size_t length, struct error *error)
{
	json_error_t why;
	*request = (struct buli2_request){ 0 };
	if (length > BULI2_LONGEST_LINE_BYTES)
		return refuse(error, "line", "is longer than 1 MiB");
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(object)) {
		json_decref(object);
		return refuse(error, "line", "is not a JSON object");
	}
	return from_object(request, object, error);
}

bool buli2_request_make(struct buli2_request *request, const char *delivery, const char *verification, const char *key,
			int64_t attempts, struct error *error)
{
	json_t *object = json_pack("{s:i, s:s, s:s, s:s, s:I}", "v", 1, "delivery", delivery, "verification", verification,
				   "key", key, "attempt", (json_int_t)attempts);
	if (!object)
		(void)error_set(error, ERROR_BAD_JOB, "delivery %s: its row holds no request", delivery);
	return from_object(request, object, error);
}

bool buli2_request_set_recorded(struct buli2_request *request, const char *key, const char *payload, struct error *error)
{
	json_t *value = json_loads(payload, 0, NULL);
	if (!json_is_object(value) || !key_valid(key) || json_object_set(request->json, "payload", value) != 0 ||
	    json_object_set_new(request->json, "key", json_string(key)) != 0) {
		json_decref(value);
		return error_set(error, ERROR_BAD_JOB, "delivery %s: its row holds no request", request->delivery);
	}
	json_decref(value);
	request->key = json_string_value(json_object_get(request->json, "key"));
	request->has_payload = request->recorded = true;
	return true;
}

bool buli2_request_set_attempts(struct buli2_request *request, int64_t attempts, struct error *error)
{
	request->attempts = attempts;
	return json_object_set_new(request->json, "attempt", json_integer(attempts)) == 0 ||
	       error_set(error, ERROR_OUT_OF_MEMORY, "request: out of memory");
}

static int append(const char *bytes, size_t length, void *buffer)
{
	buffer_append(buffer, bytes, length);
	return ((struct buffer *)buffer)->failed ? -1 : 0;
}

void buli2_request_write(const struct buli2_request *request, struct buffer *line)
{
	json_t *whole = request->recorded ? json_copy(request->json) : json_incref(request->json);
	if (request->recorded)
		(void)json_object_del(whole, "payload");
	if (!whole || json_dump_callback(whole, append, line, JSON_COMPACT) != 0)
		line->failed = true;
	json_decref(whole);
}

void buli2_request_body(const struct buli2_request *request, struct buffer *body)
{
	/* Sorted, so that every try of a delivery has the same bytes, whatever way it came. */
	(void)json_dump_callback(json_object_get(request->json, "payload"), append, body, JSON_COMPACT | JSON_SORT_KEYS);
}

void buli2_request_free(struct buli2_request *request)
{
	json_decref(request->json);
	*request = (struct buli2_request){ 0 };
}

static void write_text(struct buffer *line, const char *name, const char *text)
{
	if (!text)
		return;
	buffer_printf(line, ",\"%s\":", name);
	json_text_string(line, text, strlen(text));
}

void buli2_receipt_write(struct buffer *line, const struct buli2_receipt *receipt)
{
	char due[CLOCK_RFC3339_SIZE];
	buffer_append_string(line, "{\"v\":1");
	write_text(line, "delivery", receipt->delivery);
	write_text(line, "verification", receipt->verification);
	write_text(line, "status", buli2_end_names[receipt->end]);
	if (receipt->attempt)
		buffer_printf(line, ",\"attempt\":%" PRId64 ",\"ms\":%" PRId64, receipt->attempt, receipt->ms);
	if (receipt->http_status)
		buffer_printf(line, ",\"http_status\":%ld", receipt->http_status);
	if (receipt->end == BULI2_RETRY)
		write_text(line, "due_at", clock_rfc3339(receipt->due_ms, due));
	if (receipt->error.code != ERROR_NONE) {
		buffer_append_string(line, ",\"error\":{\"code\":");
		json_text_string(line, error_code_name(receipt->error.code),
				 strlen(error_code_name(receipt->error.code)));
		buffer_append_string(line, ",\"message\":");
		json_text_string(line, receipt->error.message, strlen(receipt->error.message));
		buffer_append_char(line, '}');
	}
	buffer_append_string(line, "}\n");
}
