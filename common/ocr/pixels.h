/*
 * What Leptonica's functions of these names do with pixels, to the last one, a word or a vector at a time: copying a part
 * of a bitmap and counting in it (which libtesseract does for each pair of neighbours in its layout, a twelfth of a
 * page's time), looking for the first pixel from a side, making colours grey, distances, means and filling.
 *
 * Source: Leptonica 1.82, rop.c, roplow.c, pix3.c, pix5.c, pixconv.c, seedfill.c, convolve.c.
 */
#ifndef FILOT_PIXELS_H
#define FILOT_PIXELS_H

struct Box;
struct Pix;

/*
 * pixRasterop: combines a rectangle of `source` at (from_x, from_y) into `destination` at (x, y), both clipped to their
 * images, by `operation` (PIX_SRC and so on). Returns 0, or 1 when there is no destination, or no source where the
 * operation needs one, or the depths differ.
 */
int pixels_rasterop(struct Pix *destination, int x, int y, int width, int height, int operation, struct Pix *source,
		    int from_x, int from_y);

/* pixCountPixels: how many pixels of a bitmap are ON. Returns 0, or 1 when it is none (1 bit a pixel). */
int pixels_count(struct Pix *bitmap, int *count);

/*
 * pixScanForForeground: the column or row of the first ON pixel of a bitmap from `side` (L_FROM_LEFT and so on), within
 * `box` or, when that is NULL, the whole of it. Returns 0, or 1 when there is none or something is not as it should be;
 * then *location is 0.
 */
int pixels_scan(struct Pix *bitmap, struct Box *box, int side, int *location);

/*
 * pixConvertRGBToGray: a grey image (8 bits a pixel, the caller's) of a colour image (32 bits) by weights that are at
 * least 0; they are divided by their sum, and are Leptonica's own when all are 0. NULL when something is not as it
 * should be, or there is no memory.
 */
struct Pix *pixels_grey(struct Pix *source, float red, float green, float blue);

/*
 * A grey image, the caller's, of a colour image that has no colours, as scanners and renderers make of black on white:
 * all that Leptonica makes of either is the same, of the grey one in a third of the time. NULL when a pixel has a colour, it
 * is no colour image (32 bits), or there is no memory.
 */
struct Pix *pixels_without_colour(struct Pix *image);

/*
 * pixDistanceFunction (4-connected, 8 bits, L_BOUNDARY_BG): how far each ON pixel of a bitmap is from the nearest OFF one,
 * at most 255; those at the image's edges are 1 far. A grey image, the caller's; NULL when it is no bitmap, or there is no
 * memory.
 */
struct Pix *pixels_distance(struct Pix *bitmap);

/*
 * pixBlockconv of half a width and a height of 1: each pixel of a grey image becomes the mean of the 3 × 3 around it, with
 * what Leptonica makes of the edges. The caller's; NULL when it is no grey image without a colour map of at least 3 × 3
 * pixels, or there is no memory.
 */
struct Pix *pixels_mean(struct Pix *grey);

/*
 * pixSeedfillBinary: the ON pixels of `mask` that are connected (4 or 8) with those of `seed`, in `made`, which may be the
 * seed; NULL: a new image, the caller's. Of very winding shapes Leptonica leaves a rest, and so does this. NULL, with nothing
 * done, when something is not as it should be, or there is no memory.
 */
struct Pix *pixels_fill(struct Pix *made, struct Pix *seed, struct Pix *mask, int connectivity);

#endif
