/* The table of checks, and what they share. */
#include "cmd/filot-smoke/check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/stop.h"

#define RETRY_BASE_MS 1000
#define RETRY_CAP_MS 8000
#define BODY_BYTES (8 * 1024 * 1024)

const char *const smoke_phase_names[SMOKE_PHASE_COUNT] = { "API Health Checks", "Endpoint Validation",
							    "Infrastructure Checks", "Canary" };

#define BIT(id) (1U << (id))

const struct smoke_check smoke_checks[SMOKE_CHECK_COUNT] = {
	[SMOKE_HEALTH] = { "health", "API Health Check", 0, smoke_health },
	[SMOKE_REDIS] = { "redis", "Health - Redis Connected", 0, smoke_redis, .needs_api = true },
	[SMOKE_DATABASE] = { "database", "Health - Database Connected", 0, smoke_database, .needs_api = true },
	[SMOKE_METRICS] = { "metrics", "Metrics Endpoint", 0, smoke_metrics, .needs_api = true },
	[SMOKE_AUTH] = { "auth", "Auth Endpoint (Protected)", 1, smoke_auth, .needs_api = true },
	[SMOKE_DOCUMENTS] = { "documents", "Documents Endpoint (Protected)", 1, smoke_documents, .needs_api = true },
	[SMOKE_VERIFICATION] = { "verification", "Verification Evaluate Endpoint", 1, smoke_verification,
				 BIT(SMOKE_DATABASE), true },
	[SMOKE_QUEUE] = { "queue", "Redis Queue", 2, smoke_queue, BIT(SMOKE_REDIS) },
	[SMOKE_LOGS] = { "logs", "CloudWatch Log Groups", 2, smoke_logs },
	[SMOKE_BACKEND] = { "backend", "ECS Service Status", 2, smoke_backend },
	[SMOKE_WORKER] = { "worker", "GPU Worker Status", 2, smoke_worker },
	[SMOKE_CANARY] = { "canary", "Canary Document", 3, smoke_canary,
			   BIT(SMOKE_HEALTH) | BIT(SMOKE_REDIS) | BIT(SMOKE_DATABASE) | BIT(SMOKE_QUEUE), true },
};

int smoke_check_find(const char *id)
{
	for (int index = 0; index < SMOKE_CHECK_COUNT; index++)
		if (strcmp(id, smoke_checks[index].id) == 0)
			return index;
	return -1;
}

/* Without --only: all that can be asked. The canary is never meant unless it was named. */
static bool is_chosen(const struct smoke_settings *settings, int check)
{
	if (check == SMOKE_CANARY)
		return settings->canary;
	for (size_t index = 0; index < settings->only.count; index++)
		if (smoke_check_find(settings->only.items[index]) == check)
			return true;
	return !settings->only.count && (check != SMOKE_QUEUE || settings->redis_url);
}

bool smoke_open(struct smoke *smoke, const struct smoke_settings *settings, struct error *error)
{
	*smoke = (struct smoke){ .settings = settings };
	for (int check = 0; check < SMOKE_CHECK_COUNT; check++)
		smoke->results[check].chosen = is_chosen(settings, check);
	smoke->http = http_new(error);
	smoke->aws = smoke->http ? aws_new(&settings->aws, error) : NULL;
	return smoke->aws != NULL;
}

void smoke_close(struct smoke *smoke)
{
	aws_free(smoke->aws);
	http_free(smoke->http);
}

/* ---- running ---- */

/* Why there is no sense in looking; false: there is. */
static bool is_moot(const struct smoke *smoke, const struct smoke_check *check, struct smoke_result *result)
{
	if (stop_requests) {
		(void)smoke_skip(result, "Stopped by a signal");
		return true;
	}
	if (check->needs_api && smoke->unreachable) {
		(void)smoke_skip(result, "The API gives no answer");
		return true;
	}
	for (int other = 0; other < SMOKE_CHECK_COUNT; other++) {
		const struct smoke_result *known = &smoke->results[other];
		if (!(check->needs & BIT(other)) || !known->ran || known->status != SMOKE_FAIL)
			continue;
		(void)smoke_skip(result, "Rests on %s, which failed", smoke_checks[other].name);
		return true;
	}
	return false;
}

void smoke_run(struct smoke *smoke, enum smoke_check_id id)
{
	const struct smoke_check *check = &smoke_checks[id];
	struct smoke_result *result = &smoke->results[id];
	int64_t wait_ms = RETRY_BASE_MS, begin_ms = clock_monotonic_ms();
	while (!is_moot(smoke, check, result)) {
		result->tries++;
		if (check->look(smoke, result) != SMOKE_FAIL || result->tries > smoke->settings->retry || stop_requests)
			break;
		clock_sleep_ms(wait_ms);
		wait_ms = wait_ms * 2 < RETRY_CAP_MS ? wait_ms * 2 : RETRY_CAP_MS;
	}
	result->ran = true;
	result->ms = clock_monotonic_ms() - begin_ms;
}

/* ---- for the checks ---- */

/* One line, whatever a server said. */
static void __attribute__((format(printf, 3, 0)))
say(struct smoke_result *result, enum smoke_status status, const char *format, va_list arguments)
{
	result->status = status;
	(void)vsnprintf(result->text, sizeof result->text, format, arguments);
	for (char *at = result->text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
}

#define SAY(function, status)                                                                \
	enum smoke_status function(struct smoke_result *result, const char *format, ...)     \
	{                                                                                    \
		va_list arguments;                                                           \
		va_start(arguments, format);                                                 \
		say(result, status, format, arguments);                                      \
		va_end(arguments);                                                           \
		return status;                                                               \
	}

SAY(smoke_pass, SMOKE_PASS)
SAY(smoke_fail, SMOKE_FAIL)
SAY(smoke_skip, SMOKE_SKIP)

bool smoke_ask(struct smoke *smoke, const struct smoke_request *asked, struct http_response *response, struct error *error)
{
	const struct smoke_settings *settings = smoke->settings;
	const char *headers[4] = { NULL };
	struct buffer url = { 0 }, authorization = { 0 }, type = { 0 };
	size_t count = 0;
	buffer_append(&url, settings->api_url, uri_base_length(settings->api_url));
	buffer_append_string(&url, asked->path);
	if (asked->token) {
		buffer_printf(&authorization, "Authorization: Bearer %s", asked->token);
		headers[count++] = authorization.data;
	}
	if (asked->content_type) {
		buffer_printf(&type, "Content-Type: %s", asked->content_type);
		headers[count++] = type.data;
	}
	headers[count] = asked->header;
	const struct http_request request = { .method = asked->method, .url = url.data, .headers = headers, .upload = -1,
					      .download = -1, .body = asked->body, .body_length = asked->body_length,
					      .attempts = asked->attempts,
					      .limits = { .connect_ms = settings->timeout_ms,
							  .total_ms = settings->timeout_ms, .body_bytes = BODY_BYTES } };
	*response = (struct http_response){ 0 };
	bool good = url.failed || authorization.failed || type.failed ?
			    error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a request") :
			    http_send(smoke->http, &request, response, error);
	if (good) {
		if (!response->body.data)
			buffer_append_char(&response->body, '\0');
		good = !response->body.failed || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for an answer");
	}
	buffer_free(&url);
	buffer_free(&authorization);
	buffer_free(&type);
	return good;
}

const char *smoke_problem(const struct http_response *response, char text[static SMOKE_PROBLEM_SIZE])
{
	json_t *body = json_loads(response->body.data, 0, NULL);
	const char *code = json_string_value(json_object_get(body, "code"));
	const char *detail = json_string_value(json_object_get(body, "detail"));
	text[0] = '\0';
	if (code)
		(void)snprintf(text, SMOKE_PROBLEM_SIZE, " (%s%s%.120s)", code, detail ? ": " : "", detail ? detail : "");
	json_decref(body);
	return text;
}
