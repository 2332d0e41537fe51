/* See pitch.h. Places are numbered as libtesseract numbers them, from `origin` on. */
#include "common/ocr/pitch.h"

#include <float.h>
#include <string.h>

#include "common/base/bits.h"

#define HALF_MOST 31 /* places beside its own whose bits a cut has */

static bool is_empty(const struct pitch_place *place, int32_t x)
{
	const struct pitch_projection *projection = place->projection;
	int32_t nearest = x < projection->least ? projection->least : x > projection->most ? projection->most : x;

	return (projection->counts ? projection->counts[nearest - projection->least] : 0) <= place->zero_count;
}

/* How many places beside its own a cut has bits of. */
static int32_t half_of(int32_t pitch)
{
	int32_t half = pitch / 2 - 1;

	return half > HALF_MOST ? HALF_MOST : half < 0 ? 0 : half;
}

/*
 * In how many places the left half of the cell from `before` to `cut` is not the mirror image of its right half. The bits
 * say most of it: those to the right of a cut are true once all that libtesseract set for the first cut, and did not look
 * for, were pushed out.
 */
static int32_t count_unequal(const struct pitch_cut *cut, const struct pitch_cut *before,
			     const struct pitch_place *place, int32_t width)
{
	int32_t pairs = (width + 1) / 2, half = half_of(place->pitch), known = 0, count = 0;

	if (before - place->cuts > half) {
		known = pairs < half + 1 ? pairs : half + 1;
		count = (int32_t)bits_count((cut->left_bits ^ before->right_bits) & (uint32_t)((UINT64_C(1) << known) - 1));
	}
	for (int32_t i = known; i < pairs; i++)
		count += is_empty(place, place->x - width + i) != is_empty(place, place->x - i);
	return count;
}

/* The bits beside a place, from those beside the one before it. */
static void move_bits(struct pitch_cut *cut, const struct pitch_cut *before, const struct pitch_place *place)
{
	int32_t half = half_of(place->pitch);
	uint32_t highest = UINT32_C(1) << half;

	cut->left_bits = (before->left_bits << 1 & (highest | (highest - 1))) | !is_empty(place, place->x);
	cut->right_bits = before->right_bits >> 1 | (is_empty(place, place->x + half) ? 0 : highest);
}

/* Takes the way over a cell from `before`, which has so many unequal places, when it is cheaper than the best so far. */
static void try_cell(struct pitch_cut *cut, const struct pitch_cut *before, const struct pitch_place *place,
		     int32_t unequal)
{
	int32_t distance = place->x - before->x;
	int16_t ding = (int16_t)((int16_t)(unequal / (double)place->scale) + place->offset);
	int16_t cell_count = (int16_t)(before->cell_count + 1);
	double sum = before->sum + distance, mean = sum / cell_count, cost = mean - place->pitch;
	double squares = distance * distance + before->squares + ding * ding;

	cost *= cost;
	cost += squares / cell_count - mean * mean;
	if (!(cost < cut->cost))
		return;
	cut->cost = cost;
	cut->previous = before;
	cut->sum = sum;
	cut->squares = squares;
	cut->fake_count = (int16_t)(before->fake_count + cut->faked);
	cut->free_count = (int16_t)(before->free_count + place->is_free);
	cut->cell_count = cell_count;
}

/* The cut before a cell of that width; NULL when no way leads there. */
static const struct pitch_cut *cut_before(const struct pitch_place *place, int32_t width)
{
	int32_t at = place->x - width - place->origin;

	if (at < 0 || place->cuts[at].terminal || place->cuts[at].fake_count == INT16_MAX)
		return NULL;
	return &place->cuts[at];
}

bool pitch_assign(struct pitch_cut *cut, const struct pitch_place *place)
{
	int32_t widest = place->pitch + place->pitch_error, narrowest = place->pitch - place->pitch_error;

	if (narrowest < 1)
		return false;
	move_bits(cut, &place->cuts[place->x - 1 - place->origin], place);
	cut->x = place->x;
	cut->cost = (double)FLT_MAX;
	cut->previous = NULL;
	cut->faked = place->faked;
	cut->terminal = false;
	cut->cell_count = 0;
	cut->fake_count = INT16_MAX;
	for (int32_t width = widest; width >= narrowest; width--) {
		const struct pitch_cut *before = cut_before(place, width);

		if (before && before->fake_count + cut->faked <= cut->fake_count)
			try_cell(cut, before, place, count_unequal(cut, before, place, width));
	}
	return true;
}

static void call_theirs(pitch_assign_function *theirs, struct pitch_cut *cut, const struct pitch_place *place)
{
	theirs(cut, place->cuts, place->origin, place->x, place->faked, place->is_free, place->offset,
	       place->projection, place->scale, place->zero_count, place->pitch, place->pitch_error);
}

void pitch_assign_trusted(struct pitch_trust *trust, struct pitch_cut *cut, const struct pitch_place *place)
{
	struct pitch_cut ours;

	if (trust->compared >= PITCH_COMPARED && !trust->differs && pitch_assign(cut, place))
		return;
	memcpy(&ours, cut, sizeof ours); /* with what is between its members */
	if (trust->compared >= PITCH_COMPARED || !pitch_assign(&ours, place)) {
		call_theirs(trust->theirs, cut, place);
		return;
	}
	call_theirs(trust->theirs, cut, place);
	trust->compared++;
	trust->differs |= memcmp(&ours, cut, sizeof ours) != 0;
}
