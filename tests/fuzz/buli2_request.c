/* A request line for BULI2; what is read of it is written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buli2/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct buli2_request request, again;
	struct error error = { 0 };
	struct buffer line = { 0 }, body = { 0 };
	if (!buli2_request_parse(&request, (const char *)bytes, length, &error))
		return 0;
	buli2_request_write(&request, &line);
	if (!buli2_request_parse(&again, line.data, line.length, &error) || strcmp(again.delivery, request.delivery) != 0)
		abort();
	if (request.has_payload)
		buli2_request_body(&request, &body);
	buli2_request_free(&again);
	buli2_request_free(&request);
	buffer_free(&body);
	buffer_free(&line);
	return 0;
}
