/* Who asks: the one place where a request's credentials are read. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cmd/filot-api/auth.h"
#include "cmd/filot-api/rates.h"
#include "common/base/clock.h"

static bool unauthenticated(struct server_request *request, const char *code, const char *detail)
{
	char challenge[256];
	/* RFC 6750: no error code for a request without credentials. */
	if (code)
		(void)snprintf(challenge, sizeof challenge, "Bearer realm=\"filot\", error=\"%s\", error_description=\"%s\"", code,
			       detail);
	else
		(void)snprintf(challenge, sizeof challenge, "Bearer realm=\"filot\"");
	server_answer_header(request, "WWW-Authenticate", challenge);
	problem_answer(request, 401, code ? code : "unauthenticated", detail);
	return false;
}

static bool within_rate(struct server_request *request, struct api_context *context, const struct api_caller *caller)
{
	const struct rate_limit limit = { .kind = "user", .who = caller->user_id,
					  .per_minute = context->settings->rate_per_minute,
					  .burst = context->settings->rate_burst };
	int64_t wait_ms;
	char seconds[24];
	if (rates_take(context->api->rates, context->redis, &limit, &wait_ms))
		return true;
	(void)snprintf(seconds, sizeof seconds, "%lld", (long long)(wait_ms + 999) / 1000);
	server_answer_header(request, "Retry-After", seconds);
	problem_answer(request, 429, "too_many_requests", "this account asks too often; try again later");
	return false;
}

bool api_authenticate(struct server_request *request, struct api_context *context, struct api_caller *caller)
{
	const struct auth *auth = context->api->auth;
	const char *header = server_request_header(request, "Authorization");
	struct jwt_claims claims;
	struct error error = { 0 };
	*caller = (struct api_caller){ 0 };
	if (server_request_header_count(request, "Authorization") > 1)
		return unauthenticated(request, "invalid_request", "more than one Authorization header");
	if (!header)
		return unauthenticated(request, NULL, "this needs an access token");
	if (strncasecmp(header, "Bearer ", 7) != 0)
		return unauthenticated(request, "invalid_request", "only bearer tokens are known");
	header += 7 + strspn(header + 7, " ");
	if (auth_is_service(auth, header)) {
		caller->service = true;
		memcpy(caller->role, "service", 8);
		server_request_note_user(request, "service");
		return true;
	}
	if (!jwt_verify(&auth->keys, header, clock_unix_ms() / 1000, &claims, &error))
		return unauthenticated(request, "invalid_token", error.message);
	memcpy(caller->user_id, claims.subject, sizeof caller->user_id);
	memcpy(caller->session_id, claims.session, sizeof caller->session_id);
	memcpy(caller->tenant, claims.tenant, sizeof caller->tenant);
	memcpy(caller->role, claims.role, sizeof caller->role);
	server_request_note_user(request, caller->user_id);
	return within_rate(request, context, caller);
}

bool api_authenticate_user(struct server_request *request, struct api_context *context, struct api_caller *caller)
{
	if (!api_authenticate(request, context, caller))
		return false;
	if (!caller->service)
		return true;
	problem_answer(request, 403, "forbidden", "this is for users, not for services");
	return false;
}
