/*
 * Three steps: lines of the page that may be lines of a zone (mrz_lines.c); for each format whose lengths fit, the
 * positions corrected and the check digits tried (here); the best of these taken apart. What a format is, is a table:
 * where its fields begin and which characters they allow.
 */
#include "common/mrz/mrz.h"

#include <string.h>

#include "common/mrz/mrz_private.h"

#define FILLER '<'
/* What a page may cost: places where a zone may begin; those of them that are tried without a character; text of names. */
#define MOST_PLACES 500
#define MOST_REPAIRS 4
#define MOST_SAID_BYTES (16 * 1024)
#define MOST_DOUBTS 10 /* characters of a document number that are tried both ways */

const char *const mrz_format_names[MRZ_FORMAT_COUNT] = { "TD1", "TD2", "TD3", "MRV-A", "MRV-B" };

/* A field: `length` characters of line `line` from `start` on. Length 0: the format has none. */
struct field {
	int line, start, length;
};

struct layout {
	int line_count, line_length;
	const char *codes; /* first letters of the document code */
	struct field names, number, nationality, birth, sex, expiry, optional[2];
	struct field number_digit, birth_digit, expiry_digit, optional_digit, composite_digit;
	struct field composite[4]; /* what the composite check digit is over, in order */
};

static const struct layout layouts[MRZ_FORMAT_COUNT] = {
	[MRZ_TD1] = { 3, 30, "ACI",
		      .names = { 2, 0, 30 }, .number = { 0, 5, 9 }, .nationality = { 1, 15, 3 }, .birth = { 1, 0, 6 },
		      .sex = { 1, 7, 1 }, .expiry = { 1, 8, 6 }, .optional = { { 0, 15, 15 }, { 1, 18, 11 } },
		      .number_digit = { 0, 14, 1 }, .birth_digit = { 1, 6, 1 }, .expiry_digit = { 1, 14, 1 },
		      .composite_digit = { 1, 29, 1 },
		      .composite = { { 0, 5, 25 }, { 1, 0, 7 }, { 1, 8, 7 }, { 1, 18, 11 } } },
	[MRZ_TD2] = { 2, 36, "ACI",
		      .names = { 0, 5, 31 }, .number = { 1, 0, 9 }, .nationality = { 1, 10, 3 }, .birth = { 1, 13, 6 },
		      .sex = { 1, 20, 1 }, .expiry = { 1, 21, 6 }, .optional = { { 1, 28, 7 } },
		      .number_digit = { 1, 9, 1 }, .birth_digit = { 1, 19, 1 }, .expiry_digit = { 1, 27, 1 },
		      .composite_digit = { 1, 35, 1 }, .composite = { { 1, 0, 10 }, { 1, 13, 7 }, { 1, 21, 14 } } },
	[MRZ_TD3] = { 2, 44, "P",
		      .names = { 0, 5, 39 }, .number = { 1, 0, 9 }, .nationality = { 1, 10, 3 }, .birth = { 1, 13, 6 },
		      .sex = { 1, 20, 1 }, .expiry = { 1, 21, 6 }, .optional = { { 1, 28, 14 } },
		      .number_digit = { 1, 9, 1 }, .birth_digit = { 1, 19, 1 }, .expiry_digit = { 1, 27, 1 },
		      .optional_digit = { 1, 42, 1 }, .composite_digit = { 1, 43, 1 },
		      .composite = { { 1, 0, 10 }, { 1, 13, 7 }, { 1, 21, 22 } } },
	[MRZ_MRV_A] = { 2, 44, "V",
			.names = { 0, 5, 39 }, .number = { 1, 0, 9 }, .nationality = { 1, 10, 3 }, .birth = { 1, 13, 6 },
			.sex = { 1, 20, 1 }, .expiry = { 1, 21, 6 }, .optional = { { 1, 28, 16 } },
			.number_digit = { 1, 9, 1 }, .birth_digit = { 1, 19, 1 }, .expiry_digit = { 1, 27, 1 } },
	[MRZ_MRV_B] = { 2, 36, "V",
			.names = { 0, 5, 31 }, .number = { 1, 0, 9 }, .nationality = { 1, 10, 3 }, .birth = { 1, 13, 6 },
			.sex = { 1, 20, 1 }, .expiry = { 1, 21, 6 }, .optional = { { 1, 28, 8 } },
			.number_digit = { 1, 9, 1 }, .birth_digit = { 1, 19, 1 }, .expiry_digit = { 1, 27, 1 } },
};

static char *at(struct mrz *mrz, struct field field)
{
	return mrz->lines[field.line] + field.start;
}

/* ---- check digits ---- */

static int character_value(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'A' && character <= 'Z')
		return character - 'A' + 10;
	return character == FILLER ? 0 : -1;
}

/* Adds to a running sum whose next character is number *position; false for a character outside the alphabet. */
static bool add_weighted(const char *text, size_t length, int *position, int *sum)
{
	static const int weights[] = { 7, 3, 1 };
	for (size_t index = 0; index < length; index++) {
		int value = character_value(text[index]);
		if (value < 0)
			return false;
		*sum = (*sum + value * weights[*position]) % 10;
		*position = (*position + 1) % 3;
	}
	return true;
}

int mrz_check_digit(const char *text, size_t length)
{
	int position = 0, sum = 0;
	return add_weighted(text, length, &position, &sum) ? sum : -1;
}

static enum mrz_check check_field(struct mrz *mrz, struct field field, struct field digit)
{
	if (!digit.length)
		return MRZ_CHECK_NONE;
	char said = *at(mrz, digit);
	int wanted = mrz_check_digit(at(mrz, field), (size_t)field.length);
	/* Empty optional data of a passport may have a filler instead of its zero (part 4, 4.2.2). */
	bool may_be_empty = field.start == layouts[MRZ_TD3].optional[0].start && field.length > 9;
	if (may_be_empty && said == FILLER && wanted == 0 && strspn(at(mrz, field), "<") >= (size_t)field.length)
		return MRZ_CHECK_RIGHT;
	return said == '0' + wanted ? MRZ_CHECK_RIGHT : MRZ_CHECK_WRONG;
}

static enum mrz_check check_composite(struct mrz *mrz, const struct layout *layout)
{
	int position = 0, sum = 0;
	if (!layout->composite_digit.length)
		return MRZ_CHECK_NONE;
	for (size_t index = 0; index < 4; index++)
		if (!add_weighted(at(mrz, layout->composite[index]), (size_t)layout->composite[index].length, &position,
				  &sum))
			return MRZ_CHECK_WRONG;
	return *at(mrz, layout->composite_digit) == '0' + sum ? MRZ_CHECK_RIGHT : MRZ_CHECK_WRONG;
}

/*
 * A number of more than nine characters goes on in the optional data, with its check digit as the last character before
 * the first filler there; the place of the check digit then holds a filler (part 5, note j; part 6, note j). Returns how
 * many characters of the optional data that takes, the check digit counted; 0 when the number is not long.
 */
static size_t long_number(struct mrz *mrz, const struct layout *layout, char number[static 32])
{
	const char *rest = at(mrz, layout->optional[0]);
	size_t length = strcspn(rest, "<");
	bool has_room = mrz->format == MRZ_TD1 || mrz->format == MRZ_TD2;
	if (!has_room || *at(mrz, layout->number_digit) != FILLER || length < 2)
		return 0;
	if (length > (size_t)layout->optional[0].length)
		length = (size_t)layout->optional[0].length;
	memcpy(number, at(mrz, layout->number), 9);
	memcpy(number + 9, rest, length - 1);
	number[9 + length - 1] = '\0';
	return length;
}

static enum mrz_check check_number(struct mrz *mrz, const struct layout *layout)
{
	char number[32];
	size_t taken = long_number(mrz, layout, number);
	if (!taken)
		return check_field(mrz, layout->number, layout->number_digit);
	char said = at(mrz, layout->optional[0])[taken - 1];
	return said == '0' + mrz_check_digit(number, strlen(number)) ? MRZ_CHECK_RIGHT : MRZ_CHECK_WRONG;
}

static void check_all(struct mrz *mrz, const struct layout *layout)
{
	mrz->number_check = check_number(mrz, layout);
	mrz->birth_check = check_field(mrz, layout->birth, layout->birth_digit);
	mrz->expiry_check = check_field(mrz, layout->expiry, layout->expiry_digit);
	mrz->optional_check = check_field(mrz, layout->optional[0], layout->optional_digit);
	mrz->composite_check = check_composite(mrz, layout);
}

static int checks_that_are(const struct mrz *mrz, enum mrz_check what)
{
	return (mrz->number_check == what) + (mrz->birth_check == what) + (mrz->expiry_check == what) +
	       (mrz->optional_check == what) + (mrz->composite_check == what);
}

/* ---- correction ---- */

/* What looks alike: the first of a pair is a letter, the second a digit. */
static const char alike_letters[] = "OQDUILJZSBGAT";
static const char alike_digits[] = "0000111258647";

static char as_digit(char character)
{
	const char *found = strchr(alike_letters, character);
	return found && *found ? alike_digits[found - alike_letters] : character;
}

static char as_letter(char character)
{
	const char *found = strchr("0123456789", character);
	return found && *found ? "OIZEASGTBP"[character - '0'] : character;
}

static void put(struct mrz *mrz, char *place, char character)
{
	if (*place != character)
		mrz->corrections++;
	*place = character;
}

static void correct_letters(struct mrz *mrz, struct field field)
{
	char *text = at(mrz, field);
	for (int index = 0; index < field.length; index++)
		put(mrz, text + index, as_letter(text[index]));
}

static void correct_digits(struct mrz *mrz, struct field field)
{
	char *text = at(mrz, field);
	for (int index = 0; index < field.length; index++)
		put(mrz, text + index, as_digit(text[index]));
}

/*
 * Names: the primary identifier, "<<", the secondary one, and then nothing but fillers, which a recogniser likes to take
 * for K, C, L, S or E. So whatever follows a second "<<" is filler.
 */
static void correct_names(struct mrz *mrz, struct field field)
{
	char *text = at(mrz, field);
	int separators = 0, index = 0;
	correct_letters(mrz, field);
	for (; index + 1 < field.length && separators < 2; index++)
		if (text[index] == FILLER && text[index + 1] == FILLER) {
			separators++;
			index++;
			if (index + 1 < field.length && text[index + 1] == FILLER)
				separators = 2; /* three in a row: there is no secondary identifier, or it is over */
		}
	for (; separators == 2 && index < field.length; index++)
		put(mrz, text + index, FILLER);
}

static void correct_by_position(struct mrz *mrz, const struct layout *layout)
{
	const struct field state = { 0, 2, 3 };
	put(mrz, mrz->lines[0], as_letter(mrz->lines[0][0]));
	put(mrz, mrz->lines[0] + 1, as_letter(mrz->lines[0][1]));
	correct_letters(mrz, state);
	correct_names(mrz, layout->names);
	correct_letters(mrz, layout->nationality);
	correct_digits(mrz, layout->birth);
	correct_digits(mrz, layout->expiry);
	correct_digits(mrz, layout->number_digit);
	correct_digits(mrz, layout->birth_digit);
	correct_digits(mrz, layout->expiry_digit);
	correct_digits(mrz, layout->optional_digit);
	correct_digits(mrz, layout->composite_digit);
	char *sex = at(mrz, layout->sex);
	if (*sex != 'M' && *sex != 'F')
		put(mrz, sex, *sex == 'P' || *sex == 'E' ? 'F' : *sex == 'H' || *sex == 'N' ? 'M' : FILLER);
}

/* The other reading where letters and digits may both stand; G and 6 have the same check digit, so they stay. */
static char other_reading(char character)
{
	const char *letter = strchr("OISBZ", character);
	const char *digit = strchr("01582", character);
	if (letter && *letter)
		return "01582"[letter - "OISBZ"];
	if (digit && *digit)
		return "OISBZ"[digit - "01582"];
	return character == 'Q' || character == 'D' ? '0' : character;
}

/*
 * Tries the doubtful characters of a field both ways until its check digit and, where there is one, the composite one
 * agree. Fewest changes win; two ways with equally few are none.
 */
static void correct_by_check(struct mrz *mrz, const struct layout *layout, struct field field,
			     enum mrz_check (*check)(struct mrz *, const struct layout *))
{
	char *text = at(mrz, field);
	int doubts[MOST_DOUBTS], doubt_count = 0, best_changes = MOST_DOUBTS + 1;
	unsigned best = 0;
	bool tie = false;
	char read[32];
	memcpy(read, text, (size_t)field.length);
	for (int index = 0; index < field.length && doubt_count < MOST_DOUBTS; index++)
		if (other_reading(text[index]) != text[index])
			doubts[doubt_count++] = index;
	for (unsigned way = 0; way < 1U << doubt_count; way++) {
		int changes = __builtin_popcount(way);
		if (changes > best_changes)
			continue;
		for (int index = 0; index < doubt_count; index++) {
			char was = read[doubts[index]];
			text[doubts[index]] = way >> index & 1 ? other_reading(was) : was;
		}
		if (check(mrz, layout) != MRZ_CHECK_RIGHT || check_composite(mrz, layout) == MRZ_CHECK_WRONG)
			continue;
		tie = changes == best_changes;
		best_changes = changes;
		best = way;
	}
	bool found = best_changes <= MOST_DOUBTS && !tie;
	memcpy(text, read, (size_t)field.length);
	for (int index = 0; found && index < doubt_count; index++)
		if (best >> index & 1)
			put(mrz, text + doubts[index], other_reading(read[doubts[index]]));
}

static enum mrz_check check_optional(struct mrz *mrz, const struct layout *layout)
{
	return check_field(mrz, layout->optional[0], layout->optional_digit);
}

/* An unknown check digit is what it has to be if the composite one, which is over it, agrees then. */
static void fill_digit(struct mrz *mrz, const struct layout *layout, struct field field, struct field digit)
{
	char *said = digit.length ? at(mrz, digit) : NULL;
	int wanted = mrz_check_digit(at(mrz, field), (size_t)field.length);
	if (!said || *said != MRZ_UNKNOWN)
		return;
	*said = FILLER;
	if (wanted >= 0) {
		*said = (char)('0' + wanted);
		if (check_composite(mrz, layout) != MRZ_CHECK_RIGHT)
			*said = FILLER;
	}
}

static void fill_unknown(struct mrz *mrz, const struct layout *layout)
{
	fill_digit(mrz, layout, layout->number, layout->number_digit);
	fill_digit(mrz, layout, layout->birth, layout->birth_digit);
	fill_digit(mrz, layout, layout->expiry, layout->expiry_digit);
	fill_digit(mrz, layout, layout->optional[0], layout->optional_digit);
	for (int line = 0; line < layout->line_count; line++)
		for (char *unknown = mrz->lines[line]; (unknown = strchr(unknown, MRZ_UNKNOWN));)
			*unknown = FILLER; /* counted when it was read */
}

static void correct_by_checks(struct mrz *mrz, const struct layout *layout)
{
	fill_unknown(mrz, layout);
	if (layout->optional_digit.length && check_optional(mrz, layout) == MRZ_CHECK_WRONG) {
		/* The composite is over both: let it not refuse the optional data for the number's fault. */
		struct layout alone = *layout;
		if (check_number(mrz, layout) == MRZ_CHECK_WRONG)
			alone.composite_digit.length = 0;
		correct_by_check(mrz, &alone, layout->optional[0], check_optional);
	}
	if (check_number(mrz, layout) == MRZ_CHECK_WRONG)
		correct_by_check(mrz, layout, layout->number, check_number);
}

/* ---- taking apart ---- */

/* Copies a field, fillers at its end left out and those inside as one space. */
static void words_of(const char *text, size_t length, char *words, size_t size)
{
	size_t used = 0;
	for (size_t index = 0; index < length && used + 1 < size; index++) {
		if (text[index] != FILLER)
			words[used++] = text[index];
		else if (used && words[used - 1] != ' ')
			words[used++] = ' ';
	}
	while (used && words[used - 1] == ' ')
		used--;
	words[used] = '\0';
}

static void code_of(const char *text, size_t length, char *code)
{
	size_t used = 0;
	for (size_t index = 0; index < length; index++)
		if (text[index] != FILLER)
			code[used++] = text[index];
	code[used] = '\0';
}

static void read_names(struct mrz *mrz, struct field field)
{
	char text[MRZ_LINE_SIZE];
	memcpy(text, at(mrz, field), (size_t)field.length);
	text[field.length] = '\0';
	const char *separator = strstr(text, "<<");
	size_t primary = separator ? (size_t)(separator - text) : (size_t)field.length;
	words_of(text, primary, mrz->surname, sizeof mrz->surname);
	if (separator)
		words_of(separator, strlen(separator), mrz->given_names, sizeof mrz->given_names);
	mrz->names_cut = text[field.length - 1] != FILLER;
}

static void read_number(struct mrz *mrz, const struct layout *layout)
{
	char number[32] = "";
	size_t taken = long_number(mrz, layout, number);
	if (!taken) {
		memcpy(number, at(mrz, layout->number), 9);
		number[9] = '\0';
	}
	code_of(number, strlen(number), mrz->document_number);
	words_of(at(mrz, layout->optional[0]) + taken, (size_t)layout->optional[0].length - taken, mrz->optional[0],
		 sizeof mrz->optional[0]);
	words_of(at(mrz, layout->optional[1]), (size_t)layout->optional[1].length, mrz->optional[1],
		 sizeof mrz->optional[1]);
}

static void take_apart(struct mrz *mrz, const struct layout *layout, int64_t now_ms)
{
	code_of(mrz->lines[0], 2, mrz->document_code);
	code_of(mrz->lines[0] + 2, 3, mrz->issuer);
	code_of(at(mrz, layout->nationality), 3, mrz->nationality);
	read_names(mrz, layout->names);
	read_number(mrz, layout);
	char sex = *at(mrz, layout->sex);
	mrz->sex = sex == FILLER ? 'X' : sex;
	mrz_date(at(mrz, layout->birth), MRZ_DATE_PAST, now_ms, mrz->birth_date);
	mrz_date(at(mrz, layout->expiry), MRZ_DATE_NEAR, now_ms, mrz->expiry_date);
	mrz->valid = checks_that_are(mrz, MRZ_CHECK_WRONG) == 0 && *mrz->birth_date && *mrz->expiry_date;
}

/* ---- search ---- */

/* True when the lines from `first` on are a zone of that format; *mrz is it. */
static bool try_lines(const struct mrz_candidate *first, size_t count, const struct mrz_reader *page,
		      enum mrz_format format, int64_t now_ms, struct mrz *mrz)
{
	const struct layout *layout = &layouts[format];
	*mrz = (struct mrz){ .format = format, .line_count = layout->line_count };
	if (count < (size_t)layout->line_count)
		return false;
	for (int line = 0; line < layout->line_count; line++)
		if (!mrz_candidate_fit(&first[line], page, (size_t)layout->line_length, mrz->lines[line],
				       &mrz->corrections))
			return false;
	if (!strchr(layout->codes, as_letter(mrz->lines[0][0])))
		return false;
	mrz->corrections += mrz_names_part(at(mrz, layout->names), (size_t)layout->names.length, page);
	correct_by_position(mrz, layout);
	correct_by_checks(mrz, layout);
	check_all(mrz, layout);
	take_apart(mrz, layout, now_ms);
	return checks_that_are(mrz, MRZ_CHECK_RIGHT) >= 2;
}

/* Leaves out the character at `at` of a candidate. */
static void leave_out(struct mrz_candidate *candidate, size_t at)
{
	size_t rest = candidate->length - at - 1;
	memmove(candidate->text + at, candidate->text + at + 1, rest);
	memmove(candidate->weak + at, candidate->weak + at + 1, rest);
	candidate->length--;
	candidate->changed++;
}

/* What may be a part of the filler beside it; or, in a line that is too long, of the character beside it. */
static bool may_be_too_much(const struct mrz_candidate *candidate, size_t at, bool too_long)
{
	char own = candidate->text[at], left = '\0', right = '\0';
	if (at > 0)
		left = candidate->text[at - 1];
	if (at + 1 < candidate->length)
		right = candidate->text[at + 1];
	if (own == FILLER)
		return false;
	if ((own == 'K' || own == 'X') && (left == FILLER || right == FILLER))
		return true;
	return too_long && (as_digit(left) == as_digit(own) || as_digit(right) == as_digit(own));
}

/* Tries the zone without character `at` of line `line`; only one that is valid counts, and with fewer corrections. */
static void try_without(const struct mrz_candidate *first, size_t count, int line, size_t at,
			const struct mrz_reader *page, int64_t now_ms, struct mrz *best, bool *tie)
{
	struct mrz_candidate lines[MRZ_CANDIDATES];
	struct mrz zone;
	memcpy(lines, first, count * sizeof *lines);
	leave_out(&lines[line], at);
	if (!try_lines(lines, count, page, best->format, now_ms, &zone) || !zone.valid)
		return;
	bool same = memcmp(zone.lines, best->lines, sizeof zone.lines) == 0;
	if (!best->valid || zone.corrections < best->corrections) {
		*best = zone;
		*tie = false;
	} else if (zone.corrections == best->corrections && !same) {
		*tie = true;
	}
}

/*
 * try_lines; and where check digits are wrong then, without one of two characters that one glyph may have been read as (0D,
 * 1I, 88). The least change that makes the zone valid is taken, and none when two such are equally small. *repairs is how
 * often that may still be done.
 */
static bool try_format(const struct mrz_candidate *first, size_t count, const struct mrz_reader *page,
		       enum mrz_format format, int64_t now_ms, int *repairs, struct mrz *mrz)
{
	const struct layout *layout = &layouts[format];
	bool found = try_lines(first, count, page, format, now_ms, mrz), tie = false;
	struct mrz best = { .format = format };
	if (!found || mrz->valid || *repairs == 0)
		return found;
	--*repairs;
	for (int line = 0; line < layout->line_count; line++)
		for (size_t at = 0; at < first[line].length; at++)
			if (may_be_too_much(&first[line], at, first[line].length > (size_t)layout->line_length))
				try_without(first, count, line, at, page, now_ms, &best, &tie);
	if (!best.valid || tie)
		return found;
	*mrz = best;
	return true;
}

static bool is_better(const struct mrz *mrz, const struct mrz *best)
{
	int wrong = checks_that_are(mrz, MRZ_CHECK_WRONG), best_wrong = checks_that_are(best, MRZ_CHECK_WRONG);
	if (mrz->valid != best->valid)
		return mrz->valid;
	return wrong != best_wrong ? wrong < best_wrong : mrz->corrections < best->corrections;
}

bool mrz_find(const char *text, size_t length, int64_t now_ms, struct mrz *mrz)
{
	struct mrz_candidate lines[MRZ_CANDIDATES];
	struct mrz_reader reader = { .text = text, .length = length };
	const struct mrz_reader page = { .text = text, .length = length < MOST_SAID_BYTES ? length : MOST_SAID_BYTES };
	size_t count = 0;
	int repairs = MOST_REPAIRS, places = 0;
	bool found = false;
	for (bool more = true; more && places < MOST_PLACES; places++) {
		while (count < MRZ_CANDIDATES && (more = mrz_next_candidate(&reader, &lines[count])))
			count++;
		for (int format = 0; count && format < MRZ_FORMAT_COUNT; format++) {
			struct mrz zone;
			if (try_format(lines, count, &page, (enum mrz_format)format, now_ms, &repairs, &zone) &&
			    (!found || is_better(&zone, mrz))) {
				*mrz = zone;
				found = true;
			}
		}
		if (count)
			memmove(lines, lines + 1, --count * sizeof *lines);
		more = more || count > 0;
	}
	return found;
}
