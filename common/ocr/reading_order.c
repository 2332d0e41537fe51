/* Words and characters in reading order: runs against the direction around them are turned, numbers keep theirs. */
#include "common/ocr/reading_order.h"

/* The classes of ICU that decide. */
enum { LETTER_LEFT = UNICHAR_LEFT_TO_RIGHT, LETTER_RIGHT = UNICHAR_RIGHT_TO_LEFT, DIGIT = UNICHAR_EUROPEAN_NUMBER };
enum { NUMBER_SEPARATOR = 3, NUMBER_TERMINATOR = 4, COMMON_SEPARATOR = 6, NEUTRAL = UNICHAR_OTHER_NEUTRAL };

struct order {
	int32_t *entries;
	size_t length;
};

static void put(struct order *order, int32_t entry)
{
	order->entries[order->length++] = entry;
}

/* A word that belongs to no run. */
static void put_word(struct order *order, const struct found_word *words, int32_t index)
{
	put(order, index);
	if (words[index].direction == DIRECTION_MIXED)
		put(order, ORDER_MIXED_WORD);
}

/*
 * In a paragraph from the right: neutral words at its begin (the right), after a word from the left, are one run with it.
 * Returns the last word before that run.
 */
static int32_t put_first_run(struct order *order, const struct found_word *words, int32_t count)
{
	int32_t last = count - 1, anchor = last;

	if (words[last].direction != DIRECTION_NEUTRAL)
		return last;
	while (anchor > 0 && words[anchor].direction == DIRECTION_NEUTRAL)
		anchor--;
	if (words[anchor].direction != DIRECTION_LEFT)
		return last;
	int32_t left = anchor;
	for (int32_t i = left; i >= 0 && words[i].direction != DIRECTION_RIGHT; i--)
		if (words[i].direction == DIRECTION_LEFT)
			left = i;
	put(order, ORDER_RUN_BEGINS);
	for (int32_t i = left; i < count; i++)
		put_word(order, words, i);
	put(order, ORDER_RUN_ENDS);
	return left - 1;
}

size_t order_words(bool left_to_right, const struct found_word *words, size_t word_count, int32_t *entries)
{
	int32_t count = (int32_t)word_count;
	struct order order = { entries, 0 };

	if (count == 0)
		return 0;
	int32_t step = left_to_right ? 1 : -1, end = left_to_right ? count : -1;
	enum direction major = left_to_right ? DIRECTION_LEFT : DIRECTION_RIGHT;
	enum direction minor = left_to_right ? DIRECTION_RIGHT : DIRECTION_LEFT;
	for (int32_t i = left_to_right ? 0 : put_first_run(&order, words, count); i != end;) {
		if (words[i].direction != minor) {
			put_word(&order, words, i);
			i += step;
			continue;
		}
		/* The run goes up to the last minor word before a major one. */
		int32_t last = i;
		while (last != end && words[last].direction != major)
			last += step;
		last -= step;
		while (last != i && words[last].direction != minor)
			last -= step;
		put(&order, ORDER_RUN_BEGINS);
		for (int32_t k = last; k != i; k -= step)
			put(&order, k);
		put(&order, i);
		put(&order, ORDER_RUN_ENDS);
		i = last + step;
	}
	return order.length;
}

static uint8_t class_of(const struct found_word *word, size_t character)
{
	return word->model->decoding.unicharset->unichars[word->characters[character].unichar].direction;
}

/*
 * The class of a character after numbers have been put together: a single separator between two digits and terminators
 * ("%", currency) beside digits count as digits.
 */
static uint8_t number_class(const struct found_word *word, size_t index, size_t count)
{
	uint8_t class = class_of(word, index);

	if ((class == NUMBER_SEPARATOR || class == COMMON_SEPARATOR) && index > 0 && index + 1 < count &&
	    class_of(word, index + 1) == DIGIT && class_of(word, index - 1) == DIGIT)
		return DIGIT;
	if (class != NUMBER_TERMINATOR)
		return class;
	size_t after = index + 1, before = index;
	while (after < count && class_of(word, after) == NUMBER_TERMINATOR)
		after++;
	if (after < count && class_of(word, after) == DIGIT)
		return DIGIT;
	while (before > 0 && class_of(word, before - 1) == NUMBER_TERMINATOR)
		before--;
	return before > 0 && class_of(word, before - 1) == DIGIT ? DIGIT : class;
}

/* The end of the run from the left that begins at `start`: letters and digits, and separators between them. */
static size_t run_end(const struct found_word *word, size_t start, size_t count)
{
	size_t end = start + 1;

	for (size_t i = start + 1; i < count; i++) {
		uint8_t class = number_class(word, i, count);

		if (class == LETTER_LEFT || class == DIGIT)
			end = i + 1;
		else if (class != COMMON_SEPARATOR && class != NEUTRAL)
			break;
	}
	return end;
}

void order_characters(bool left_to_right, const struct found_word *word, int32_t *order)
{
	size_t count = word->read->character_count, at = count;

	for (size_t i = 0; left_to_right && i < count; i++)
		order[i] = (int32_t)i;
	/* From the right: characters fill the order from its end, runs keep theirs. */
	for (size_t i = 0; !left_to_right && i < count;) {
		uint8_t class = number_class(word, i, count);
		size_t end = class == LETTER_LEFT || class == DIGIT ? run_end(word, i, count) : i + 1;

		/* Runs that touch are one. */
		while (end < count && (class == LETTER_LEFT || class == DIGIT)) {
			uint8_t next = number_class(word, end, count);

			if (next != LETTER_LEFT && next != DIGIT)
				break;
			end = run_end(word, end, count);
		}
		at -= end - i;
		for (size_t k = i; k < end; k++)
			order[at + (k - i)] = (int32_t)k;
		i = end;
	}
}

bool order_is_left_to_right(const struct found_word *words, size_t first_row_count, size_t count)
{
	size_t left = 0, right = 0;

	if (count == 0)
		return true;
	if (words[0].direction == DIRECTION_RIGHT)
		return false;
	if (words[first_row_count - 1].direction == DIRECTION_LEFT)
		return true;
	for (size_t i = 0; i < count; i++) {
		left += words[i].direction == DIRECTION_LEFT;
		right += words[i].direction == DIRECTION_RIGHT;
	}
	return left >= right;
}
