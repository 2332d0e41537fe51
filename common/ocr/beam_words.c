/*
 * Reading the best path: first its characters with their certainties and boundaries, then the words that they make.
 * Sums are in double and kept as float where Tesseract's are (ExtractPathAsUnicharIds, calculateCharBoundaries,
 * ExtractBestPathAsWords; WERD_CHOICE's sums; SearchWords for the final certainty).
 */
#include <stdlib.h>

#include "common/base/array.h"
#include "common/ocr/beam_private.h"

#define CERTAINTY_SCALE 7.0f /* makes certainties comparable to the old engine's (kCertaintyScale) */

/* Reads the steps of one character, or of what follows the last one, from *step on. */
static void read_character(struct beam *beam, size_t step_count, size_t *step, struct beam_line *line)
{
	struct beam_character *before = line->character_count ? &beam->characters[line->character_count - 1] : NULL;
	const struct beam_past *past = NULL;
	double certainty = 0.0, rating = 0.0;
	size_t at = *step;

	for (; at < step_count && (past = &beam->pasts[beam->path[at]])->unichar == UNICHAR_NONE; at++) {
		if ((double)past->certainty < certainty)
			certainty = (double)past->certainty;
		rating -= (double)past->certainty;
	}
	/* Blanks at the end, or before a space that the dictionary led to, count for the character before them. */
	if (before && (at == step_count || (past->unichar == UNICHAR_SPACE && past->permuter != PERMUTER_NONE))) {
		if (certainty < (double)before->certainty)
			before->certainty = (float)certainty;
		before->rating = (float)((double)before->rating + rating);
		certainty = rating = 0.0;
	}
	if (before)
		before->end_step += ((int32_t)at - before->end_step) / 2;
	*step = at;
	if (at == step_count)
		return;
	struct beam_character *character = &beam->characters[line->character_count++];
	*character = (struct beam_character){ .unichar = past->unichar,
					      .step = (int32_t)at,
					      .first_step = before ? before->end_step : 0 };
	do {
		past = &beam->pasts[beam->path[at++]];
		if ((double)past->certainty < certainty ||
		    (character->unichar == UNICHAR_SPACE && past->permuter == PERMUTER_NONE))
			certainty = (double)past->certainty;
		rating -= (double)past->certainty;
	} while (at < step_count && beam->pasts[beam->path[at]].is_repeat);
	character->certainty = (float)certainty;
	character->rating = (float)rating;
	character->end_step = (int32_t)at; /* until the next one is known */
	*step = at;
}

static const struct beam_past *past_of(const struct beam *beam, size_t character)
{
	return &beam->pasts[beam->path[beam->characters[character].step]];
}

static bool is_space(const struct beam *beam, size_t character)
{
	return beam->characters[character].unichar == UNICHAR_SPACE;
}

/* Whether a word ends before this character, which is not the line's first. */
static bool is_break(const struct beam *beam, size_t character)
{
	const struct unichar *unichars = beam->model.unicharset->unichars;
	const struct beam_past *past = past_of(beam, character);

	if (is_space(beam, character) || past->starts_word)
		return true;
	/* Scripts without spaces: outside the dictionary each character is a word. */
	return past->permuter == PERMUTER_TOP && (!unichars[beam->characters[character].unichar].space_delimited ||
						  !unichars[beam->characters[character - 1].unichar].space_delimited);
}

static void read_words(struct beam *beam, struct beam_line *line)
{
	float space_before = 0.0f;

	for (size_t first = 0, end; first < line->character_count; first = end) {
		struct beam_word *word = &beam->words[line->word_count++];
		float space_after = 0.0f;

		for (end = first + 1; end < line->character_count && !is_break(beam, end);)
			end++;
		*word = (struct beam_word){ .first_character = first,
					    .character_count = end - first,
					    .permuter = (enum permuter)past_of(beam, end - 1)->permuter };
		word->leading_space = first > 0 && is_space(beam, first - 1);
		word->certainty = beam->characters[first].certainty;
		for (size_t i = first; i < end; i++) {
			word->rating += beam->characters[i].rating;
			if (beam->characters[i].certainty < word->certainty)
				word->certainty = beam->characters[i].certainty;
		}
		if (end < line->character_count && is_space(beam, end))
			space_after = beam->characters[end++].certainty;
		word->space_certainty = space_before < space_after ? space_before : space_after;
		word->final_certainty =
		    word->certainty < word->space_certainty ? word->certainty : word->space_certainty;
		word->final_certainty *= CERTAINTY_SCALE;
		space_before = space_after;
	}
}

static bool reserve(struct beam *beam, size_t step_count)
{
	uint32_t *path = array_grow(beam->path, &beam->path_capacity, step_count, sizeof *path);
	struct beam_character *characters =
	    array_grow(beam->characters, &beam->character_capacity, step_count, sizeof *characters);
	struct beam_word *words = array_grow(beam->words, &beam->word_capacity, step_count, sizeof *words);

	if (path)
		beam->path = path;
	if (characters)
		beam->characters = characters;
	if (words)
		beam->words = words;
	return path && characters && words;
}

bool beam_read_words(struct beam *beam, uint32_t best, size_t step_count, struct beam_line *line, struct error *error)
{
	if (!reserve(beam, step_count))
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the words of a line of %zu steps",
				 step_count);
	for (size_t at = step_count; at-- > 0; best = beam->pasts[best].previous)
		beam->path[at] = best;
	*line = (struct beam_line){ .characters = beam->characters, .words = beam->words };
	for (size_t step = 0; step < step_count;)
		read_character(beam, step_count, &step, line);
	if (line->character_count > 0)
		beam->characters[line->character_count - 1].end_step = (int32_t)step_count;
	read_words(beam, line);
	return true;
}
