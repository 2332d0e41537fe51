/*
 * Functions of Leptonica's names, which libtesseract and Leptonica itself call instead of Leptonica's own: what is in the
 * program comes before what is in a shared library. They give the same pixels in less time (brick.h).
 */
#include <leptonica/allheaders.h>

#include "common/ocr/brick.h"

PIX *pixErodeBrick(PIX *destination, PIX *source, l_int32 width, l_int32 height)
{
	return brick_erode(destination, source, width, height);
}

PIX *pixDilateBrick(PIX *destination, PIX *source, l_int32 width, l_int32 height)
{
	return brick_dilate(destination, source, width, height);
}

PIX *pixOpenBrick(PIX *destination, PIX *source, l_int32 width, l_int32 height)
{
	return brick_open(destination, source, width, height);
}

PIX *pixCloseBrick(PIX *destination, PIX *source, l_int32 width, l_int32 height)
{
	return brick_close(destination, source, width, height);
}
