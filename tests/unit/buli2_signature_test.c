/* HMAC by the test cases of RFC 4231, and the signature over timestamp and body. */
#include "common/buli2/signature.h"

#include <stdlib.h>
#include <time.h>

#include "common/base/hmac.h"
#include "tests/unit/test.h"

#define NOW_MS INT64_C(1795478400123)
#define WINDOW_MS 300000

static void check_rfc(const char *key, size_t key_length, const char *data, const char *expected)
{
	char hex[HMAC_SHA256_HEX_SIZE];
	const struct hmac_piece pieces[] = { { data, 2 }, { data + 2, strlen(data) - 2 } };
	CHECK(hmac_sha256_hex(key, key_length, pieces, 2, hex));
	CHECK_STRING(hex, expected);
}

static void hmacs_are_those_of_rfc_4231(void)
{
	char long_key[131];
	memset(long_key, 0xaa, sizeof long_key);
	check_rfc("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", 20, "Hi There",
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	check_rfc("Jefe", 4, "what do ya want for nothing?",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	check_rfc(long_key, sizeof long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static char timestamp[BULI2_TIMESTAMP_SIZE], signature[BULI2_SIGNATURE_SIZE];

static enum buli2_signed judge(const char *secret, const char *other, const char *at, const char *header,
			       const char *body, int64_t now_ms)
{
	const char *const secrets[] = { secret, other };
	int64_t sent_ms = 0;
	enum buli2_signed judged =
	    buli2_verify(secrets, 2, at, header, body, strlen(body), now_ms, WINDOW_MS, &sent_ms);
	if (judged == BULI2_SIGNED)
		CHECK_INTEGER(sent_ms, NOW_MS / 1000 * 1000);
	return judged;
}

static void what_is_signed_is_believed_within_the_window(void)
{
	CHECK(buli2_sign("secret", NOW_MS, "{}", 2, timestamp, signature));
	CHECK_STRING(timestamp, "1795478400");
	CHECK_INTEGER(judge("secret", NULL, timestamp, signature, "{}", NOW_MS), BULI2_SIGNED);
	CHECK_INTEGER(judge("secret", NULL, timestamp, signature, "{}", NOW_MS + WINDOW_MS - 500), BULI2_SIGNED);
	CHECK_INTEGER(judge("secret", NULL, timestamp, signature, "{}", NOW_MS + WINDOW_MS + 500), BULI2_SIGNED_EARLIER);
	CHECK_INTEGER(judge("secret", NULL, timestamp, signature, "{}", NOW_MS - WINDOW_MS - 2000), BULI2_SIGNED_EARLIER);
}

static void another_body_time_or_secret_is_not_believed(void)
{
	CHECK_INTEGER(judge("secret", NULL, timestamp, signature, "{ }", NOW_MS), BULI2_SIGNED_WRONG);
	CHECK_INTEGER(judge("secret", NULL, "1795478401", signature, "{}", NOW_MS), BULI2_SIGNED_WRONG);
	CHECK_INTEGER(judge("other", NULL, timestamp, signature, "{}", NOW_MS), BULI2_SIGNED_WRONG);
	CHECK_INTEGER(judge("", NULL, timestamp, signature, "{}", NOW_MS), BULI2_SIGNED_WRONG);
	CHECK_INTEGER(judge(NULL, NULL, timestamp, signature, "{}", NOW_MS), BULI2_SIGNED_WRONG);
}

static void two_secrets_may_be_valid_at_once(void)
{
	char both[256];
	CHECK_INTEGER(judge("new", "secret", timestamp, signature, "{}", NOW_MS), BULI2_SIGNED);
	(void)snprintf(both, sizeof both, "v2=abc, v1=%064d , %s", 0, signature);
	CHECK_INTEGER(judge("secret", NULL, timestamp, both, "{}", NOW_MS), BULI2_SIGNED);
}

static void other_forms_are_no_signature(void)
{
	static const char *const headers[] = { "", "v1=", "v1", ",,,", "v2=00", "sha256=00", "v1=zz" };
	static const char *const times[] = { "", "-1", "+1795478400", "1795478400 ", "0x10", "1e9", "17954784001795478400" };
	for (size_t index = 0; index < sizeof headers / sizeof *headers; index++)
		CHECK_INTEGER(judge("secret", NULL, timestamp, headers[index], "{}", NOW_MS), BULI2_NOT_SIGNED);
	for (size_t index = 0; index < sizeof times / sizeof *times; index++)
		CHECK_INTEGER(judge("secret", NULL, times[index], signature, "{}", NOW_MS), BULI2_NOT_SIGNED);
	CHECK_INTEGER(judge("secret", NULL, NULL, signature, "{}", NOW_MS), BULI2_NOT_SIGNED);
	CHECK_INTEGER(judge("secret", NULL, timestamp, NULL, "{}", NOW_MS), BULI2_NOT_SIGNED);
	char upper[BULI2_SIGNATURE_SIZE + 1];
	(void)snprintf(upper, sizeof upper, "%s0", signature);
	CHECK_INTEGER(judge("secret", NULL, timestamp, upper, "{}", NOW_MS), BULI2_NOT_SIGNED);
}

static void a_changed_character_anywhere_is_seen(void)
{
	unsigned seed = (unsigned)time(NULL);
	printf("# seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 2000; round++) {
		char changed[BULI2_SIGNATURE_SIZE];
		memcpy(changed, signature, sizeof changed);
		size_t place = (size_t)rand() % (BULI2_SIGNATURE_SIZE - 1);
		char other = (char)(' ' + 1 + rand() % 94);
		if (other == changed[place])
			continue;
		changed[place] = other;
		CHECK(judge("secret", NULL, timestamp, changed, "{}", NOW_MS) != BULI2_SIGNED);
	}
}

int main(void)
{
	TEST(hmacs_are_those_of_rfc_4231);
	TEST(what_is_signed_is_believed_within_the_window);
	TEST(another_body_time_or_secret_is_not_believed);
	TEST(two_secrets_may_be_valid_at_once);
	TEST(other_forms_are_no_signature);
	TEST(a_changed_character_anywhere_is_seen);
	return test_done();
}
