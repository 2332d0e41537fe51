/*
 * Functions of libtesseract's names, which libtesseract calls instead of its own (see leptonica.c). They do the same in
 * less time (pitch.h, sorted_list.h). Whether they may is known to the process alone: libtesseract gives nothing to keep
 * it in.
 */
#include <dlfcn.h>

#include "common/ocr/pitch.h"
#include "common/ocr/sorted_list.h"

pitch_assign_function tesseract_assign __asm__(PITCH_ASSIGN);
sorted_list_add_function tesseract_add_sorted __asm__(SORTED_LIST_ADD);

void tesseract_assign(struct pitch_cut *cut, struct pitch_cut *cuts, int16_t origin, int16_t x, bool faked,
		      bool is_free, int16_t offset, const struct pitch_projection *projection, float scale,
		      int16_t zero_count, int16_t pitch, int16_t pitch_error)
{
	static struct pitch_trust trust;

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

bool tesseract_add_sorted(struct sorted_list *list, sorted_list_compare_function *compare, bool unique, void *data)
{
	static struct sorted_list_trust trust;

	if (!trust.theirs)
		*(void **)&trust.theirs = dlsym(RTLD_NEXT, SORTED_LIST_ADD);
	return sorted_list_add_trusted(&trust, list, compare, unique, data);
}
