/*
 * Morphology of 1-bit images by bricks (rectangles of ON pixels): what Leptonica's pixErodeBrick, pixDilateBrick,
 * pixOpenBrick and pixCloseBrick make, to the last pixel, in a time that grows with the logarithm of the brick's sides
 * and not with the sides. libtesseract looks for rules with bricks of 75 pixels, which took an eighth of a page's time.
 *
 * As there: the origin of a brick of n pixels is n / 2, and pixels beyond the image's edges are OFF.
 *
 * Source: Leptonica 1.82, morph.c (asymmetric boundary condition, its default).
 */
#ifndef FILOT_BRICK_H
#define FILOT_BRICK_H

struct Pix;

/*
 * Each takes `source` (1 bit a pixel) and a brick of width x height pixels, at least 1 x 1. `destination` is NULL for a
 * new image, which is the caller's, or an image that is replaced, which may be the source. Returns the destination, or
 * NULL when the source or the brick is not as it should be, or there is no memory; an old destination is then the
 * caller's as before, with any pixels.
 */
struct Pix *brick_erode(struct Pix *destination, struct Pix *source, int width, int height);
struct Pix *brick_dilate(struct Pix *destination, struct Pix *source, int width, int height);
struct Pix *brick_open(struct Pix *destination, struct Pix *source, int width, int height);
struct Pix *brick_close(struct Pix *destination, struct Pix *source, int width, int height);

#endif
