/* Keys and tokens: what all handlers of accounts share. */
#include "cmd/filot-api/auth.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-api/rates.h"
#include "common/base/clock.h"
#include "common/base/hmac.h"
#include "common/base/ulid.h"

static void add_service(struct auth *auth, const char *key)
{
	if (key)
		(void)crypto_hash_sha256(auth->service[auth->service_count++], (const unsigned char *)key, strlen(key));
}

struct auth *auth_new(const struct api_settings *settings, struct error *error)
{
	struct auth *auth = calloc(1, sizeof *auth);
	if (!auth) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	auth->settings = settings;
	add_service(auth, settings->service_key);
	add_service(auth, settings->service_key_previous);
	if (jwt_keys_set(&auth->keys, settings->issuer, settings->audience, settings->jwt_secret,
			 settings->jwt_secret_previous, error) &&
	    (auth->passwords = passwords_new((int)settings->password_hashes, error)))
		return auth;
	auth_free(auth);
	return NULL;
}

void auth_free(struct auth *auth)
{
	if (auth)
		passwords_free(auth->passwords);
	free(auth);
}

bool auth_is_service(const struct auth *auth, const char *key)
{
	unsigned char sum[32];
	bool same = false;
	(void)crypto_hash_sha256(sum, (const unsigned char *)key, strlen(key));
	for (int index = 0; index < auth->service_count; index++)
		same = hmac_equal(sum, auth->service[index], sizeof sum) || same;
	return same;
}

void auth_refresh_hash(const char *secret, const char *token, char hash[static HASH_TEXT_SIZE])
{
	const struct hmac_piece piece = { token, strlen(token) };
	hash[0] = '\0';
	if (secret && hmac_sha256_hex(secret, strlen(secret), &piece, 1, hash + 2))
		memcpy(hash, "\\x", 2);
}

void auth_refresh_new(const struct auth *auth, char token[static REFRESH_TOKEN_SIZE], char hash[static HASH_TEXT_SIZE])
{
	unsigned char random[32];
	randombytes_buf(random, sizeof random);
	memcpy(token, "frt_", 4); /* so that secret scanners know a leaked one */
	(void)sodium_bin2base64(token + 4, REFRESH_TOKEN_SIZE - 4, random, sizeof random,
				sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	auth_refresh_hash(auth->settings->session_secret, token, hash);
}

json_t *auth_user_json(const struct auth_user *user)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:s}", "id", user->id, "email", user->email, "name", user->name, "tenant",
			 user->tenant, "role", user->role);
}

void auth_answer_tokens(struct server_request *request, struct api_context *context, const struct auth_user *user,
			const char *session_id, const char *refresh_token)
{
	const struct auth *auth = context->api->auth;
	int64_t now_s = clock_unix_ms() / 1000;
	struct jwt_claims claims = { .issued_s = now_s, .not_before_s = now_s,
				     .expires_s = now_s + auth->settings->access_ms / 1000 };
	struct buffer token = { 0 };
	struct error error = { 0 };
	(void)snprintf(claims.subject, sizeof claims.subject, "%s", user->id);
	(void)snprintf(claims.session, sizeof claims.session, "%s", session_id);
	(void)snprintf(claims.tenant, sizeof claims.tenant, "%s", user->tenant ? user->tenant : "");
	(void)snprintf(claims.role, sizeof claims.role, "%s", user->role);
	(void)ulid_new(claims.id);
	if (!jwt_sign(&auth->keys, &claims, &token, &error)) {
		problem_answer_error(request, "token_failed", &error);
	} else {
		api_answer_json(request, 200,
				json_pack("{s:s, s:s, s:I, s:s, s:I, s:o?}", "access_token", token.data, "token_type", "Bearer",
					  "expires_in", (json_int_t)(auth->settings->access_ms / 1000), "refresh_token",
					  refresh_token, "refresh_expires_in",
					  (json_int_t)(auth->settings->refresh_ms / 1000), "user", auth_user_json(user)));
	}
	buffer_free(&token);
}

static bool take(struct server_request *request, struct api_context *context, const char *kind, const char *who)
{
	int64_t per_minute = context->settings->login_per_minute, wait_ms;
	const struct rate_limit limit = { .kind = kind, .who = who, .per_minute = per_minute, .burst = per_minute };
	char seconds[24];
	if (rates_take(context->api->rates, context->redis, &limit, &wait_ms))
		return true;
	(void)snprintf(seconds, sizeof seconds, "%lld", (long long)(wait_ms + 999) / 1000);
	server_answer_header(request, "Retry-After", seconds);
	problem_answer(request, 429, "too_many_requests", "too many logins; try again later");
	return false;
}

bool auth_limit(struct server_request *request, struct api_context *context, const char *account)
{
	return take(request, context, "login-address", server_request_address(request)) &&
	       (!account || take(request, context, "login-account", account));
}
