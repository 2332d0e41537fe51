/* A table says of each member how it is compared, where it stands in a zone, and what it weighs. */
#include "common/verify/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/mrz/mrz.h"
#include "common/verify/names.h"

#define LONGEST_VALUE 256
#define MOST_PAGES 4096

struct zone {
	const struct verify_page *page;
	struct mrz mrz;
};

struct evaluation {
	const struct verify_page *pages;
	size_t page_count;
	struct zone *zones;
	size_t zone_count;
	int64_t now_ms;
	json_t *checks;
	double weight, sum;
};

enum kind { KIND_NAME, KIND_DATE, KIND_NUMBER, KIND_STATE, KIND_SEX };

static const struct member {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct mrz */
	size_t check; /* offset of its check digit's verdict; 0: it has none */
	double weight;
} members[] = {
	{ "surname", KIND_NAME, offsetof(struct mrz, surname), 0, 0.20 },
	{ "given_names", KIND_NAME, offsetof(struct mrz, given_names), 0, 0.15 },
	{ "birth_date", KIND_DATE, offsetof(struct mrz, birth_date), offsetof(struct mrz, birth_check), 0.20 },
	{ "document_number", KIND_NUMBER, offsetof(struct mrz, document_number), offsetof(struct mrz, number_check), 0.20 },
	{ "expiry_date", KIND_DATE, offsetof(struct mrz, expiry_date), offsetof(struct mrz, expiry_check), 0.08 },
	{ "nationality", KIND_STATE, offsetof(struct mrz, nationality), 0, 0.05 },
	{ "issuing_state", KIND_STATE, offsetof(struct mrz, issuer), 0, 0.04 },
	{ "sex", KIND_SEX, offsetof(struct mrz, sex), 0, 0.03 },
};

#define WEIGHT_MRZ 0.10
#define WEIGHT_EXPIRED 0.10
#define WEIGHT_AGREE 0.15

/* ---- claims ---- */

static bool value_valid(const struct member *member, const char *text, struct error *error)
{
	switch (member->kind) {
	case KIND_DATE:
		return date_valid(text) || error_set(error, ERROR_BAD_INPUT, "must be a date, YYYY-MM-DD");
	case KIND_STATE:
		return state_code_valid(text) ||
		       error_set(error, ERROR_BAD_INPUT, "must be a state's three letters, as in a passport");
	case KIND_SEX:
		return (strlen(text) == 1 && strchr("MFX", *text)) || error_set(error, ERROR_BAD_INPUT, "must be M, F or X");
	default: {
		struct buffer words = { 0 };
		name_words(text, strlen(text), NAME_ICAO, &words);
		bool some = words.length > 0;
		buffer_free(&words);
		return some || error_set(error, ERROR_BAD_INPUT, "has no letter or digit that a document could have");
	}
	}
}

bool verify_claim_valid(const json_t *claimed, const char **member, struct error *error)
{
	size_t known = 0;
	const char *name;
	json_t *value;
	*member = NULL;
	json_object_foreach((json_t *)(uintptr_t)claimed, name, value) {
		size_t index = 0;
		while (index < sizeof members / sizeof *members && strcmp(members[index].name, name) != 0)
			index++;
		*member = name;
		if (index == sizeof members / sizeof *members)
			return error_set(error, ERROR_BAD_INPUT, "is no member of a claim");
		const char *text = json_string_value(value);
		if (!text || strlen(text) != json_string_length(value) || !*text || strlen(text) > LONGEST_VALUE)
			return error_set(error, ERROR_BAD_INPUT, "must be a string of 1 to %d bytes", LONGEST_VALUE);
		if (!value_valid(&members[index], text, error))
			return false;
		known++;
	}
	*member = NULL;
	return known > 0 || error_set(error, ERROR_BAD_INPUT, "claims nothing");
}

/* ---- checks ---- */

struct finding {
	double similarity; /* negative: nothing was found to compare with */
	const char *source;
	const struct verify_page *page;
	char read[64];
};

static const char *zone_value(const struct zone *zone, const struct member *member, char text[static 64])
{
	const char *value = (const char *)&zone->mrz + member->offset;
	if (member->kind == KIND_SEX)
		(void)snprintf(text, 64, "%c", zone->mrz.sex);
	else
		(void)snprintf(text, 64, "%s", value);
	return text;
}

static double similarity_of(const struct member *member, const char *claimed, const char *read, const struct mrz *mrz)
{
	switch (member->kind) {
	case KIND_NAME:
		return name_similarity(claimed, read, mrz->names_cut);
	case KIND_DATE:
		return date_similarity(claimed, read);
	case KIND_NUMBER:
		return number_similarity(claimed, read);
	case KIND_STATE:
		return state_code_equal(claimed, read);
	default:
		return strcmp(claimed, read) == 0;
	}
}

/* The best of the zones. *trusted: one of them has the member with a check digit that agrees (or needs none). */
static void look_in_zones(const struct evaluation *evaluation, const struct member *member, const char *claimed,
			  struct finding *finding, bool *trusted)
{
	*trusted = false;
	for (size_t index = 0; index < evaluation->zone_count; index++) {
		const struct zone *zone = &evaluation->zones[index];
		char read[64];
		if (!*zone_value(zone, member, read))
			continue;
		enum mrz_check check = MRZ_CHECK_RIGHT;
		if (member->check)
			memcpy(&check, (const char *)&zone->mrz + member->check, sizeof check);
		*trusted = *trusted || check == MRZ_CHECK_RIGHT;
		double similarity = similarity_of(member, claimed, read, &zone->mrz);
		if (similarity > finding->similarity) {
			*finding = (struct finding){ .similarity = similarity, .source = "mrz", .page = zone->page };
			memcpy(finding->read, read, sizeof read);
		}
	}
}

/* How well a page's text has the value: 0.8 at best, because it may stand there for something else. */
static double text_similarity(const struct member *member, const char *claimed, const struct verify_page *page)
{
	struct buffer words[NAME_SPELLINGS] = { 0 };
	double share = 0;
	switch (member->kind) {
	case KIND_DATE:
		return date_in(claimed, page->text, page->length) ? 0.8 : 0;
	case KIND_NUMBER:
		return number_in(claimed, page->text, page->length) ? 0.8 : 0;
	case KIND_SEX: /* a single letter stands anywhere */
		return 0;
	default:
		for (int spelling = 0; spelling < NAME_SPELLINGS; spelling++)
			name_words(page->text, page->length, (enum name_spelling)spelling, &words[spelling]);
		share = words[0].failed || words[1].failed ? -1 : name_share_in(claimed, words);
		for (int spelling = 0; spelling < NAME_SPELLINGS; spelling++)
			buffer_free(&words[spelling]);
		return share >= 1 ? 0.8 : share * 0.5;
	}
}

static void look_in_text(const struct evaluation *evaluation, const struct member *member, const char *claimed,
			 struct finding *finding)
{
	for (size_t index = 0; index < evaluation->page_count && finding->similarity < 0.8; index++) {
		double similarity = text_similarity(member, claimed, &evaluation->pages[index]);
		if (similarity > 0 && similarity > finding->similarity) {
			*finding = (struct finding){ .similarity = similarity, .source = "text",
						     .page = &evaluation->pages[index] };
			if (similarity >= 0.8)
				(void)snprintf(finding->read, sizeof finding->read, "%s", claimed);
		}
	}
}

/* Takes `agrees` over. */
static bool add_check(struct evaluation *evaluation, const char *name, const char *claimed, const struct finding *finding,
		      json_t *agrees, double weight, struct error *error)
{
	double similarity = finding->similarity > 0 ? finding->similarity : 0;
	json_t *check = json_pack("{s:s, s:s?, s:s?, s:o, s:f, s:s?, s:s*}", "member", name, "claimed", claimed, "read",
				  *finding->read ? finding->read : NULL, "agrees", agrees, "similarity", similarity,
				  "source", finding->source, "document", finding->page ? finding->page->document : NULL);
	bool good = check && (!finding->page ||
			      json_object_set_new(check, "page", json_integer(finding->page->number)) == 0);
	evaluation->weight += weight;
	evaluation->sum += weight * similarity;
	if (!good)
		json_decref(check);
	return (good && json_array_append_new(evaluation->checks, check) == 0) ||
	       error_set(error, ERROR_OUT_OF_MEMORY, "evaluation: out of memory");
}

static bool check_member(struct evaluation *evaluation, const struct member *member, const char *claimed,
			 struct error *error)
{
	struct finding finding = { .similarity = -1 };
	bool trusted;
	look_in_zones(evaluation, member, claimed, &finding, &trusted);
	if (!trusted)
		look_in_text(evaluation, member, claimed, &finding);
	json_t *agrees = finding.similarity < 0 ? json_null() : json_boolean(finding.similarity >= NAME_AGREES);
	return add_check(evaluation, member->name, claimed, &finding, agrees, member->weight, error);
}

static bool check_documents(struct evaluation *evaluation, struct error *error)
{
	char today[CLOCK_RFC3339_SIZE];
	const struct zone *first = &evaluation->zones[0];
	bool same = true, expired = false;
	if (!evaluation->zone_count)
		return true;
	(void)clock_rfc3339(evaluation->now_ms, today);
	for (size_t index = 0; index < evaluation->zone_count; index++) {
		const struct zone *zone = &evaluation->zones[index];
		struct finding digits = { .similarity = zone->mrz.valid, .source = "mrz", .page = zone->page };
		(void)snprintf(digits.read, sizeof digits.read, "%s", mrz_format_names[zone->mrz.format]);
		if (!add_check(evaluation, "mrz", NULL, &digits, json_boolean(zone->mrz.valid), WEIGHT_MRZ, error))
			return false;
		expired = expired || (*zone->mrz.expiry_date && strncmp(zone->mrz.expiry_date, today, strlen(zone->mrz.expiry_date)) < 0);
		same = same && strcmp(zone->mrz.birth_date, first->mrz.birth_date) == 0 &&
		       name_similarity(first->mrz.surname, zone->mrz.surname, true) >= NAME_AGREES;
	}
	const struct finding validity = { .similarity = !expired, .source = "mrz" };
	const struct finding person = { .similarity = same, .source = "mrz" };
	return add_check(evaluation, "not_expired", NULL, &validity, json_boolean(!expired), WEIGHT_EXPIRED, error) &&
	       (evaluation->zone_count < 2 ||
		add_check(evaluation, "documents_agree", NULL, &person, json_boolean(same), WEIGHT_AGREE, error));
}

/* One zone a document: the best of its pages. */
static void find_zones(struct evaluation *evaluation)
{
	for (size_t index = 0; index < evaluation->page_count; index++) {
		const struct verify_page *page = &evaluation->pages[index];
		struct zone *last = evaluation->zone_count ? &evaluation->zones[evaluation->zone_count - 1] : NULL;
		struct zone found = { .page = page };
		if (!mrz_find(page->text, page->length, evaluation->now_ms, &found.mrz))
			continue;
		if (last && strcmp(last->page->document, page->document) == 0) {
			if (found.mrz.valid && !last->mrz.valid)
				*last = found;
		} else {
			evaluation->zones[evaluation->zone_count++] = found;
		}
	}
}

bool verify_evaluate(const json_t *claimed, const struct verify_page *pages, size_t page_count, int64_t now_ms,
		     json_t **checks, double *score, struct error *error)
{
	struct evaluation evaluation = { .pages = pages, .page_count = page_count, .now_ms = now_ms };
	bool good = page_count <= MOST_PAGES ||
		    error_set(error, ERROR_TOO_MANY_PAGES, "evaluation: more than %d pages", MOST_PAGES);
	if (!good)
		return false;
	evaluation.zones = calloc(page_count + 1, sizeof *evaluation.zones);
	evaluation.checks = json_array();
	if (!evaluation.zones || !evaluation.checks)
		good = error_set(error, ERROR_OUT_OF_MEMORY, "evaluation: out of memory");
	if (good)
		find_zones(&evaluation);
	for (size_t index = 0; good && index < sizeof members / sizeof *members; index++) {
		const char *text = json_string_value(json_object_get(claimed, members[index].name));
		if (text)
			good = check_member(&evaluation, &members[index], text, error);
	}
	good = good && check_documents(&evaluation, error);
	free(evaluation.zones);
	if (!good) {
		json_decref(evaluation.checks);
		return false;
	}
	*checks = evaluation.checks;
	*score = evaluation.weight > 0 ? evaluation.sum / evaluation.weight : 0;
	return true;
}
