/*
 * ALTO 4.4 (https://www.loc.gov/standards/alto/), the layout and text of a document as libraries and archives keep it. For
 * output.c.
 *
 * Measures are pixels of the page as it was given. A block is a ComposedBlock of a TextBlock a paragraph, as Tesseract's
 * own renderer has them; images are Illustrations and rules GraphicalElements. What else of the page is told: confidences
 * (PC, WC), baselines, languages and directions, text that does not stand upright (ROTATION), font sizes in points
 * (Styles), headings, pullouts and captions (Tags), and words that are parted at a line's end (HYP, SUBS_CONTENT).
 */
#ifndef FILOT_OUTPUT_ALTO_H
#define FILOT_OUTPUT_ALTO_H

#include "common/json/result.h"

/* Appends one whole XML document; nothing for a result without pages, which ALTO cannot be. */
void output_alto_write(const struct result *result, struct buffer *out);

#endif
