/* What comes with a callback: a line of the timestamp's header, one of the signature's, then the body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buli2/signature.h"

#define NOW_MS INT64_C(1795000000000)
#define WINDOW_MS (5 * 60 * 1000)

static char *take_line(const uint8_t **bytes, size_t *length)
{
	const uint8_t *end = *length ? memchr(*bytes, '\n', *length) : NULL;
	size_t taken = end ? (size_t)(end - *bytes) : *length;
	char *line = strndup((const char *)*bytes, taken);
	taken += end != NULL;
	*bytes += taken;
	*length -= taken;
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *const secrets[] = { "a secret", NULL };
	char *timestamp = take_line(&bytes, &length), *signature = take_line(&bytes, &length);
	char own_timestamp[BULI2_TIMESTAMP_SIZE], own_signature[BULI2_SIGNATURE_SIZE];
	const char *body = (const char *)bytes;
	int64_t sent_ms = 0;
	if (timestamp && signature &&
	    buli2_verify(secrets, 2, timestamp, signature, body, length, NOW_MS, WINDOW_MS, &sent_ms) == BULI2_SIGNED &&
	    (sent_ms < NOW_MS - WINDOW_MS - 1000 || sent_ms > NOW_MS + WINDOW_MS))
		abort();
	free(timestamp);
	free(signature);
	if (!buli2_sign(secrets[0], NOW_MS, body, length, own_timestamp, own_signature) ||
	    buli2_verify(secrets, 2, own_timestamp, own_signature, body, length, NOW_MS, WINDOW_MS, &sent_ms) != BULI2_SIGNED)
		abort();
	return 0;
}
