/* An event line for Temporal. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/temporal/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct temporal_line line;
	struct error error = { 0 };
	if (!temporal_line_parse(&line, (const char *)bytes, length, &error))
		return 0;
	if (line.event >= TEMPORAL_EVENT_COUNT || !*line.verification || !line.data)
		abort();
	temporal_line_free(&line);
	return 0;
}
