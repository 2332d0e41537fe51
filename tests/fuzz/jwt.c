/* An access token as it comes; and one of ours whose claims are the input, as if a key were known. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include "common/auth/jwt.h"

#define NOW_S INT64_C(1795000000)
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

static void check(const struct jwt_keys *keys, const char *token)
{
	struct jwt_claims claims;
	struct error error = { 0 };
	if (jwt_verify(keys, token, NOW_S, &claims, &error) &&
	    (!*claims.subject || claims.expires_s + JWT_LEEWAY_S < NOW_S || claims.not_before_s - JWT_LEEWAY_S > NOW_S))
		abort();
}

static void sign_text(const struct jwt_keys *keys, const uint8_t *bytes, size_t length, char *token, size_t size)
{
	unsigned char sum[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state = keys->keys[0].keyed;
	int start = snprintf(token, size, "%s.", keys->keys[0].header);
	(void)sodium_bin2base64(token + start, size - (size_t)start, bytes, length, VARIANT);
	(void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)token, strlen(token));
	(void)crypto_auth_hmacsha256_final(&state, sum);
	size_t end = strlen(token);
	token[end] = '.';
	(void)sodium_bin2base64(token + end + 1, size - end - 1, sum, sizeof sum, VARIANT);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct jwt_keys keys;
	char token[2 * JWT_MOST_BYTES];
	if (length > JWT_MOST_BYTES || sodium_init() < 0 ||
	    !jwt_keys_set(&keys, "https://filot.example", "filot-api", "0123456789abcdef0123456789abcdef", NULL, NULL))
		return 0;
	sign_text(&keys, bytes, length, token, sizeof token);
	check(&keys, token);
	memcpy(token, bytes, length);
	token[length] = '\0';
	check(&keys, token);
	return 0;
}
