/* Asking the ECS agent for scale-in protection. */
#include "protection.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/http.h"

#define EXPIRES_MINUTES 60
#define RENEW_MS (INT64_C(30) * 60 * 1000)
#define LINGER_MS 5000 /* idle for so long before it is let go of: a gap between two jobs is no reason to ask twice */
#define AGENT_MS 2000 /* the agent is on this host; the keeper must not wait for it while claims need renewing */

struct protection {
	struct http *http; /* NULL: no agent */
	char url[512];
	bool held;
	int64_t renew_ms;
	int64_t busy_ms; /* when it was last said to be busy */
	bool complained;
};

struct protection *protection_new(const char *agent, struct error *error)
{
	struct protection *protection = calloc(1, sizeof *protection);
	if (!protection) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	if (!agent || !*agent)
		return protection;
	int length = snprintf(protection->url, sizeof protection->url, "%s/task-protection/v1/state", agent);
	if (length < 0 || (size_t)length >= sizeof protection->url) {
		(void)error_set(error, ERROR_CONFIG, "ECS_AGENT_URI is too long");
		free(protection);
		return NULL;
	}
	protection->http = http_new(error);
	if (protection->http)
		return protection;
	free(protection);
	return NULL;
}

static bool ask(struct protection *protection, bool wanted)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	char body[96];
	(void)snprintf(body, sizeof body,
		       wanted ? "{\"ProtectionEnabled\":true,\"ExpiresInMinutes\":%d}" : "{\"ProtectionEnabled\":false}",
		       EXPIRES_MINUTES);
	const struct http_request request = {
		.method = "PUT",
		.url = protection->url,
		.headers = headers,
		.upload = -1,
		.download = -1,
		.body = body,
		.body_length = (int64_t)strlen(body),
		.limits = { .connect_ms = AGENT_MS, .total_ms = AGENT_MS, .body_bytes = 65536 },
	};
	struct http_response response = { 0 };
	struct error error = { 0 };
	bool answered = http_send(protection->http, &request, &response, &error);
	bool done = answered && response.status == 200;
	if (!done && !protection->complained)
		log_warning("scale_in_protection_failed", log_integer("status", response.status),
			    log_string("message", answered ? response.body.data : error.message));
	protection->complained = !done;
	buffer_free(&response.body);
	return done;
}

static void set(struct protection *protection, bool wanted, int64_t now_ms)
{
	if (!ask(protection, wanted))
		return;
	protection->held = wanted;
	protection->renew_ms = now_ms + RENEW_MS;
	log_debug("scale_in_protection", log_boolean("held", wanted));
}

void protection_update(struct protection *protection, bool busy)
{
	int64_t now_ms = clock_monotonic_ms();
	if (!protection->http)
		return;
	if (busy)
		protection->busy_ms = now_ms;
	if (busy && (!protection->held || now_ms >= protection->renew_ms))
		set(protection, true, now_ms);
	else if (!busy && protection->held && now_ms - protection->busy_ms >= LINGER_MS)
		set(protection, false, now_ms);
}

void protection_free(struct protection *protection)
{
	if (!protection)
		return;
	if (protection->held)
		set(protection, false, clock_monotonic_ms());
	http_free(protection->http);
	free(protection);
}
