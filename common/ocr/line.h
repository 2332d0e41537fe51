/*
 * A text line on its way through the recogniser: the image that its layout gave, and what was read from it. The line's
 * page, its place on it and its words' text are the caller's (layout.h, assemble.h); a recogniser takes lines of any
 * pages in any order and looks at nothing but what stands here.
 *
 * Coordinates are Tesseract's: pixels of the page, origin at the bottom left, y upwards; for a line of a rotated block
 * they are those of the block turned upright.
 *
 * Sources: Tesseract 5.3.0, ccmain/linerec.cpp (LSTMRecognizeWord, GetRectImage), ccstruct/imagedata.cpp (PreScale),
 * lstm/input.cpp, lstm/networkio.cpp (ComputeBlackWhite), lstm/lstmrecognizer.cpp (RecognizeLine, OutputStats).
 */
#ifndef FILOT_LINE_H
#define FILOT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/beam.h"
#include "common/ocr/network.h"

/* Below this mean of its winning outputs a line is read once more with its greys inverted (invert_threshold). */
#define LINE_INVERT_THRESHOLD 0.7f

/*
 * Grey bytes [height][width] without padding, 0 black; `height` is that of the model's network. Lines that Tesseract
 * would not read (too narrow) never become a line_image.
 */
struct line_image {
	const uint8_t *pixels;
	const uint8_t *inverse; /* the same inverted before it became grey; NULL: 255 minus each pixel (grey pages) */
	int32_t width, height;
};

/* Fills a network's line from an image, pixels borrowed, with the black and the contrast of its middle row. */
void line_to_network(const uint8_t *pixels, int32_t width, int32_t height, struct network_line *line);

/*
 * The mean over steps of the largest output where that is not the blank, in 1/127 (OutputStats); 0 when all are
 * blanks. The retry: when it is below LINE_INVERT_THRESHOLD run the inverse (with its own black and contrast), and take
 * its outputs if their mean is greater.
 */
float line_mean_output(const struct network_reading *reading);

/*
 * What one model read on one line: a copy of what beam_decode gives, in one allocation, so that it outlives the beam.
 * Everything that follows (words' boxes, text, choice among languages, order) is made from it by assemble.h.
 */
struct line_text {
	struct beam_character *characters;
	struct beam_word *words;
	size_t character_count, word_count;
	int32_t step_count; /* of the network's output */
	bool inverted;	    /* the inverse was read */
	bool failed;	    /* could not be read (Tesseract: a "dud"); no words */
};

/* Copies a decoded line. ERROR_OUT_OF_MEMORY. */
bool line_text_copy(struct line_text *text, const struct beam_line *line, struct error *error);
void line_text_free(struct line_text *text);

#endif
