/*
 * Credentials from an endpoint that only this container or instance reaches, so no proxy is asked. Which one, and whether
 * there should be any, the environment says; an instance's metadata are the last resort, and must not keep anybody waiting
 * where there are none.
 */
#include <stdlib.h>
#include <string.h>

#include "common/aws/aws_private.h"

#define CONTAINER_ENDPOINT "http://169.254.170.2"
#define METADATA_ENDPOINT "http://169.254.169.254"
#define METADATA_WAIT_MS 1000 /* as the SDKs' default */
#define CONTAINER_WAIT_MS 5000
#define ANSWER_BYTES 65536
#define TOKEN_TTL "X-aws-ec2-metadata-token-ttl-seconds: 300"

static bool ask(struct aws *aws, const char *method, const char *url, const char *header, int64_t wait_ms,
		struct http_response *response, struct error *error)
{
	const char *headers[] = { header, NULL };
	const struct http_request request = { .method = method, .url = url, .headers = headers, .upload = -1, .download = -1,
					      .attempts = 2, .no_proxy = true,
					      .limits = { .connect_ms = wait_ms, .total_ms = wait_ms,
							  .body_bytes = ANSWER_BYTES } };
	return http_send(aws->http, &request, response, error);
}

/* Both endpoints answer in one form; the members are named alike. */
static bool take(struct aws *aws, const struct buffer *body, struct error *error)
{
	json_t *answer = json_loadb(body->data ? body->data : "", body->length, 0, NULL);
	const char *access_key = json_string_value(json_object_get(answer, "AccessKeyId"));
	const char *secret_key = json_string_value(json_object_get(answer, "SecretAccessKey"));
	const char *token = json_string_value(json_object_get(answer, "Token"));
	bool good = access_key && *access_key && secret_key && *secret_key;
	if (good) {
		aws->access_key = strdup(access_key);
		aws->secret_key = strdup(secret_key);
		aws->token = token && *token ? strdup(token) : NULL;
		good = (aws->access_key && aws->secret_key && (aws->token || !token || !*token)) ||
		       error_set(error, ERROR_OUT_OF_MEMORY, "no memory for credentials");
	} else {
		(void)error_set(error, ERROR_UNAVAILABLE, "the answer has no credentials");
	}
	json_decref(answer);
	return good;
}

/* ---- containers ---- */

/* http only to where the SDKs allow it, so that a token does not leave the machine unencrypted. */
static bool may_be_asked(const char *url)
{
	static const char *const hosts[] = { "127.0.0.1", "[::1]", "localhost", "169.254.170.2", "169.254.170.23",
					     "[fd00:ec2::23]" };
	if (strncmp(url, "https://", 8) == 0)
		return true;
	if (strncmp(url, "http://", 7) != 0)
		return false;
	for (size_t index = 0; index < sizeof hosts / sizeof *hosts; index++) {
		size_t length = strlen(hosts[index]);
		if (strncmp(url + 7, hosts[index], length) == 0 && strchr(":/", url[7 + length]))
			return true;
	}
	return false;
}

static bool from_container(struct aws *aws, struct error *error)
{
	const struct aws_settings *settings = &aws->settings;
	struct http_response response = { 0 };
	char *url = NULL, *header = NULL;
	bool good = false;
	if (asprintf(&url, "%s%s", settings->container_relative_uri ? CONTAINER_ENDPOINT : "",
		     settings->container_relative_uri ? settings->container_relative_uri : settings->container_full_uri) < 0)
		url = NULL;
	if (settings->container_token && asprintf(&header, "Authorization: %s", settings->container_token) < 0)
		header = NULL;
	if (!url || (settings->container_token && !header)) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for credentials");
		goto out;
	}
	if (!may_be_asked(url)) {
		(void)error_set(error, ERROR_CONFIG, "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or on this machine");
		goto out;
	}
	if (!ask(aws, "GET", url, header, CONTAINER_WAIT_MS, &response, error))
		goto out;
	good = response.status == 200 ? take(aws, &response.body, error) :
					error_set(error, ERROR_UNAVAILABLE, "HTTP %ld", response.status);
out:
	buffer_free(&response.body);
	free(url);
	free(header);
	return good || error_prefix(error, "container credentials");
}

/* ---- instances ---- */

#define ROLES "/latest/meta-data/iam/security-credentials/"

static bool metadata(struct aws *aws, const char *method, const char *path, const char *name, const char *header,
		     struct http_response *response, struct error *error)
{
	const char *endpoint = aws->settings.metadata_endpoint ? aws->settings.metadata_endpoint : METADATA_ENDPOINT;
	struct buffer url = { 0 };
	buffer_append(&url, endpoint, uri_base_length(endpoint));
	buffer_append_string(&url, path);
	buffer_append_uri(&url, name, false);
	*response = (struct http_response){ 0 };
	bool good = url.failed ? error_set(error, ERROR_OUT_OF_MEMORY, "no memory for credentials") :
				 ask(aws, method, url.data, header, METADATA_WAIT_MS, response, error);
	buffer_free(&url);
	return good;
}

/* The first line of the list of roles: an instance has one at most. Afterwards the body is that name alone. */
static const char *role_of(struct http_response *response)
{
	if (response->status != 200 || !response->body.length)
		return NULL;
	response->body.data[strcspn(response->body.data, "\r\n")] = '\0';
	return *response->body.data ? response->body.data : NULL;
}

/* No metadata, or no role in them, means that nobody has given credentials. */
static bool from_instance(struct aws *aws, struct error *error)
{
	struct http_response token = { 0 }, roles = { 0 }, role = { 0 };
	struct error ignored = { 0 };
	char *header = NULL;
	bool good = false;
	if (aws->settings.metadata_disabled || !metadata(aws, "PUT", "/latest/api/token", "", TOKEN_TTL, &token, &ignored) ||
	    token.status != 200 || !token.body.length) {
		(void)error_set(error, ERROR_NOT_FOUND, "no AWS credentials");
		goto out;
	}
	if (asprintf(&header, "X-aws-ec2-metadata-token: %s", token.body.data) < 0) {
		header = NULL;
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for credentials");
		goto out;
	}
	if (!metadata(aws, "GET", ROLES, "", header, &roles, error))
		goto failed;
	const char *name = role_of(&roles);
	if (!name) {
		(void)error_set(error, ERROR_NOT_FOUND, "no AWS credentials");
		goto out;
	}
	if (!metadata(aws, "GET", ROLES, name, header, &role, error))
		goto failed;
	good = role.status == 200 ? take(aws, &role.body, error) :
				    error_set(error, ERROR_UNAVAILABLE, "HTTP %ld", role.status);
failed:
	if (!good)
		(void)error_prefix(error, "instance metadata");
out:
	buffer_free(&token.body);
	buffer_free(&roles.body);
	buffer_free(&role.body);
	free(header);
	return good;
}

bool aws_fetch_credentials(struct aws *aws, struct error *error)
{
	if (aws->settings.container_relative_uri || aws->settings.container_full_uri)
		return from_container(aws, error);
	return from_instance(aws, error);
}
