/* A claim about a person, as a client sends it (the first line), against the text of a page (the rest). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/verify/evaluate.h"

#define NOW_MS INT64_C(1795000000000)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const uint8_t *end = length ? memchr(bytes, '\n', length) : NULL;
	if (!end)
		return 0;
	const char *member = NULL;
	struct error error = { 0 };
	json_t *claimed = json_loadb((const char *)bytes, (size_t)(end - bytes), JSON_REJECT_DUPLICATES, NULL), *checks = NULL;
	const struct verify_page page = { "d", 1, (const char *)end + 1, length - (size_t)(end + 1 - bytes) };
	double score = 0;
	if (claimed && verify_claim_valid(claimed, &member, &error) &&
	    verify_evaluate(claimed, &page, 1, NOW_MS, &checks, &score, &error) && !(score >= 0 && score <= 1))
		abort();
	json_decref(checks);
	json_decref(claimed);
	return 0;
}
