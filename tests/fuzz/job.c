/* A job line, as strangers send them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct job job = { 0 };
	struct error error = { 0 };
	(void)job_parse(&job, (const char *)bytes, length, &error);
	job_free(&job);
	return 0;
}
