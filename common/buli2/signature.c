/* Both ends of the signature. The window is looked at last, so that only a holder of a secret learns of it. */
#include "common/buli2/signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/hmac.h"

#define MOST_SIGNATURES 8
#define LONGEST_TIMESTAMP 12

static bool sum_of(const char *secret, const char *timestamp, const char *body, size_t length,
		   char hex[static HMAC_SHA256_HEX_SIZE])
{
	const struct hmac_piece pieces[] = { { timestamp, strlen(timestamp) }, { ".", 1 }, { body, length } };
	return hmac_sha256_hex(secret, strlen(secret), pieces, 3, hex);
}

bool buli2_sign(const char *secret, int64_t now_ms, const char *body, size_t length,
		char timestamp[static BULI2_TIMESTAMP_SIZE], char signature[static BULI2_SIGNATURE_SIZE])
{
	char hex[HMAC_SHA256_HEX_SIZE];
	(void)snprintf(timestamp, BULI2_TIMESTAMP_SIZE, "%" PRId64, now_ms / 1000);
	if (!sum_of(secret, timestamp, body, length, hex))
		return false;
	(void)snprintf(signature, BULI2_SIGNATURE_SIZE, "v1=%s", hex);
	return true;
}

/* Seconds of a timestamp header: 1 to 12 digits and nothing else. */
static bool read_timestamp(const char *text, int64_t *seconds)
{
	size_t length = strspn(text, "0123456789");
	if (!length || length > LONGEST_TIMESTAMP || text[length])
		return false;
	*seconds = 0;
	for (; *text; text++)
		*seconds = *seconds * 10 + (*text - '0');
	return true;
}

/* The v1 signatures of the header, as pointers to 64 lower case digits in it; other versions are passed over. */
static size_t find_signatures(const char *header, const char *found[static MOST_SIGNATURES])
{
	size_t count = 0;
	for (const char *at = header; at && count < MOST_SIGNATURES;) {
		at += strspn(at, " \t");
		size_t length = strcspn(at, ", \t");
		if (length == 3 + 64 && strncmp(at, "v1=", 3) == 0 && strspn(at + 3, "0123456789abcdef") >= 64)
			found[count++] = at + 3;
		at += length + strspn(at + length, " \t");
		at = *at == ',' ? at + 1 : NULL;
	}
	return count;
}

enum buli2_signed buli2_verify(const char *const *secrets, size_t secret_count, const char *timestamp,
			       const char *signature, const char *body, size_t length, int64_t now_ms, int64_t window_ms,
			       int64_t *sent_ms)
{
	const char *given[MOST_SIGNATURES];
	int64_t seconds;
	bool right = false;
	if (!timestamp || !signature || !read_timestamp(timestamp, &seconds))
		return BULI2_NOT_SIGNED;
	size_t count = find_signatures(signature, given);
	if (!count)
		return BULI2_NOT_SIGNED;
	for (size_t secret = 0; secret < secret_count; secret++) {
		char hex[HMAC_SHA256_HEX_SIZE];
		if (!secrets[secret] || !*secrets[secret] || !sum_of(secrets[secret], timestamp, body, length, hex))
			continue;
		for (size_t index = 0; index < count; index++)
			right |= hmac_equal(hex, given[index], HMAC_SHA256_HEX_SIZE - 1);
	}
	if (!right)
		return BULI2_SIGNED_WRONG;
	*sent_ms = seconds * 1000;
	int64_t age_ms = now_ms - *sent_ms;
	return age_ms > window_ms || age_ms < -window_ms ? BULI2_SIGNED_EARLIER : BULI2_SIGNED;
}
