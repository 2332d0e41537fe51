/*
 * Black and white of a page, as libtesseract makes it before it looks for lines: by Otsu's threshold, which parts the
 * levels of grey so that the two parts' means lie as far from each other as can be. Each channel of a colour image has its
 * own; one whose parts are about equal says nothing, and a pixel is black if any other says so.
 *
 * Source: Tesseract 5.3.0, ccstruct/otsuthr.cpp, ccmain/thresholder.cpp (OtsuThresholdRectToPix), to the last pixel.
 */
#ifndef FILOT_THRESHOLD_H
#define FILOT_THRESHOLD_H

struct Pix;

/* A bitmap of the resolution of `image`, the caller's; NULL without memory, or when it is neither grey (8 bits) nor colour (32 bits). */
struct Pix *threshold_otsu(struct Pix *image);

#endif
