/* POST /auth/register, POST /auth/login, GET /auth/me. */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "auth_find_sql.h"
#include "auth_login_sql.h"
#include "auth_me_sql.h"
#include "auth_register_sql.h"
#include "cmd/filot-api/auth.h"
#include "common/base/log.h"
#include "common/base/ulid.h"

#define HASH_WAIT_MS 5000

static const char *value_of(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : PQgetvalue(result, 0, column);
}

/* One @ with something before it and a name with a dot after it: whether it takes mail only a mail can tell. */
static bool email_valid(const char *email)
{
	const char *at = strchr(email, '@');
	const char *dot = at ? strchr(at, '.') : NULL;
	return at && at > email && dot && dot > at + 1 && dot[1] && !strchr(at + 1, '@') && !strpbrk(email, " \t,;<>\"()[]\\");
}

struct credentials {
	json_t *body;
	const char *email, *password, *name, *tenant;
};

/* False when it answered already. */
static bool read_credentials(struct server_request *request, bool registers, struct credentials *given)
{
	*given = (struct credentials){ .body = api_body(request) };
	if (!given->body)
		return false;
	bool good = api_member(request, given->body, "email", true, 3, 320, &given->email) &&
		    api_member(request, given->body, "password", true, registers ? PASSWORD_LEAST : 1, PASSWORD_MOST,
			       &given->password) &&
		    (!registers || (api_member(request, given->body, "name", false, 1, 256, &given->name) &&
				    api_member(request, given->body, "tenant", false, 1, 128, &given->tenant)));
	if (good && !email_valid(given->email)) {
		problem_answer_invalid(request, "#/email", "email must be an address such as name@example.org");
		good = false;
	}
	if (!good)
		json_decref(given->body);
	return good;
}

/* Registration is open, or for services alone. A tenant is given by services: a user could choose another's. */
static bool may_register(struct server_request *request, struct api_context *context, bool *service)
{
	struct api_caller caller;
	*service = false;
	if (server_request_header_count(request, "Authorization")) {
		if (!api_authenticate(request, context, &caller))
			return false;
		*service = caller.service;
	}
	if (*service)
		return true;
	if (context->settings->no_registration) {
		problem_answer(request, 403, "registration_closed", "accounts are made by the operator");
		return false;
	}
	return auth_limit(request, context, NULL);
}

static void register_user(struct server_request *request, struct api_context *context, const struct credentials *given)
{
	char id[ULID_SIZE], hash[PASSWORD_HASH_SIZE];
	struct error error = { 0 };
	if (!password_hash(context->api->auth->passwords, given->password, HASH_WAIT_MS, hash, &error)) {
		problem_answer_error(request, "register_failed", &error);
		return;
	}
	const char *const values[] = { ulid_new(id), given->email, given->name, hash, given->tenant };
	PGresult *result = pg_query_prepared(context->pg, true, auth_register_sql, 5, values, &error);
	sodium_memzero(hash, sizeof hash);
	if (!result) {
		problem_answer_error(request, "register_failed", &error);
	} else if (PQntuples(result) == 0) {
		problem_answer(request, 409, "email_taken", "there is an account with this address");
	} else {
		const struct auth_user user = { PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), value_of(result, 2),
						value_of(result, 3), PQgetvalue(result, 0, 4) };
		log_info("user_registered", log_string("request", server_request_id(request)), log_string("user", user.id));
		api_answer_json(request, 201, auth_user_json(&user));
	}
	PQclear(result);
}

void auth_register(struct server_request *request, void *own)
{
	struct api_context *context = own;
	struct credentials given;
	bool service;
	if (!may_register(request, context, &service) || !read_credentials(request, true, &given))
		return;
	if (given.tenant && !service)
		problem_answer(request, 403, "forbidden", "only a service gives a tenant");
	else
		register_user(request, context, &given);
	json_decref(given.body);
}

/* ---- login ---- */

static void begin_session(struct server_request *request, struct api_context *context, const struct auth_user *user,
			  const char *new_hash)
{
	char session[ULID_SIZE], token[REFRESH_TOKEN_SIZE], hash[HASH_TEXT_SIZE], seconds[24];
	struct error error = { 0 };
	auth_refresh_new(context->api->auth, token, hash);
	(void)snprintf(seconds, sizeof seconds, "%lld", (long long)(context->settings->refresh_ms / 1000));
	const char *const values[] = { ulid_new(session), user->id, server_request_header(request, "User-Agent"),
				       server_request_address(request), seconds, hash, new_hash };
	PGresult *result = pg_query_prepared(context->pg, true, auth_login_sql, 7, values, &error);
	if (!result)
		problem_answer_error(request, "login_failed", &error);
	else
		auth_answer_tokens(request, context, user, session, token);
	PQclear(result);
	sodium_memzero(token, sizeof token);
}

static void refuse_login(struct server_request *request, const char *why, const char *user)
{
	log_info("login_refused", log_string("request", server_request_id(request)), log_string("why", why),
		 log_string("user", user), log_string("address", server_request_address(request)));
	server_answer_header(request, "WWW-Authenticate", "Bearer realm=\"filot\"");
	problem_answer(request, 401, "wrong_credentials", "no account has this address and password");
}

/* The hash is computed whether or not there is such a user, and a disabled one is told so only with the right password. */
static void login(struct server_request *request, struct api_context *context, const struct credentials *given,
		  const PGresult *found)
{
	struct passwords *passwords = context->api->auth->passwords;
	bool exists = PQntuples(found) == 1, right, stale;
	char hash[PASSWORD_HASH_SIZE];
	struct error error = { 0 };
	if (!password_check(passwords, exists ? PQgetvalue(found, 0, 5) : NULL, given->password, HASH_WAIT_MS, &right, &stale,
			    &error) ||
	    (stale && !password_hash(passwords, given->password, HASH_WAIT_MS, hash, &error))) {
		problem_answer_error(request, "login_failed", &error);
		return;
	}
	if (!right) {
		refuse_login(request, exists ? "wrong_password" : "unknown_user", exists ? PQgetvalue(found, 0, 0) : NULL);
		return;
	}
	if (*PQgetvalue(found, 0, 6) == 't') {
		problem_answer(request, 403, "account_disabled", "this account is disabled");
		return;
	}
	const struct auth_user user = { PQgetvalue(found, 0, 0), PQgetvalue(found, 0, 1), value_of(found, 2),
					value_of(found, 3), PQgetvalue(found, 0, 4) };
	server_request_note_user(request, user.id);
	begin_session(request, context, &user, stale ? hash : NULL);
}

void auth_login(struct server_request *request, void *own)
{
	struct api_context *context = own;
	struct credentials given;
	struct error error = { 0 };
	char account[321 * 4];
	if (!read_credentials(request, false, &given))
		return;
	size_t length = 0;
	for (; given.email[length] && length + 1 < sizeof account; length++)
		account[length] = (char)tolower((unsigned char)given.email[length]);
	account[length] = '\0';
	if (auth_limit(request, context, account)) {
		const char *const values[] = { given.email };
		PGresult *found = pg_query_prepared(context->pg, true, auth_find_sql, 1, values, &error);
		if (found)
			login(request, context, &given, found);
		else
			problem_answer_error(request, "login_failed", &error);
		PQclear(found);
	}
	json_decref(given.body);
}

void auth_me(struct server_request *request, void *own)
{
	struct api_context *context = own;
	struct api_caller caller;
	struct error error = { 0 };
	if (!api_authenticate_user(request, context, &caller))
		return;
	const char *const values[] = { caller.user_id, caller.session_id };
	PGresult *result = pg_query_prepared(context->pg, true, auth_me_sql, 2, values, &error);
	if (!result) {
		problem_answer_error(request, "me_failed", &error);
	} else if (PQntuples(result) == 0) {
		server_answer_header(request, "WWW-Authenticate", "Bearer realm=\"filot\", error=\"invalid_token\"");
		problem_answer(request, 401, "session_ended", "the session has ended");
	} else {
		const struct auth_user user = { PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1), value_of(result, 2),
						value_of(result, 3), PQgetvalue(result, 0, 4) };
		api_answer_json(request, 200, auth_user_json(&user));
	}
	PQclear(result);
}
