/* Where installed models are. */
#ifndef FILOT_TEST_TESSDATA_H
#define FILOT_TEST_TESSDATA_H

#include <stdlib.h>

static inline const char *tessdata(void)
{
	const char *folder = getenv("TESSDATA_PREFIX");

	return folder ? folder : "/usr/share/tesseract-ocr/5/tessdata";
}

#endif
