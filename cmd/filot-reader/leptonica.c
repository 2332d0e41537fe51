/*
 * Functions of Leptonica's names, which libtesseract and Leptonica itself call instead of Leptonica's own: what is in the
 * program comes before what is in a shared library. They give the same pixels in less time (brick.h, pixels.h).
 */
#include <dlfcn.h>
#include <leptonica/allheaders.h>

#include "common/ocr/brick.h"
#include "common/ocr/pixels.h"

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

l_ok pixRasterop(PIX *destination, l_int32 x, l_int32 y, l_int32 width, l_int32 height, l_int32 operation, PIX *source,
		 l_int32 from_x, l_int32 from_y)
{
	return pixels_rasterop(destination, x, y, width, height, operation, source, from_x, from_y);
}

/* The table is for Leptonica's way of counting. */
l_ok pixCountPixels(PIX *bitmap, l_int32 *count, l_int32 *table)
{
	(void)table;
	return pixels_count(bitmap, count);
}

l_ok pixScanForForeground(PIX *bitmap, BOX *box, l_int32 side, l_int32 *location)
{
	return pixels_scan(bitmap, box, side, location);
}

PIX *pixConvertRGBToGray(PIX *source, l_float32 red, l_float32 green, l_float32 blue)
{
	return pixels_grey(source, red, green, blue);
}

/* Of these, ours knows what libtesseract asks for; the rest is Leptonica's, and nobody asks for it. */

PIX *pixDistanceFunction(PIX *bitmap, l_int32 connectivity, l_int32 depth, l_int32 boundary)
{
	PIX *(*theirs)(PIX *, l_int32, l_int32, l_int32);

	if (connectivity == 4 && depth == 8 && boundary == L_BOUNDARY_BG)
		return pixels_distance(bitmap);
	*(void **)&theirs = dlsym(RTLD_NEXT, "pixDistanceFunction");
	return theirs(bitmap, connectivity, depth, boundary);
}

PIX *pixBlockconv(PIX *image, l_int32 half_width, l_int32 half_height)
{
	PIX *(*theirs)(PIX *, l_int32, l_int32);
	PIX *made = half_width == 1 && half_height == 1 ? pixels_mean(image) : NULL;

	if (made)
		return made;
	*(void **)&theirs = dlsym(RTLD_NEXT, "pixBlockconv");
	return theirs(image, half_width, half_height);
}

PIX *pixSeedfillBinary(PIX *made, PIX *seed, PIX *mask, l_int32 connectivity)
{
	PIX *(*theirs)(PIX *, PIX *, PIX *, l_int32);
	PIX *filled = pixels_fill(made, seed, mask, connectivity);

	if (filled)
		return filled;
	*(void **)&theirs = dlsym(RTLD_NEXT, "pixSeedfillBinary");
	return theirs(made, seed, mask, connectivity);
}
