/* POST /auth/refresh, POST /auth/logout. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "auth_logout_sql.h"
#include "auth_refresh_sql.h"
#include "cmd/filot-api/auth.h"
#include "common/base/log.h"

static const char *value_of(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : PQgetvalue(result, 0, column);
}

/* One answer for all that is wrong with a refresh token: what exactly, only the log tells. */
static void refuse(struct server_request *request, const char *outcome, const char *session)
{
	log_event(strcmp(outcome, "reuse") == 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "refresh_refused",
		  log_string("request", server_request_id(request)), log_string("why", outcome),
		  log_string("session", session), log_string("address", server_request_address(request)));
	server_answer_header(request, "WWW-Authenticate", "Bearer realm=\"filot\", error=\"invalid_token\"");
	problem_answer(request, 401, "invalid_refresh_token", "the refresh token is not valid; log in again");
}

static void refresh(struct server_request *request, struct api_context *context, const char *token)
{
	const struct api_settings *settings = context->settings;
	char next[REFRESH_TOKEN_SIZE], next_hash[HASH_TEXT_SIZE], hash[HASH_TEXT_SIZE], previous[HASH_TEXT_SIZE], seconds[24];
	struct error error = { 0 };
	auth_refresh_hash(settings->session_secret, token, hash);
	auth_refresh_hash(settings->session_secret_previous, token, previous);
	auth_refresh_new(context->api->auth, next, next_hash);
	(void)snprintf(seconds, sizeof seconds, "%lld", (long long)(settings->refresh_ms / 1000));
	const char *const values[] = { hash, previous, next_hash, seconds };
	PGresult *result = pg_query_prepared(context->pg, true, auth_refresh_sql, 4, values, &error);
	if (!result) {
		problem_answer_error(request, "refresh_failed", &error);
	} else if (PQntuples(result) == 0) {
		refuse(request, "unknown", NULL);
	} else if (strcmp(PQgetvalue(result, 0, 0), "good") != 0 && strcmp(PQgetvalue(result, 0, 0), "again") != 0) {
		refuse(request, PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
	} else {
		const struct auth_user user = { PQgetvalue(result, 0, 2), PQgetvalue(result, 0, 3), value_of(result, 4),
						value_of(result, 5), PQgetvalue(result, 0, 6) };
		server_request_note_user(request, user.id);
		auth_answer_tokens(request, context, &user, PQgetvalue(result, 0, 1), next);
	}
	PQclear(result);
	sodium_memzero(next, sizeof next);
}

void auth_refresh(struct server_request *request, void *own)
{
	struct api_context *context = own;
	const char *token;
	json_t *body = api_body(request);
	if (!body)
		return;
	if (api_member(request, body, "refresh_token", true, 1, 4096, &token) && auth_limit(request, context, NULL))
		refresh(request, context, token);
	json_decref(body);
}

/* A body is not needed; {"all":true} ends all of the user's sessions. */
static bool read_all(struct server_request *request, bool *all)
{
	size_t length;
	*all = false;
	(void)server_request_body(request, &length);
	if (!length)
		return true;
	json_t *body = api_body(request);
	if (!body)
		return false;
	const json_t *value = json_object_get(body, "all");
	bool good = !value || json_is_boolean(value);
	*all = json_is_true(value);
	if (!good)
		problem_answer_invalid(request, "#/all", "all must be true or false");
	json_decref(body);
	return good;
}

void auth_logout(struct server_request *request, void *own)
{
	struct api_context *context = own;
	struct api_caller caller;
	struct error error = { 0 };
	bool all;
	if (!api_authenticate_user(request, context, &caller) || !read_all(request, &all))
		return;
	const char *const values[] = { caller.user_id, caller.session_id, all ? "true" : "false" };
	PGresult *result = pg_query_prepared(context->pg, true, auth_logout_sql, 3, values, &error);
	if (result)
		server_answer_static(request, 204, NULL, "", 0);
	else
		problem_answer_error(request, "logout_failed", &error);
	PQclear(result);
}
