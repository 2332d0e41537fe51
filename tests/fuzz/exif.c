/* An image file where its EXIF orientation is looked for; the first byte says which kind. */
#include <stdint.h>
#include <stdlib.h>

#include "common/ocr/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	int orientation = exif_orientation((enum media)(bytes[0] % MEDIA_COUNT), bytes + 1, length - 1);
	if (orientation < 1 || orientation > 8)
		abort();
	return 0;
}
