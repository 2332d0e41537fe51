/* How unichars are spelled in codes: against the entry's own bytes, and what is no recoder. */
#include "common/ocr/recoder.h"

#include "common/base/buffer.h"
#include "tests/unit/decode_data.h"
#include "tests/unit/sample_page.h"
#include "tests/unit/test.h"

/* One unichar's codes straight from the entry; `at` moves on. */
static int32_t raw_codes(const char *entry, size_t *at, int32_t codes[RECODER_LONGEST])
{
	int32_t length;

	memcpy(&length, entry + *at + 1, 4);
	memcpy(codes, entry + *at + 5, (size_t)length * 4);
	*at += 5 + (size_t)length * 4;
	return length;
}

/* Follows codes through the tree; the child of the last one, NULL when they lead nowhere. */
static const struct recoder_child *follow(const struct recoder *recoder, const int32_t *codes, int32_t length)
{
	const struct recoder_child *child = NULL;
	int32_t prefix = RECODER_ROOT;

	for (int32_t i = 0; i < length; i++) {
		child = recoder_find(recoder, prefix, codes[i]);
		if (!child || (i < length - 1 && child->prefix == RECODER_NONE))
			return NULL;
		prefix = child->prefix;
	}
	return child;
}

static void every_unichar_is_found_by_its_codes(void)
{
	static const char *const languages[] = { "eng", "deu", "fra", "ell", "chi_sim" };
	static const int32_t longest[] = { 1, 1, 1, 1, 5 };

	for (size_t i = 0; i < 5; i++) {
		struct decode_data data = decode_data_open(languages[i]);
		int32_t codes[RECODER_LONGEST], found = 0;
		size_t at = 4;

		for (int32_t unichar = 0; unichar < data.unicharset->count; unichar++) {
			int32_t length = raw_codes(data.entries[ENTRY_RECODER], &at, codes);
			const struct recoder_child *child = follow(data.recoder, codes, length);

			CHECK(child && child->final_rank != RECODER_NONE && child->final_rank <= unichar);
			if (length == 1 && codes[0] == data.null_code)
				CHECK(child && child->unichar == UNICHAR_NONE);
			else
				found += child && child->unichar == unichar;
		}
		/* All but the unichars that stand for the blank, of which these models have two. */
		CHECK_INTEGER(found, data.unicharset->count - 2);
		CHECK_INTEGER(data.recoder->longest, longest[i]);
		CHECK_INTEGER(data.recoder->code_count, data.output_count);
		decode_data_close(&data);
	}
}

/* What Tesseract's lists hold: each list takes a code when the first unichar brings it. */
static void codes_are_tried_in_the_order_of_the_unichars_that_bring_them(void)
{
	struct decode_data data = decode_data_open("chi_sim");
	const struct recoder *recoder = data.recoder;
	int32_t codes[RECODER_LONGEST], next_final = 0, next_next = 0;
	size_t at = 4;

	for (int32_t unichar = 0; unichar < data.unicharset->count; unichar++) {
		int32_t length = raw_codes(data.entries[ENTRY_RECODER], &at, codes);

		for (int32_t i = 1; i <= length; i++) {
			const struct recoder_child *child = follow(recoder, codes, i);

			CHECK(child && (i == length ? child->final_rank : child->next_rank) <= unichar);
			if (!child)
				continue;
			next_final += i == length && child->final_rank == unichar;
			next_next += i < length && child->next_rank == unichar;
		}
	}
	/* Each child has one unichar that brought it to each list it is in. */
	for (int32_t prefix = 0, end = 1; prefix < end; prefix++) {
		const struct recoder_child *children = recoder->children + recoder->prefixes[prefix].first;

		for (int32_t i = 0; i < recoder->prefixes[prefix].count; i++) {
			CHECK(i == 0 || children[i - 1].code < children[i].code);
			CHECK(recoder_find(recoder, prefix, children[i].code) == &children[i]);
			CHECK((children[i].prefix == RECODER_NONE) == (children[i].next_rank == RECODER_NONE));
			next_final -= children[i].final_rank != RECODER_NONE;
			next_next -= children[i].next_rank != RECODER_NONE;
			if (children[i].prefix >= end)
				end = children[i].prefix + 1;
		}
	}
	CHECK_INTEGER(next_final, 0);
	CHECK_INTEGER(next_next, 0);
	decode_data_close(&data);
}

/* A recoder entry from lists of codes; a list ends with -1, all end with -2. */
static struct buffer make_entry(const int32_t *codes)
{
	struct buffer entry = { 0 }, sequence = { 0 };
	int32_t count = 0, length = 0;

	buffer_append(&entry, &count, 4);
	for (; *codes != -2; codes++) {
		if (*codes != -1) {
			buffer_append(&sequence, codes, 4);
			length++;
			continue;
		}
		buffer_append(&entry, "\1", 1);
		buffer_append(&entry, &length, 4);
		buffer_append(&entry, sequence.data, sequence.length);
		buffer_clear(&sequence);
		length = 0;
		count++;
	}
	memcpy(entry.data, &count, 4);
	buffer_free(&sequence);
	return entry;
}

static void a_code_can_finish_one_unichar_and_lead_to_others(void)
{
	struct buffer entry =
	    make_entry((const int32_t[]){ 0, -1, 1, -1, 1, 2, -1, 1, 3, -1, 2, -1, 4, -1, 2, -1, -2 });
	struct recoder *recoder = recoder_new(entry.data, entry.length, 7, 5, 4, NULL);

	CHECK(recoder != NULL);
	if (recoder) {
		const struct recoder_child *one = recoder_find(recoder, RECODER_ROOT, 1), *two, *null;

		CHECK(one && one->unichar == 1 && one->final_rank == 1 && one->next_rank == 2);
		two = one ? recoder_find(recoder, one->prefix, 3) : NULL;
		CHECK(two && two->unichar == 3 && two->prefix == RECODER_NONE);
		CHECK(one && recoder_find(recoder, one->prefix, 1) == NULL);
		two = recoder_find(recoder, RECODER_ROOT, 2);
		CHECK(two && two->unichar == 6 &&
		      two->final_rank == 4); /* the last of two wins, in the place of the first */
		null = recoder_find(recoder, RECODER_ROOT, 4);
		CHECK(null && null->unichar == UNICHAR_NONE && null->final_rank == 5);
		CHECK(recoder_find(recoder, RECODER_ROOT, 3) == NULL);
		CHECK_INTEGER(recoder->longest, 2);
	}
	recoder_free(recoder);
	buffer_free(&entry);
}

static void what_is_no_recoder_is_refused(void)
{
	static const struct {
		int32_t codes[40];
		const char *message;
	} cases[] = {
		{ { 0, -1, 1, -1, -2 }, "recoder: 2 characters, not the character set's 3" },
		{ { 0, -1, 1, -1, 5, -1, -2 }, "recoder: character 2 has code 5 of 5 outputs" },
		{ { 0, -1, 1, -1, -3, -1, -2 }, "recoder: character 2 has code -3 of 5 outputs" },
		{ { 0, -1, 1, -1, -1, -2 }, "recoder: character 2 has 0 codes, not 1 to 9" },
		{ { 0, -1, 4, -1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -2 },
		  "recoder: character 2 has 10 codes, not 1 to 9" },
		{ { 1, -1, 4, -1, 2, -1, -2 }, "recoder: the space is not code 0" },
		{ { 0, 1, -1, 4, -1, 2, -1, -2 }, "recoder: the space is not code 0" },
		{ { 0, -1, 1, -1, 2, -1, -2 }, "recoder: no character has the blank's code 4" },
		{ { 0, -1, 4, -1, 1, 4, 1, -1, -2 }, "recoder: character 2 has the blank within its codes" },
		{ { 0, -1, 4, -1, 2, -1, 1, -1, -2 }, "recoder: the character after the last is not the blank" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buffer entry = make_entry(cases[i].codes);
		struct error error = { 0 };

		CHECK(recoder_new(entry.data, entry.length, 3, 5, 4, &error) == NULL);
		CHECK_STRING(error.message, cases[i].message);
		CHECK_INTEGER(error.code, ERROR_CONFIG);
		buffer_free(&entry);
	}
	struct buffer good = make_entry((const int32_t[]){ 0, -1, 4, -1, 2, -1, -2 });
	struct recoder *recoder = recoder_new(good.data, good.length, 3, 5, 4, NULL);
	CHECK(recoder != NULL);
	recoder_free(recoder);
	buffer_append(&good, "", 1);
	CHECK(recoder_new(good.data, good.length, 3, 5, 4, NULL) == NULL); /* one byte too many */
	buffer_free(&good);
}

static void cut_recoders_are_refused_and_flipped_ones_do_no_harm(void)
{
	static const char *const languages[] = { "eng", "chi_sim" };
	unsigned state = sample_seed();

	for (int i = 0; i < 200; i++) {
		struct decode_data data = decode_data_open(languages[i % 20 == 0]);
		uint32_t length = data.entry_lengths[ENTRY_RECODER], cut = sample_random(&state, length);
		char *copy = malloc(length);

		if (!copy)
			break;
		memcpy(copy, data.entries[ENTRY_RECODER], length);
		for (unsigned flips = 1 + sample_random(&state, 3); flips > 0; flips--)
			copy[sample_random(&state, length)] ^= (char)(1 << sample_random(&state, 8));
		struct recoder *recoder =
		    recoder_new(copy, length, data.unicharset->count, data.output_count, data.null_code, NULL);
		for (int32_t code = 0; recoder && code < data.output_count; code++) {
			const struct recoder_child *child = recoder_find(recoder, RECODER_ROOT, code);

			CHECK(!child || child->unichar < data.unicharset->count);
			for (int32_t second = 0; child && child->prefix != RECODER_NONE && second < data.output_count;
			     second++)
				(void)recoder_find(recoder, child->prefix, second);
		}
		recoder_free(recoder);
		free(copy);
		copy = malloc(cut ? cut : 1);
		if (!copy)
			break;
		memcpy(copy, data.entries[ENTRY_RECODER], cut);
		CHECK(recoder_new(copy, cut, data.unicharset->count, data.output_count, data.null_code, NULL) == NULL);
		free(copy);
		decode_data_close(&data);
	}
}

int main(void)
{
	TEST(every_unichar_is_found_by_its_codes);
	TEST(codes_are_tried_in_the_order_of_the_unichars_that_bring_them);
	TEST(a_code_can_finish_one_unichar_and_lead_to_others);
	TEST(what_is_no_recoder_is_refused);
	TEST(cut_recoders_are_refused_and_flipped_ones_do_no_harm);
	return test_done();
}
