/* Claims against what documents say: names, numbers, dates in many forms, and the whole evaluation. */
#include "common/verify/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "common/verify/names.h"
#include "tests/unit/test.h"

#define NOW_MS INT64_C(1795478400000) /* 2026-11-24 */

static const char passport[] = "PASSPORT\nP<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n"
			       "L898902C36UTO7408122F1204159ZE184226B<<<<<10\n";

static void check_words(const char *text, enum name_spelling spelling, const char *expected)
{
	struct buffer words = { 0 };
	name_words(text, strlen(text), spelling, &words);
	CHECK_STRING(words.data ? words.data : "", expected);
	buffer_free(&words);
}

static void names_are_spelled_as_travel_documents_have_them(void)
{
	check_words("Müller-Lüdenscheidt", NAME_ICAO, "MUELLER LUEDENSCHEIDT");
	check_words("Müller-Lüdenscheidt", NAME_PLAIN, "MULLER LUDENSCHEIDT");
	check_words("Straße", NAME_ICAO, "STRASSE");
	check_words("O'Brien, Seán", NAME_ICAO, "OBRIEN SEAN");
	check_words("D’Artagnan  St. John", NAME_ICAO, "DARTAGNAN ST JOHN");
	check_words("Åse Østergård Þór Łukasz", NAME_ICAO, "AASE OESTERGAARD THOR LUKASZ");
	check_words("Žižek ÿ", NAME_PLAIN, "ZIZEK Y");
	check_words("Юлия Щукина", NAME_ICAO, "IULIIA SHCHUKINA");
	check_words("Ελένη", NAME_ICAO, "ELENI");
	check_words("Jose\xcc\x81", NAME_ICAO, "JOSE");
	check_words("\xff\xfe", NAME_ICAO, "");
}

#define CHECK_NEAR(actual, expected) CHECK(fabs((actual) - (expected)) < 1e-9)

static void names_agree_in_any_spelling_case_and_order(void)
{
	CHECK_NEAR(name_similarity("Müller", "MUELLER", false), 1);
	CHECK_NEAR(name_similarity("Müller", "MULLER", false), 1);
	CHECK_NEAR(name_similarity("Mueller", "Müller", false), 1);
	CHECK_NEAR(name_similarity("de la Cruz", "DELACRUZ", false), 1);
	CHECK_NEAR(name_similarity("Anna Maria", "MARIA ANNA", false), 0.95);
	CHECK_NEAR(name_similarity("Anna", "ANNA MARIA", false), 0.8);
	CHECK_NEAR(name_similarity("Papandropoulous Jonathon Warren", "PAPANDROPOULOUS JONATHON WA", true), 0.95);
	CHECK(name_similarity("Eriksson", "ERICSSON", false) < NAME_AGREES);
	CHECK(name_similarity("Eriksson", "ERICSSON", false) > 0.7);
	CHECK(name_similarity("Anna", "Peter", false) < 0.3);
	CHECK_NEAR(name_similarity("", "", false), 0);
}

static void numbers_agree_up_to_what_looks_alike(void)
{
	CHECK_NEAR(number_similarity("L898902C3", "l 8989-02c3"), 1);
	CHECK_NEAR(number_similarity("L898902C3", "L8989O2C3"), 0.9);
	CHECK_NEAR(number_similarity("L898902C3", "L898902C4"), 0);
	CHECK_NEAR(number_similarity("L898902C3", "L898902C"), 0);
	CHECK(number_in("L898902C3", "No: L89 8902 C3.", 16));
	CHECK(!number_in("L898902C3", "XL898902C3", 10));
	CHECK(!number_in("L898902C3", "L898902C34", 10));
	CHECK(!number_in("12345", "", 0));
}

static void dates_are_found_in_the_usual_forms(void)
{
	static const char *const right[] = { "1974-08-12", "12.08.1974",   "12.8.74",	     "08/12/1974",    "12 AUG/AOUT 1974",
					     "12 août 1974", "12. August 1974", "Aug 12, 1974", "born 12-08-1974 in", "1974/08/12" };
	static const char *const wrong[] = { "1974-08-13", "12.09.1974", "12 JUL 1974", "1974", "12 08", "", "x12.08.19745" };
	for (size_t index = 0; index < sizeof right / sizeof *right; index++)
		if (!date_in("1974-08-12", right[index], strlen(right[index])))
			CHECK_STRING(right[index], "is the date");
	for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++)
		if (date_in("1974-08-12", wrong[index], strlen(wrong[index])))
			CHECK_STRING(wrong[index], "is not the date");
	CHECK_NEAR(date_similarity("1974-08-12", "1974-08-12"), 1);
	CHECK_NEAR(date_similarity("1974-08-12", "1974"), 0.9);
	CHECK_NEAR(date_similarity("1974-08-12", "1974-12-08"), 0.5);
	CHECK_NEAR(date_similarity("1974-08-12", "1975-08-12"), 0);
	CHECK(date_valid("2024-02-29") && !date_valid("2023-02-29") && !date_valid("2023-13-01") && !date_valid("23-01-01"));
}

static void claims_have_rules(void)
{
	static const struct {
		const char *json, *member;
	} wrong[] = { { "{}", NULL },
		      { "{\"surname\":\"\"}", "surname" },
		      { "{\"surname\":\"--\"}", "surname" },
		      { "{\"surname\":3}", "surname" },
		      { "{\"birth_date\":\"12.08.1974\"}", "birth_date" },
		      { "{\"nationality\":\"de\"}", "nationality" },
		      { "{\"sex\":\"MF\"}", "sex" },
		      { "{\"surname\":\"A\",\"shoe_size\":\"43\"}", "shoe_size" } };
	for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
		json_t *claimed = json_loads(wrong[index].json, 0, NULL);
		const char *member;
		struct error why = { 0 };
		CHECK(!verify_claim_valid(claimed, &member, &why));
		CHECK_STRING(member, wrong[index].member);
		CHECK_INTEGER(why.code, ERROR_BAD_INPUT);
		json_decref(claimed);
	}
}

static json_t *checks;

static double evaluate(const char *claim, const char *first, const char *second, int64_t now_ms)
{
	const struct verify_page pages[] = { { "d1", 1, first, strlen(first) },
					     { "d2", 3, second ? second : "", second ? strlen(second) : 0 } };
	json_t *claimed = json_loads(claim, 0, NULL);
	const char *member;
	double score = -1;
	json_decref(checks);
	checks = NULL;
	CHECK(verify_claim_valid(claimed, &member, NULL));
	CHECK(verify_evaluate(claimed, pages, second ? 2 : 1, now_ms, &checks, &score, NULL));
	json_decref(claimed);
	return score;
}

/* "MEMBER AGREES SOURCE READ" of one check, "" when there is none. */
static const char *told(const char *member)
{
	static char text[256];
	size_t index;
	json_t *check;
	*text = '\0';
	json_array_foreach(checks, index, check) {
		const char *agrees = json_is_true(json_object_get(check, "agrees"))    ? "true"
				     : json_is_false(json_object_get(check, "agrees")) ? "false"
										       : "null";
		const char *source = json_string_value(json_object_get(check, "source"));
		const char *read = json_string_value(json_object_get(check, "read"));
		if (strcmp(json_string_value(json_object_get(check, "member")), member) == 0)
			(void)snprintf(text, sizeof text, "%s %s %s", agrees, source ? source : "-", read ? read : "-");
	}
	return text;
}

static const char claim[] = "{\"given_names\":\"Anna Maria\",\"surname\":\"Eriksson\",\"birth_date\":\"1974-08-12\","
			    "\"document_number\":\"L898902C3\",\"nationality\":\"UTO\",\"sex\":\"F\","
			    "\"expiry_date\":\"2012-04-15\",\"issuing_state\":\"UTO\"}";

static void a_right_claim_on_a_good_passport_scores_one(void)
{
	CHECK_NEAR(evaluate(claim, passport, NULL, INT64_C(1262304000000)), 1); /* 2010: not expired */
	CHECK_STRING(told("surname"), "true mrz ERIKSSON");
	CHECK_STRING(told("birth_date"), "true mrz 1974-08-12");
	CHECK_STRING(told("document_number"), "true mrz L898902C3");
	CHECK_STRING(told("mrz"), "true mrz TD3");
	CHECK_STRING(told("not_expired"), "true mrz -");
	CHECK_INTEGER(json_array_size(checks), 10);
}

static void an_expired_passport_and_a_wrong_claim_are_told(void)
{
	double score = evaluate("{\"surname\":\"Smith\",\"birth_date\":\"1974-08-12\"}", passport, NULL, NOW_MS);
	CHECK(score < 0.6);
	CHECK_STRING(told("surname"), "false mrz ERIKSSON");
	CHECK_STRING(told("not_expired"), "false mrz -");
}

static void without_a_zone_the_text_is_searched(void)
{
	double score = evaluate("{\"surname\":\"Müller\",\"birth_date\":\"1974-08-12\",\"document_number\":\"X1234567\"}",
				"Ausweis\nName: MÜLLER\nGeboren: 12.08.1974\n", NULL, NOW_MS);
	CHECK_STRING(told("surname"), "true text Müller");
	CHECK_STRING(told("birth_date"), "true text 1974-08-12");
	CHECK_STRING(told("document_number"), "null - -");
	CHECK(score > 0.5 && score < 0.6);
}

static void a_zone_whose_digit_is_wrong_lets_the_text_speak(void)
{
	const char *page = "Passport No. L898902C3\nP<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n"
			   "L898902X36UTO7408122F1204159ZE184226B<<<<<10\n";
	(void)evaluate("{\"document_number\":\"L898902C3\"}", page, NULL, NOW_MS);
	CHECK_STRING(told("document_number"), "true text L898902C3");
	CHECK_STRING(told("mrz"), "false mrz TD3");
	/* A zone that is right is believed against the text. */
	(void)evaluate("{\"document_number\":\"X99999999\"}",
		       "No. X99999999\nP<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n"
		       "L898902C36UTO7408122F1204159ZE184226B<<<<<10\n",
		       NULL, NOW_MS);
	CHECK_STRING(told("document_number"), "false mrz L898902C3");
}

static void documents_of_two_persons_do_not_agree(void)
{
	const char *card = "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<\nD23145890<UTO3407127M95071227349<<<8\n";
	(void)evaluate(claim, passport, card, NOW_MS);
	CHECK_STRING(told("documents_agree"), "false mrz -");
	(void)evaluate(claim, passport, "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<\n",
		       NOW_MS);
	CHECK_STRING(told("documents_agree"), "true mrz -");
}

static void any_text_is_taken(void)
{
	unsigned seed = (unsigned)time(NULL);
	printf("# seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 2000; round++) {
		char text[200];
		for (size_t index = 0; index < sizeof text; index++)
			text[index] = (char)(rand() % 3 ? " .-/0123456789AugJAN<\n"[rand() % 22] : rand() % 255 + 1);
		text[sizeof text - 1] = '\0';
		double score = evaluate(claim, text, passport, NOW_MS);
		CHECK(score >= 0 && score <= 1);
	}
}

int main(void)
{
	TEST(names_are_spelled_as_travel_documents_have_them);
	TEST(names_agree_in_any_spelling_case_and_order);
	TEST(numbers_agree_up_to_what_looks_alike);
	TEST(dates_are_found_in_the_usual_forms);
	TEST(claims_have_rules);
	TEST(a_right_claim_on_a_good_passport_scores_one);
	TEST(an_expired_passport_and_a_wrong_claim_are_told);
	TEST(without_a_zone_the_text_is_searched);
	TEST(a_zone_whose_digit_is_wrong_lets_the_text_speak);
	TEST(documents_of_two_persons_do_not_agree);
	TEST(any_text_is_taken);
	json_decref(checks);
	return test_done();
}
