/* Two requests, and what an answer of the gateway before Temporal's gRPC means (its codes are those of google.rpc). */
#include "common/temporal/client.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/http/http.h"

#define JSON_PLAIN "anNvbi9wbGFpbg==" /* json/plain */
#define MOST_ANSWER_BYTES (256 * 1024)

bool temporal_client_open(struct temporal_client *client, const struct temporal_settings *settings, struct error *error)
{
	*client = (struct temporal_client){ .settings = *settings };
	client->http = http_new_for(settings->place.endpoint, "FILOT_TEMPORAL_ENDPOINT", client->where, error);
	return client->http != NULL;
}

void temporal_client_close(struct temporal_client *client)
{
	http_free(client->http);
	client->http = NULL;
}

/* ---- the request ---- */

void temporal_url(const struct temporal_place *place, struct buffer *url)
{
	buffer_append(url, place->endpoint, uri_base_length(place->endpoint));
	buffer_append_string(url, "/api/v1/namespaces/");
	buffer_append_uri(url, place->namespace ? place->namespace : "default", false);
}

void temporal_authorization(const struct temporal_place *place, struct buffer *header)
{
	if (place->api_key)
		buffer_printf(header, "Authorization: Bearer %s", place->api_key);
}

static void make_url(const struct temporal_client *client, const char *workflow_id, const char *signal, struct buffer *url)
{
	temporal_url(&client->settings.place, url);
	buffer_append_string(url, "/workflows/");
	buffer_append_uri(url, workflow_id, false);
	if (signal) {
		buffer_append_string(url, "/signal/");
		buffer_append_uri(url, signal, false);
	}
}

/* {"payloads":[{"metadata":{"encoding":…},"data":…}]}; NULL when memory ends. */
static json_t *make_payloads(const char *input)
{
	size_t length = strlen(input);
	unsigned char *text = malloc((length + 2) / 3 * 4 + 1);
	if (!text)
		return NULL;
	(void)EVP_EncodeBlock(text, (const unsigned char *)input, (int)length);
	json_t *payloads = json_pack("{s:[{s:{s:s}, s:s}]}", "payloads", "metadata", "encoding", JSON_PLAIN, "data",
				     (const char *)text);
	free(text);
	return payloads;
}

/* ---- the answer ---- */

/* The first of the details whose type ends with `type`; NULL when there is none. */
static const json_t *detail(const json_t *body, const char *type)
{
	size_t index;
	json_t *item;
	json_array_foreach(json_object_get(body, "details"), index, item) {
		const char *name = json_string_value(json_object_get(item, "@type"));
		size_t length = name ? strlen(name) : 0;
		if (length >= strlen(type) && strcmp(name + length - strlen(type), type) == 0)
			return item;
	}
	return NULL;
}

static void keep_run_id(const json_t *object, struct temporal_answer *answer)
{
	const char *run_id = json_string_value(json_object_get(object, "runId"));
	(void)snprintf(answer->run_id, sizeof answer->run_id, "%s", run_id ? run_id : "");
}

static void judge(const struct temporal_client *client, bool is_start, const json_t *body, struct temporal_answer *answer)
{
	const char *message = json_string_value(json_object_get(body, "message"));
	long status = answer->status;
	bool no_namespace = status == 404 && (detail(body, "NamespaceNotFoundFailure") ||
					      (message && strncmp(message, "Namespace", 9) == 0));
	keep_run_id(body, answer);
	if (status / 100 == 2 && json_is_object(body) && (!is_start || *answer->run_id)) {
		answer->outcome = TEMPORAL_DONE;
		return;
	}
	if (is_start && status == 409) {
		keep_run_id(detail(body, "WorkflowExecutionAlreadyStartedFailure"), answer);
		answer->outcome = TEMPORAL_ALREADY;
		return;
	}
	/* Only Temporal itself says that a workflow is gone: a 404 without its JSON comes from something before it. */
	bool later = status / 100 == 2 || status == 401 || status == 403 || status == 408 || status == 429 || status >= 500 ||
		     no_namespace || !json_is_object(body) || (is_start && status == 404);
	answer->outcome = later ? TEMPORAL_MAY_PASS : status == 404 ? TEMPORAL_GONE : TEMPORAL_REFUSED;
	(void)error_set(&answer->why,
			status == 401 || status == 403 ? ERROR_NOT_PERMITTED
			: later			       ? ERROR_UNAVAILABLE
			: status == 404		       ? ERROR_NOT_FOUND
						       : ERROR_BAD_JOB,
			"Temporal at %s: %ld%s%.200s", client->where, status, message ? ": " : "", message ? message : "");
}

/* Sends `body` (taken over; NULL: memory ended). */
static bool send_request(struct temporal_client *client, const char *workflow_id, const char *signal, json_t *body,
			 struct temporal_answer *answer, struct error *error)
{
	struct buffer url = { 0 }, authorization = { 0 };
	struct http_response response = { 0 };
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_t *said = NULL;
	bool done = false;
	*answer = (struct temporal_answer){ .outcome = TEMPORAL_MAY_PASS };
	make_url(client, workflow_id, signal, &url);
	temporal_authorization(&client->settings.place, &authorization);
	if (!text || url.failed || authorization.failed) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		goto out;
	}
	/* Without the shorthand that Temporal's own page offers, in which an argument could look like a payload. */
	const char *const headers[] = { "Content-Type: application/json+no-payload-shorthand",
					"Accept: application/json+no-payload-shorthand", authorization.data, NULL };
	const struct http_request post = { .method = "POST", .url = url.data, .headers = headers, .upload = -1, .body = text,
					   .body_length = (int64_t)strlen(text), .download = -1, .attempts = 1,
					   .limits = { .connect_ms = client->settings.connect_ms,
						       .total_ms = client->settings.total_ms,
						       .body_bytes = MOST_ANSWER_BYTES } };
	done = true;
	if (!http_send(client->http, &post, &response, &answer->why))
		goto out;
	answer->status = response.status;
	answer->retry_after_ms = response.retry_after_ms;
	said = response.body.length ? json_loadb(response.body.data, response.body.length, 0, NULL) : NULL;
	judge(client, !signal, said, answer);
out:
	json_decref(said);
	json_decref(body);
	free(text);
	buffer_free(&url);
	buffer_free(&authorization);
	buffer_free(&response.body);
	return done;
}

bool temporal_start(struct temporal_client *client, const char *workflow_id, const char *input,
		    struct temporal_answer *answer, struct error *error)
{
	const struct temporal_settings *settings = &client->settings;
	json_t *body = json_pack("{s:{s:s}, s:{s:s}, s:o, s:s, s:s, s:s}", "workflowType", "name", settings->workflow_type,
				 "taskQueue", "name", settings->task_queue, "input", make_payloads(input), "identity",
				 settings->identity, "requestId", workflow_id, "workflowIdReusePolicy",
				 "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE");
	return send_request(client, workflow_id, NULL, body, answer, error);
}

bool temporal_signal(struct temporal_client *client, const char *workflow_id, const char *signal, const char *request_id,
		     const char *input, struct temporal_answer *answer, struct error *error)
{
	json_t *body = json_pack("{s:o, s:s, s:s}", "input", make_payloads(input), "identity", client->settings.identity,
				 "requestId", request_id);
	return send_request(client, workflow_id, signal, body, answer, error);
}
