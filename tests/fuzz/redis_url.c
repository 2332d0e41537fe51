/* The URL of a Redis. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis/redis_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct redis_url url = { 0 };
	struct error error = { 0 };
	char *text = strndup((const char *)bytes, length);
	if (text && redis_url_parse(text, &url, &error))
		redis_url_free(&url);
	free(text);
	return 0;
}
