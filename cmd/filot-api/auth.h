/*
 * Accounts and sessions. A login makes a session (a row), a refresh token of it and an access token. The access token is a
 * JWT (common/auth/jwt.h) that nothing is looked up for. The refresh token is random; the database has its HMAC under
 * FILOT_SESSION_SECRET only, so a copy of the database lets nobody in. Using one gives the next and spends it; a spent one
 * that comes again ends the session, because a thief or the owner has used it.
 */
#ifndef FILOT_API_AUTH_H
#define FILOT_API_AUTH_H

#include "cmd/filot-api/api.h"
#include "common/auth/jwt.h"
#include "common/auth/password.h"

#define REFRESH_TOKEN_SIZE 64
#define HASH_TEXT_SIZE 67 /* "\x" and 64 digits: bytea as text */

struct auth {
	const struct api_settings *settings;
	struct jwt_keys keys;
	struct passwords *passwords;
	unsigned char service[2][32]; /* SHA-256 of the service keys */
	int service_count;
};

struct auth *auth_new(const struct api_settings *settings, struct error *error);
void auth_free(struct auth *auth);

/* True for one of the service keys; takes the same time for any text of a length. */
bool auth_is_service(const struct auth *auth, const char *key);

/* A new refresh token; `hash` is what the database keeps. */
void auth_refresh_new(const struct auth *auth, char token[static REFRESH_TOKEN_SIZE], char hash[static HASH_TEXT_SIZE]);

/* The hash under the current or the previous session secret ("" when there is none). */
void auth_refresh_hash(const char *secret, const char *token, char hash[static HASH_TEXT_SIZE]);

struct auth_user {
	const char *id, *email, *name, *tenant, *role; /* name and tenant may be NULL */
};

/* Answers 200 with a pair of tokens. */
void auth_answer_tokens(struct server_request *request, struct api_context *context, const struct auth_user *user,
			const char *session_id, const char *refresh_token);
json_t *auth_user_json(const struct auth_user *user);

/* Takes from the limits of logins; false when it answered 429. `account` NULL: of the address alone. */
bool auth_limit(struct server_request *request, struct api_context *context, const char *account);

void auth_register(struct server_request *request, void *context);
void auth_login(struct server_request *request, void *context);
void auth_refresh(struct server_request *request, void *context);
void auth_logout(struct server_request *request, void *context);
void auth_me(struct server_request *request, void *context);

#endif
