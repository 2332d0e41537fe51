/* Signed calls. */
#include "common/aws/aws.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "common/aws/aws_private.h"

#define ATTEMPTS 3
#define ANSWER_BYTES (4 * 1024 * 1024)

static bool settings_valid(const struct aws_settings *settings, struct error *error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *region = settings->region;
	if (!region || !*region || strlen(region) > 64 || strspn(region, allowed) != strlen(region))
		return error_set(error, ERROR_CONFIG, "\"%.64s\" cannot be a region of AWS", region ? region : "");
	return !settings->access_key_id == !settings->secret_access_key ||
	       error_set(error, ERROR_CONFIG, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together");
}

struct aws *aws_new(const struct aws_settings *settings, struct error *error)
{
	if (!settings_valid(settings, error))
		return NULL;
	struct aws *aws = calloc(1, sizeof *aws);
	if (!aws) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for AWS");
		return NULL;
	}
	aws->settings = *settings;
	aws->http = http_new(error);
	if (aws->http)
		return aws;
	aws_free(aws);
	return NULL;
}

static void forget(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

static void forget_credentials(struct aws *aws)
{
	forget(aws->access_key);
	forget(aws->secret_key);
	forget(aws->token);
	aws->access_key = aws->secret_key = aws->token = NULL;
}

void aws_free(struct aws *aws)
{
	if (!aws)
		return;
	forget_credentials(aws);
	http_free(aws->http);
	free(aws);
}

static bool find_credentials(struct aws *aws, struct error *error)
{
	const struct aws_settings *settings = &aws->settings;
	bool good = true;
	if (aws->secret_key)
		return true;
	if (!settings->access_key_id) {
		good = aws_fetch_credentials(aws, error);
	} else {
		aws->access_key = strdup(settings->access_key_id);
		aws->secret_key = strdup(settings->secret_access_key);
		aws->token = settings->session_token ? strdup(settings->session_token) : NULL;
		good = (aws->access_key && aws->secret_key && !aws->token == !settings->session_token) ||
		       error_set(error, ERROR_OUT_OF_MEMORY, "no memory for AWS");
	}
	if (!good)
		forget_credentials(aws);
	if (!good && error->code != ERROR_NOT_FOUND && error->code != ERROR_OUT_OF_MEMORY)
		error->code = ERROR_NOT_PERMITTED;
	return good;
}

/* The call's URL: the service's own endpoint, or the one that stands for all of AWS. */
static void write_url(const struct aws_settings *settings, const char *service, struct buffer *url)
{
	const char *given = settings->endpoint_url;
	size_t length = given ? uri_base_length(given) : 0;
	if (length)
		buffer_append(url, given, length);
	else
		buffer_printf(url, "https://%s.%s.amazonaws.com%s", service, settings->region,
			      strncmp(settings->region, "cn-", 3) == 0 ? ".cn" : "");
	buffer_append_char(url, '/');
}

/* An exception's name is the end of "__type": "com.amazonaws.ecs#ClusterNotFoundException". */
static bool refused(const struct http_response *response, const json_t *answer, struct error *error)
{
	static const char *const of_credentials[] = { "ExpiredToken",	       "InvalidSignature",	"UnrecognizedClient",
						      "InvalidClientToken",    "MissingAuthentication", "IncompleteSignature",
						      "SignatureDoesNotMatch", "OptInRequired" };
	const char *type = json_string_value(json_object_get(answer, "__type"));
	const char *message = json_string_value(json_object_get(answer, "message"));
	if (!message)
		message = json_string_value(json_object_get(answer, "Message"));
	const char *name = type && strchr(type, '#') ? strchr(type, '#') + 1 : type ? type : "";
	enum error_code code = response->status >= 500 || response->status == 429 || strncmp(name, "Throttling", 10) == 0 ?
				       ERROR_TRY_AGAIN :
				       ERROR_BAD_INPUT;
	for (size_t index = 0; index < sizeof of_credentials / sizeof *of_credentials; index++)
		if (strncmp(name, of_credentials[index], strlen(of_credentials[index])) == 0)
			code = ERROR_NOT_PERMITTED;
	return error_set(error, code, "HTTP %ld%s%.80s%s%.300s", response->status, *name ? " " : "", name,
			 message ? ": " : "", message ? message : "");
}

static bool call(struct aws *aws, const struct aws_action *action, const char *body, json_t **answer, struct error *error)
{
	const struct http_signature signature = { aws->access_key, aws->secret_key, aws->settings.region, action->service };
	struct http_response response = { 0 };
	struct buffer url = { 0 }, target = { 0 }, token = { 0 };
	bool good = false;
	write_url(&aws->settings, action->service, &url);
	buffer_printf(&target, "X-Amz-Target: %s", action->target);
	buffer_printf(&token, "X-Amz-Security-Token: %s", aws->token ? aws->token : "");
	if (url.failed || target.failed || token.failed) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a request");
		goto out;
	}
	const char *headers[] = { "Content-Type: application/x-amz-json-1.1", target.data, aws->token ? token.data : NULL,
				  NULL };
	const struct http_request request = { .method = "POST", .url = url.data, .headers = headers, .signature = &signature,
					      .upload = -1, .download = -1, .body = body,
					      .body_length = (int64_t)strlen(body), .attempts = ATTEMPTS,
					      .limits = { .connect_ms = aws->settings.timeout_ms,
							  .total_ms = aws->settings.timeout_ms, .body_bytes = ANSWER_BYTES } };
	if (!http_send(aws->http, &request, &response, error))
		goto out;
	*answer = json_loadb(response.body.data ? response.body.data : "", response.body.length, 0, NULL);
	good = response.status == 200 ? json_is_object(*answer) || error_set(error, ERROR_UNAVAILABLE, "the answer is no JSON") :
					refused(&response, *answer, error);
out:
	if (!good) {
		json_decref(*answer);
		*answer = NULL;
	}
	buffer_free(&response.body);
	buffer_free(&url);
	buffer_free(&target);
	if (token.data)
		OPENSSL_cleanse(token.data, token.length);
	buffer_free(&token);
	return good;
}

bool aws_call(struct aws *aws, const struct aws_action *action, json_t *body, json_t **answer, struct error *error)
{
	const char *name = strchr(action->target, '.');
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	*answer = NULL;
	json_decref(body);
	bool good = text ? find_credentials(aws, error) && call(aws, action, text, answer, error) :
			   error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a request");
	free(text);
	return good || error_prefix(error, "%s:%s", action->service, name ? name + 1 : action->target);
}
