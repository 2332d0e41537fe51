/*
 * A function of libtesseract's name, which libtesseract calls instead of its own (see leptonica.c): it makes the same cuts
 * in less time (pitch.h).
 */
#include <dlfcn.h>

#include "common/ocr/pitch.h"

pitch_assign_function tesseract_assign __asm__(PITCH_ASSIGN);

void tesseract_assign(struct pitch_cut *cut, struct pitch_cut *cuts, int16_t origin, int16_t x, bool faked,
		      bool is_free, int16_t offset, const struct pitch_projection *projection, float scale,
		      int16_t zero_count, int16_t pitch, int16_t pitch_error)
{
	static struct pitch_trust trust; /* of the process: libtesseract gives nothing to keep it in */

	if (!trust.theirs)
		*(void **)&trust.theirs = dlsym(RTLD_NEXT, PITCH_ASSIGN);
	pitch_assign_trusted(&trust, cut,
			     &(struct pitch_place){ .cuts = cuts,
						    .origin = origin,
						    .x = x,
						    .faked = faked,
						    .is_free = is_free,
						    .offset = offset,
						    .projection = projection,
						    .scale = scale,
						    .zero_count = zero_count,
						    .pitch = pitch,
						    .pitch_error = pitch_error });
}
