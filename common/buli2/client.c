/* The exchange itself; retries are the caller's, who has a place to keep them. */
#include "common/buli2/client.h"

#include <jansson.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/buli2/signature.h"
#include "common/http/http.h"

#define MOST_ANSWER_BYTES (256 * 1024)
#define HEADER_SIZE 1200

bool buli2_client_open(struct buli2_client *client, const struct buli2_settings *settings, struct error *error)
{
	*client = (struct buli2_client){ .settings = *settings };
	client->http = http_new_for(settings->url, "FILOT_BULI2_API_URL", client->where, error);
	return client->http != NULL;
}

void buli2_client_close(struct buli2_client *client)
{
	http_free(client->http);
	client->http = NULL;
}

/* Headers in a fixed number of texts; false when one is too long or has a line end in it. */
struct headers {
	char texts[7][HEADER_SIZE];
	const char *list[9];
	size_t count;
};

static bool add_header(struct headers *headers, const char *name, const char *prefix, const char *value)
{
	char *text = headers->texts[headers->count];
	int length = snprintf(text, HEADER_SIZE, "%s: %s%s", name, prefix, value);
	if (length < 0 || length >= HEADER_SIZE || strpbrk(text, "\r\n"))
		return false;
	headers->list[headers->count++] = text;
	return true;
}

static bool make_headers(const struct buli2_client *client, const struct buli2_request *request,
			 const struct buffer *body, struct headers *headers)
{
	const struct buli2_settings *settings = &client->settings;
	char timestamp[BULI2_TIMESTAMP_SIZE], signature[BULI2_SIGNATURE_SIZE];
	if (!buli2_sign(settings->signature_secret, clock_unix_ms(), body->data, body->length, timestamp, signature))
		return false;
	return add_header(headers, "Content-Type", "", "application/json") &&
	       add_header(headers, "Authorization", "Bearer ", settings->api_key) &&
	       add_header(headers, "Idempotency-Key", "", request->key) &&
	       add_header(headers, "X-Request-Id", "", request->delivery) &&
	       add_header(headers, BULI2_TIMESTAMP_HEADER, "", timestamp) &&
	       add_header(headers, BULI2_SIGNATURE_HEADER, "", signature) &&
	       (!settings->callback_url ||
		add_header(headers, "X-FiLot-Callback-Url", "", settings->callback_url));
}

static bool is_json_object(const struct buffer *body)
{
	json_t *value = body->length ? json_loadb(body->data, body->length, JSON_REJECT_DUPLICATES, NULL) : NULL;
	bool is = json_is_object(value);
	json_decref(value);
	return is;
}

/* The start of a body as text that any log, stream or jsonb takes. */
static void keep_text(const struct buffer *body, struct buffer *text)
{
	for (size_t index = 0; index < body->length && text->length < BULI2_BODY_BYTES;) {
		size_t size = json_text_utf8_length(body->data + index, body->length - index);
		bool plain = size > 0 && (unsigned char)body->data[index] >= 0x20;
		buffer_append(text, plain ? body->data + index : " ", plain ? size : 1);
		index += size ? size : 1;
	}
}

static void judge_status(const struct buli2_client *client, long status, bool object, struct buli2_answer *answer)
{
	const char *where = client->where;
	bool later = status == 408 || status == 409 || status == 425 || status == 429 || status >= 500;
	bool refused = status == 401 || status == 403;
	answer->verdict = status / 100 == 2 && object	? BULI2_TAKEN
			  : status / 100 == 2 || later || refused ? BULI2_MAY_PASS
								  : BULI2_FINAL;
	answer->unwell = status >= 500 || refused || (status / 100 == 2 && !object);
	if (status / 100 == 2 && !object)
		(void)error_set(&answer->why, ERROR_UNAVAILABLE, "%s: %ld with a body that is no JSON object", where, status);
	else if (refused)
		(void)error_set(&answer->why, ERROR_NOT_PERMITTED, "%s: %ld: is FILOT_BULI2_API_KEY right?", where, status);
	else if (later)
		(void)error_set(&answer->why, ERROR_UNAVAILABLE, "%s: %ld", where, status);
	else if (answer->verdict == BULI2_FINAL)
		(void)error_set(&answer->why, ERROR_BAD_JOB, "%s: %ld", where, status);
}

bool buli2_post(struct buli2_client *client, const struct buli2_request *request, struct buli2_answer *answer,
		struct error *error)
{
	struct headers headers = { 0 };
	struct buffer body = { 0 };
	struct http_response response = { 0 };
	bool done = false;
	*answer = (struct buli2_answer){ .verdict = BULI2_MAY_PASS, .unwell = true };
	buli2_request_body(request, &body);
	if (body.failed || !body.length) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "request: out of memory");
		goto out;
	}
	if (!make_headers(client, request, &body, &headers)) {
		(void)error_set(error, ERROR_CONFIG, "BULI2's key or callback URL cannot stand in a header");
		goto out;
	}
	const struct http_request post = { .method = "POST", .url = client->settings.url, .headers = headers.list,
					   .upload = -1, .body = body.data, .body_length = (int64_t)body.length,
					   .download = -1, .attempts = 1,
					   .limits = { .connect_ms = client->settings.connect_ms,
						       .total_ms = client->settings.total_ms,
						       .body_bytes = MOST_ANSWER_BYTES } };
	done = true;
	if (!http_send(client->http, &post, &response, &answer->why))
		goto out;
	answer->status = response.status;
	answer->retry_after_ms = response.retry_after_ms;
	judge_status(client, response.status, is_json_object(&response.body), answer);
	if (answer->verdict == BULI2_TAKEN)
		buffer_append(&answer->body, response.body.data, response.body.length);
	else
		keep_text(&response.body, &answer->body);
out:
	buffer_free(&response.body);
	buffer_free(&body);
	return done;
}
