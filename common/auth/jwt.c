/* Signing and verifying: fixed headers, libsodium's strict base64url, jansson for the claims. */
#include "common/auth/jwt.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hmac.h"
#include "common/base/json_text.h"

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define SIGNATURE_LENGTH 43 /* of 32 bytes */

static bool set_key(struct jwt_keys *keys, const char *secret, struct error *error)
{
	static const struct hmac_piece label = { "filot jwt key id", 16 };
	unsigned char sum[HMAC_SHA256_BYTES];
	char id[17], header[96];
	size_t length = strlen(secret);
	if (length < JWT_LEAST_SECRET_BYTES)
		return error_set(error, ERROR_CONFIG,
				 "a signing secret needs at least %d bytes, such as `openssl rand -hex 32` makes",
				 JWT_LEAST_SECRET_BYTES);
	if (!hmac_sha256(secret, length, &label, 1, sum))
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	(void)sodium_bin2hex(id, sizeof id, sum, 8);
	int size = snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", id);
	(void)crypto_auth_hmacsha256_init(&keys->keys[keys->count].keyed, (const unsigned char *)secret, length);
	(void)sodium_bin2base64(keys->keys[keys->count].header, sizeof keys->keys[0].header, (unsigned char *)header,
				(size_t)size, VARIANT);
	keys->keys[keys->count].header_length = strlen(keys->keys[keys->count].header);
	keys->count++;
	return true;
}

bool jwt_keys_set(struct jwt_keys *keys, const char *issuer, const char *audience, const char *secret,
		  const char *previous, struct error *error)
{
	*keys = (struct jwt_keys){ .issuer = issuer, .audience = audience };
	return set_key(keys, secret, error) && (!previous || set_key(keys, previous, error));
}

/* By libsodium and from the keyed state on: OpenSSL's HMAC costs ten times as much for a text of this length. */
static void sign(const struct jwt_keys *keys, size_t key, const char *text, size_t length,
		 char signature[static SIGNATURE_LENGTH + 1])
{
	unsigned char sum[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state = keys->keys[key].keyed;
	(void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, length);
	(void)crypto_auth_hmacsha256_final(&state, sum);
	(void)sodium_bin2base64(signature, SIGNATURE_LENGTH + 1, sum, sizeof sum, VARIANT);
}

static void member(struct buffer *json, const char *name, const char *value)
{
	buffer_printf(json, "%s\"%s\":", json->length ? "," : "{", name);
	json_text_string(json, value, strlen(value));
}

bool jwt_sign(const struct jwt_keys *keys, const struct jwt_claims *claims, struct buffer *token, struct error *error)
{
	struct buffer json = { 0 };
	char encoded[JWT_MOST_BYTES], signature[SIGNATURE_LENGTH + 1];
	member(&json, "iss", keys->issuer);
	member(&json, "aud", keys->audience);
	member(&json, "sub", claims->subject);
	member(&json, "sid", claims->session);
	member(&json, "jti", claims->id);
	member(&json, "role", claims->role);
	if (*claims->tenant)
		member(&json, "tenant", claims->tenant);
	buffer_printf(&json, ",\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld}", (long long)claims->issued_s,
		      (long long)claims->not_before_s, (long long)claims->expires_s);
	size_t start = token->length;
	bool good = !json.failed && sodium_base64_encoded_len(json.length, VARIANT) <= sizeof encoded;
	if (good) {
		(void)sodium_bin2base64(encoded, sizeof encoded, (unsigned char *)json.data, json.length, VARIANT);
		buffer_append(token, keys->keys[0].header, keys->keys[0].header_length);
		buffer_append_char(token, '.');
		buffer_append_string(token, encoded);
		good = !token->failed;
	}
	if (good) {
		sign(keys, 0, token->data + start, token->length - start, signature);
		buffer_append_char(token, '.');
		buffer_append_string(token, signature);
	}
	buffer_free(&json);
	return (good && !token->failed) || error_set(error, ERROR_OUT_OF_MEMORY, "no token: out of memory, or too long");
}

/* ---- verifying ---- */

static bool refuse(struct error *error, const char *why)
{
	return error_set(error, ERROR_NOT_PERMITTED, "the access token %s", why);
}

static bool take_string(const json_t *claims, const char *name, char *text, size_t size)
{
	const json_t *value = json_object_get(claims, name);
	size_t length = json_string_length(value);
	if (!json_is_string(value) || length == 0 || length >= size)
		return false;
	memcpy(text, json_string_value(value), length + 1);
	return true;
}

static bool take_time(const json_t *claims, const char *name, int64_t *time_s)
{
	const json_t *value = json_object_get(claims, name);
	*time_s = json_integer_value(value);
	return json_is_integer(value) && *time_s > 0;
}

static bool is(const json_t *claims, const char *name, const char *expected)
{
	const char *value = json_string_value(json_object_get(claims, name));
	return value && strcmp(value, expected) == 0;
}

static bool read_claims(const struct jwt_keys *keys, const json_t *json, int64_t now_s, struct jwt_claims *claims,
			struct error *error)
{
	*claims = (struct jwt_claims){ 0 };
	if (!is(json, "iss", keys->issuer))
		return refuse(error, "was issued by another");
	if (!is(json, "aud", keys->audience))
		return refuse(error, "is for another audience");
	if (!take_string(json, "sub", claims->subject, sizeof claims->subject) ||
	    !take_string(json, "sid", claims->session, sizeof claims->session) ||
	    !take_string(json, "jti", claims->id, sizeof claims->id) ||
	    !take_string(json, "role", claims->role, sizeof claims->role) ||
	    (json_object_get(json, "tenant") && !take_string(json, "tenant", claims->tenant, sizeof claims->tenant)) ||
	    !take_time(json, "iat", &claims->issued_s) || !take_time(json, "nbf", &claims->not_before_s) ||
	    !take_time(json, "exp", &claims->expires_s))
		return refuse(error, "lacks a claim");
	if (now_s >= claims->expires_s)
		return refuse(error, "has expired");
	if (now_s + JWT_LEEWAY_S < claims->not_before_s || now_s + JWT_LEEWAY_S < claims->issued_s)
		return refuse(error, "is not valid yet");
	return true;
}

/* The key whose header this is; keys->count when none. */
static size_t find_key(const struct jwt_keys *keys, const char *header, size_t length)
{
	size_t key = 0;
	while (key < keys->count &&
	       (length != keys->keys[key].header_length || memcmp(header, keys->keys[key].header, length) != 0))
		key++;
	return key;
}

bool jwt_verify(const struct jwt_keys *keys, const char *token, int64_t now_s, struct jwt_claims *claims,
		struct error *error)
{
	size_t length = strnlen(token, JWT_MOST_BYTES + 1);
	const char *first = strchr(token, '.');
	const char *second = first ? strchr(first + 1, '.') : NULL;
	if (length > JWT_MOST_BYTES || !second || strchr(second + 1, '.'))
		return refuse(error, "is no JSON Web Token");
	size_t key = find_key(keys, token, (size_t)(first - token));
	if (key == keys->count)
		return refuse(error, "has no header of ours");
	char signature[SIGNATURE_LENGTH + 1];
	sign(keys, key, token, (size_t)(second - token), signature);
	if (strlen(second + 1) != SIGNATURE_LENGTH || !hmac_equal(signature, second + 1, SIGNATURE_LENGTH))
		return refuse(error, "has a wrong signature");
	unsigned char text[JWT_MOST_BYTES];
	size_t text_length;
	if (sodium_base642bin(text, sizeof text, first + 1, (size_t)(second - first - 1), NULL, &text_length, NULL,
			      VARIANT) != 0)
		return refuse(error, "is no JSON Web Token");
	json_t *json = json_loadb((char *)text, text_length, JSON_REJECT_DUPLICATES, NULL);
	bool good = json_is_object(json) ? read_claims(keys, json, now_s, claims, error) :
					   refuse(error, "is no JSON Web Token");
	json_decref(json);
	return good;
}
