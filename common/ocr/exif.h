/*
 * The EXIF orientation of an image file: how a viewer turns and mirrors the stored pixels before it shows them. One number
 * is looked for, in bounds, in the bytes of JPEG (segment APP1), PNG (chunk eXIf) and WebP (chunk EXIF); a TIFF's own tag
 * is seen to by Leptonica's decoder.
 *
 * Sources: CIPA DC-008 (EXIF 2.32) 4.5.4, 4.6.2; TIFF 6.0 section 2; PNG third edition 11.3.3.3; RFC 9649 section 2.7.
 */
#ifndef FILOT_EXIF_H
#define FILOT_EXIF_H

#include <stddef.h>

#include "common/ocr/media.h"

/*
 * 1 to 8, as tag 0x0112 has it: 1 as stored; 2 mirrored left to right; 3 turned by 180 degrees; 4 mirrored top to bottom;
 * 5 and 7 mirrored and turned; 6 shown turned by 90 degrees clockwise, 8 by 270. 1 also when there is none, or nonsense.
 */
int exif_orientation(enum media media, const void *bytes, size_t length);

#endif
