/* The orientation in an image's bytes, taken for each kind that may have one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/ocr/exif.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const enum media kinds[] = { MEDIA_JPEG, MEDIA_PNG, MEDIA_WEBP, MEDIA_TIFF };
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int orientation = exif_orientation(kinds[i], bytes, length);
		if (orientation < 1 || orientation > 8)
			abort();
	}
	return 0;
}
