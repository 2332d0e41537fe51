/*
 * usage: degrade_image KIND FROM TO
 *
 * One page, made worse in one way, as people hold, light, shrink and copy pages; for tests and tests/bench/quality. The
 * kinds: as-given; rotated-90, rotated-180, rotated-270 (it stands so, clockwise); skewed-DEGREES (clockwise); dpi-100,
 * dpi-75 (a page that says no higher resolution counts as one of 300 when it is wider than 1600 pixels, else as one of
 * 150); uneven-light; inverted; coloured; black-border; stored-1 to stored-8: what has to be stored for an EXIF
 * orientation of that number to show the page. TO ends with png, jpg, tif or webp.
 */
#include <leptonica/allheaders.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDE_PX 1600
#define RADIANS 0.017453292519943295f

static PIX *taken(PIX *from, PIX *made)
{
	pixDestroy(&from);
	return made;
}

static PIX *rotated(PIX *page, int quarters)
{
	return taken(page, pixRotateOrth(page, quarters));
}

static PIX *skewed(PIX *page, float degrees)
{
	PIX *grey = pixConvertTo8(page, 0);
	return taken(page, taken(grey, pixRotate(grey, degrees * RADIANS, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE,
						 pixGetWidth(page), pixGetHeight(page))));
}

static PIX *shrunk(PIX *page, int dpi)
{
	int from = pixGetYRes(page);
	if (from < dpi)
		from = pixGetWidth(page) > WIDE_PX ? 300 : 150;
	PIX *grey = pixConvertTo8(page, 0);
	float factor = (float)dpi / (float)from;
	PIX *small = pixScale(grey, factor, factor);
	pixSetResolution(small, dpi, dpi);
	return taken(page, taken(grey, small));
}

/* Full light at the top left, a quarter of it at the bottom right: ink and paper alike. */
static PIX *lit_unevenly(PIX *page)
{
	PIX *grey = pixConvertTo8(page, 0);
	l_int32 width = pixGetWidth(grey), height = pixGetHeight(grey);
	for (l_int32 y = 0; y < height; y++) {
		l_uint32 *line = pixGetData(grey) + (ptrdiff_t)y * pixGetWpl(grey);
		for (l_int32 x = 0; x < width; x++) {
			float way = ((float)x / (float)width + (float)y / (float)height) / 2.0f;
			/* Ink is dark grey under the lamp, too. */
			float value = 40.0f + (float)GET_DATA_BYTE(line, x) * 0.8f;
			SET_DATA_BYTE(line, x, (l_uint8)(value * (1.0f - 0.75f * way)));
		}
	}
	return taken(page, grey);
}

static PIX *inverted(PIX *page)
{
	PIX *grey = pixConvertTo8(page, 0);
	return taken(page, taken(grey, pixInvert(NULL, grey)));
}

/* Black ink on red and blue paper, side by side. */
static PIX *coloured(PIX *page)
{
	PIX *colour = pixConvertTo32(page);
	l_int32 width = pixGetWidth(colour), height = pixGetHeight(colour);
	for (l_int32 y = 0; y < height; y++) {
		l_uint32 *line = pixGetData(colour) + (ptrdiff_t)y * pixGetWpl(colour);
		for (l_int32 x = 0; x < width; x++) {
			l_int32 red, green, blue;
			extractRGBValues(line[x], &red, &green, &blue);
			if (y < height / 2)
				composeRGBPixel(red * 9 / 10, green * 4 / 10, blue * 4 / 10, &line[x]);
			else
				composeRGBPixel(red * 3 / 10, green * 4 / 10, blue * 9 / 10, &line[x]);
		}
	}
	return taken(page, colour);
}

/* As a copier's open lid leaves it: a tenth of the width, all around. */
static PIX *bordered(PIX *page)
{
	PIX *grey = pixConvertTo8(page, 0);
	return taken(page, taken(grey, pixAddBorder(grey, pixGetWidth(grey) / 10, 12)));
}

/* The inverse of what a viewer does: it mirrors, then turns. */
static PIX *stored(PIX *page, int orientation)
{
	static const struct {
		bool mirrored;
		int quarters;
	} shown[] = { { false, 0 }, { true, 0 }, { false, 2 }, { true, 2 }, { true, 3 }, { false, 1 }, { true, 1 }, { false, 3 } };
	if (orientation < 1 || orientation > 8)
		return NULL;
	page = rotated(page, (4 - shown[orientation - 1].quarters) % 4);
	return shown[orientation - 1].mirrored ? taken(page, pixFlipLR(NULL, page)) : page;
}

static PIX *degraded(const char *kind, PIX *page)
{
	if (strncmp(kind, "rotated-", 8) == 0)
		return rotated(page, atoi(kind + 8) / 90);
	if (strncmp(kind, "stored-", 7) == 0)
		return stored(page, atoi(kind + 7));
	if (strncmp(kind, "skewed-", 7) == 0)
		return skewed(page, (float)atof(kind + 7));
	if (strncmp(kind, "dpi-", 4) == 0)
		return shrunk(page, atoi(kind + 4));
	if (strcmp(kind, "uneven-light") == 0)
		return lit_unevenly(page);
	if (strcmp(kind, "inverted") == 0)
		return inverted(page);
	if (strcmp(kind, "coloured") == 0)
		return coloured(page);
	if (strcmp(kind, "black-border") == 0)
		return bordered(page);
	return strcmp(kind, "as-given") == 0 ? page : NULL;
}

/* Grey or coloured: JPEG and WebP hold no black and white. */
static int write_page(const char *path, PIX *page)
{
	const char *end = strrchr(path, '.');
	bool is_lossy = end && (strcmp(end, ".jpg") == 0 || strcmp(end, ".webp") == 0);
	PIX *grey = is_lossy && pixGetDepth(page) < 8 ? pixConvertTo8(page, 0) : pixClone(page);
	int failed = !grey || !end || pixWrite(path, grey, is_lossy ? (end[1] == 'j' ? IFF_JFIF_JPEG : IFF_WEBP) :
							   strcmp(end, ".tif") == 0 ? IFF_TIFF_ZIP : IFF_PNG);
	pixDestroy(&grey);
	return failed;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		(void)fprintf(stderr, "usage: degrade_image KIND FROM TO\n");
		return 64;
	}
	(void)setMsgSeverity(L_SEVERITY_NONE);
	PIX *read = pixRead(argv[2]);
	PIX *page = read ? taken(read, pixRemoveColormap(read, REMOVE_CMAP_BASED_ON_SRC)) : NULL;
	if (page && pixGetDepth(page) == 32)
		page = taken(page, pixRemoveAlpha(page));
	page = page ? degraded(argv[1], page) : NULL;
	bool written = page && write_page(argv[3], page) == 0;
	pixDestroy(&page);
	if (!written)
		(void)fprintf(stderr, "degrade_image: %s of %s cannot be made\n", argv[1], argv[2]);
	return written ? 0 : 1;
}
