/*
 * A font that draws nothing, for text that is only searched and copied: a TrueType program of two empty glyphs, and the
 * dictionaries of a PDF font around it (PDF 32000-1, 9.7) without their references to one another. All characters of such
 * a font have the glyph 1, so that none has the glyph for missing ones, which archives refuse.
 */
#ifndef FILOT_GLYPHLESS_FONT_H
#define FILOT_GLYPHLESS_FONT_H

#include <stddef.h>

#include "common/base/buffer.h"

/* Entries of dictionaries. Widths and heights are those of invisible_text.h. */
#define GLYPHLESS_NAME "/FiLotGlyphless"
#define GLYPHLESS_TYPE0 "/Type/Font/Subtype/Type0/BaseFont" GLYPHLESS_NAME "/Encoding/Identity-H"
#define GLYPHLESS_CID                                                                          \
	"/Type/Font/Subtype/CIDFontType2/BaseFont" GLYPHLESS_NAME                              \
	"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/DW 500"
#define GLYPHLESS_DESCRIPTOR                                                                              \
	"/Type/FontDescriptor/FontName" GLYPHLESS_NAME "/Flags 5/FontBBox[0 -200 500 800]/ItalicAngle 0" \
	"/Ascent 800/Descent -200/CapHeight 800/StemV 80"

/* Appends the font program (FontFile2). */
void glyphless_font_program(struct buffer *out);

/* Appends the map from `count` characters to glyphs (CIDToGIDMap). */
void glyphless_font_map(size_t count, struct buffer *out);

#endif
