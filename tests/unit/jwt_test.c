/* Access tokens under attack, and passwords. */
#include "common/auth/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdlib.h>

#include "common/auth/password.h"
#include "common/base/clock.h"
#include "tests/unit/test.h"

#define NOW 1790000000
#define SECRET "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

static const struct jwt_claims claims = { .subject = "01USER",	  .session = "01SESSION",    .id = "01ID", .tenant = "acme",
					  .role = "user",	  .issued_s = NOW,	     .not_before_s = NOW,
					  .expires_s = NOW + 900 };

static struct jwt_keys keys_of(const char *secret, const char *previous)
{
	struct jwt_keys keys;
	struct error error = { 0 };
	CHECK(jwt_keys_set(&keys, "https://issuer", "audience", secret, previous, &error));
	return keys;
}

static char *token_of(const struct jwt_keys *keys, const struct jwt_claims *made)
{
	struct buffer token = { 0 };
	struct error error = { 0 };
	CHECK(jwt_sign(keys, made, &token, &error));
	return buffer_take(&token);
}

/* A token of any header and claims, signed as an attacker would with `secret`. */
static char *forge(const char *header_base64, const char *header, const char *payload, const char *secret)
{
	static char token[4096];
	char part[2048];
	unsigned char sum[32];
	unsigned length = sizeof sum;
	if (!header_base64)
		header_base64 = sodium_bin2base64(part, sizeof part, (const unsigned char *)header, strlen(header), VARIANT);
	size_t used = (size_t)snprintf(token, sizeof token, "%s.", header_base64);
	(void)sodium_bin2base64(part, sizeof part, (const unsigned char *)payload, strlen(payload), VARIANT);
	used += (size_t)snprintf(token + used, sizeof token - used, "%s", part);
	if (secret) {
		(void)HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)token, used, sum, &length);
		(void)sodium_bin2base64(part, sizeof part, sum, sizeof sum, VARIANT);
	} else {
		part[0] = '\0';
	}
	(void)snprintf(token + used, sizeof token - used, ".%s", part);
	return token;
}

static const char good_payload[] =
	"{\"iss\":\"https://issuer\",\"aud\":\"audience\",\"sub\":\"01USER\",\"sid\":\"01SESSION\",\"jti\":\"1\",\"role\":\"user\","
	"\"iat\":1790000000,\"nbf\":1790000000,\"exp\":1790000900}";

static void check_refused(const struct jwt_keys *keys, const char *token, int64_t now_s, const char *why)
{
	struct jwt_claims read;
	struct error error = { 0 };
	CHECK(!jwt_verify(keys, token, now_s, &read, &error));
	CHECK_INTEGER(error.code, ERROR_NOT_PERMITTED);
	CHECK(strstr(error.message, why) != NULL);
	if (test_bad_checks)
		printf("# %s\n# said: %s\n", token, error.message);
}

static void a_token_comes_back_with_its_claims(void)
{
	struct jwt_keys keys = keys_of(SECRET, NULL);
	struct jwt_claims read;
	struct error error = { 0 };
	char *token = token_of(&keys, &claims);
	CHECK(jwt_verify(&keys, token, NOW, &read, &error));
	CHECK(jwt_verify(&keys, token, NOW + 899, &read, &error));
	CHECK_STRING(read.subject, claims.subject);
	CHECK_STRING(read.session, claims.session);
	CHECK_STRING(read.id, claims.id);
	CHECK_STRING(read.tenant, claims.tenant);
	CHECK_STRING(read.role, claims.role);
	CHECK_INTEGER(read.expires_s, claims.expires_s);
	free(token);
	struct jwt_keys same = keys_of(SECRET, NULL);
	CHECK(jwt_verify(&same, forge(same.keys[0].header, NULL, good_payload, SECRET), NOW, &read, &error));
	CHECK_STRING(read.tenant, "");
}

static void expired_and_future_tokens_are_refused(void)
{
	struct jwt_keys keys = keys_of(SECRET, NULL);
	char *token = token_of(&keys, &claims);
	check_refused(&keys, token, NOW + 900, "expired");
	check_refused(&keys, token, NOW - JWT_LEEWAY_S - 1, "not valid yet");
	free(token);
	struct jwt_claims later = claims;
	later.not_before_s = NOW + 60;
	token = token_of(&keys, &later);
	check_refused(&keys, token, NOW, "not valid yet");
	free(token);
}

static void algorithms_and_headers_that_are_not_ours_are_refused(void)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\",\"typ\":\"at+jwt\"}", "{\"alg\":\"None\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\"}",	 "{\"alg\":\"HS512\",\"typ\":\"at+jwt\"}",
		"{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\",\"typ\":\"at+jwt\"}",
		"{}",					 "" };
	struct jwt_keys keys = keys_of(SECRET, NULL);
	for (size_t index = 0; index < sizeof headers / sizeof *headers; index++) {
		check_refused(&keys, forge(NULL, headers[index], good_payload, NULL), NOW, "no header of ours");
		check_refused(&keys, forge(NULL, headers[index], good_payload, SECRET), NOW, "no header of ours");
	}
	check_refused(&keys, forge(keys.keys[0].header, NULL, good_payload, NULL), NOW, "wrong signature");
	check_refused(&keys, forge(keys.keys[0].header, NULL, good_payload, OTHER), NOW, "wrong signature");
}

static void every_claim_must_be_there_and_right(void)
{
	static const char *const payloads[][2] = {
		{ "{\"iss\":\"https://other\"}", "issued by another" },
		{ "{\"iss\":\"https://issuer\",\"aud\":[\"audience\"]}", "another audience" },
		{ "{\"iss\":\"https://issuer\",\"aud\":\"audience\"}", "lacks a claim" },
		{ "{\"iss\":\"https://issuer\",\"aud\":\"audience\",\"sub\":\"u\",\"sid\":\"s\",\"jti\":\"1\",\"role\":\"user\","
		  "\"iat\":1790000000,\"nbf\":1790000000,\"exp\":\"1790000900\"}", "lacks a claim" },
		{ "{\"iss\":\"https://issuer\",\"aud\":\"audience\",\"sub\":\"u\",\"sid\":\"s\",\"jti\":\"1\",\"role\":\"user\","
		  "\"iat\":1790000000,\"nbf\":1790000000,\"exp\":1e300}", "lacks a claim" },
		{ "{\"iss\":\"https://issuer\",\"aud\":\"audience\",\"sub\":\"\",\"sid\":\"s\",\"jti\":\"1\",\"role\":\"user\","
		  "\"iat\":1790000000,\"nbf\":1790000000,\"exp\":1790000900}", "lacks a claim" },
		{ "{\"iss\":\"https://issuer\",\"iss\":\"https://issuer\"}", "no JSON Web Token" },
		{ "[]", "no JSON Web Token" },
		{ "", "no JSON Web Token" },
		{ "{\"iss\":\"https://issuer\"} ", "another audience" },
		{ "{\"iss\":\"https://issuer\"}x", "no JSON Web Token" },
	};
	struct jwt_keys keys = keys_of(SECRET, NULL);
	for (size_t index = 0; index < sizeof payloads / sizeof *payloads; index++)
		check_refused(&keys, forge(keys.keys[0].header, NULL, payloads[index][0], SECRET), NOW, payloads[index][1]);
}

static void no_byte_of_a_token_may_change(void)
{
	struct jwt_keys keys = keys_of(SECRET, NULL);
	char *token = token_of(&keys, &claims);
	struct jwt_claims read;
	size_t length = strlen(token);
	size_t accepted = 0;
	for (size_t index = 0; index < length; index++) {
		char before = token[index];
		for (int bit = 0; bit < 7; bit++) {
			token[index] = (char)(before ^ (1 << bit));
			accepted += jwt_verify(&keys, token, NOW, &read, NULL);
		}
		token[index] = '\0'; /* cut there */
		accepted += jwt_verify(&keys, token, NOW, &read, NULL);
		token[index] = before;
	}
	CHECK_INTEGER(accepted, 0);
	CHECK(jwt_verify(&keys, token, NOW, &read, NULL));
	struct buffer longer = { 0 };
	buffer_printf(&longer, "%s.x", token);
	check_refused(&keys, longer.data, NOW, "no JSON Web Token");
	buffer_clear(&longer);
	buffer_printf(&longer, "%s=", token);
	check_refused(&keys, longer.data, NOW, "wrong signature");
	buffer_free(&longer);
	free(token);
	check_refused(&keys, "", NOW, "no JSON Web Token");
	check_refused(&keys, "..", NOW, "no header of ours");
}

static void a_secret_is_rotated_without_a_gap(void)
{
	struct jwt_keys before = keys_of(SECRET, NULL), during = keys_of(OTHER, SECRET), after = keys_of(OTHER, NULL);
	char *old = token_of(&before, &claims), *new = token_of(&during, &claims);
	struct jwt_claims read;
	CHECK(jwt_verify(&during, old, NOW, &read, NULL));
	CHECK(jwt_verify(&during, new, NOW, &read, NULL));
	CHECK(jwt_verify(&after, new, NOW, &read, NULL));
	check_refused(&after, old, NOW, "no header of ours");
	check_refused(&before, new, NOW, "no header of ours");
	free(old);
	free(new);
}

static void a_short_secret_is_refused(void)
{
	struct jwt_keys keys;
	struct error error = { 0 };
	CHECK(!jwt_keys_set(&keys, "i", "a", "0123456789abcdef0123456789abcde", NULL, &error));
	CHECK_INTEGER(error.code, ERROR_CONFIG);
	CHECK(!jwt_keys_set(&keys, "i", "a", SECRET, "short", &error));
}

static void a_password_is_known_by_its_hash_alone(void)
{
	struct error error = { 0 };
	struct passwords *passwords = passwords_new(2, &error);
	char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];
	bool right, stale;
	CHECK(password_hash(passwords, "correct horse", 1000, one, &error));
	CHECK(password_hash(passwords, "correct horse", 1000, two, &error));
	CHECK(strcmp(one, two) != 0);
	CHECK(strncmp(one, "$argon2id$v=19$m=65536,t=2,p=1$", 31) == 0);
	CHECK(password_check(passwords, one, "correct horse", 1000, &right, &stale, &error) && right && !stale);
	CHECK(password_check(passwords, one, "correct horsf", 1000, &right, &stale, &error) && !right);
	CHECK(password_check(passwords, NULL, "correct horse", 1000, &right, &stale, &error) && !right);
	CHECK(password_check(passwords, "nonsense", "correct horse", 1000, &right, &stale, &error) && !right);
	CHECK(crypto_pwhash_str(two, "correct horse", 13, 1, crypto_pwhash_MEMLIMIT_MIN) == 0);
	CHECK(password_check(passwords, two, "correct horse", 1000, &right, &stale, &error) && right && stale);
	passwords_free(passwords);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	TEST(a_token_comes_back_with_its_claims);
	TEST(expired_and_future_tokens_are_refused);
	TEST(algorithms_and_headers_that_are_not_ours_are_refused);
	TEST(every_claim_must_be_there_and_right);
	TEST(no_byte_of_a_token_may_change);
	TEST(a_secret_is_rotated_without_a_gap);
	TEST(a_short_secret_is_refused);
	TEST(a_password_is_known_by_its_hash_alone);
	return test_done();
}
