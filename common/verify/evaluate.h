/*
 * What documents say of a claim about a person, member by member. A member is looked for in the machine readable zones of
 * the pages; where there is none, or the zone's check digit for it is wrong, in the text.
 *
 * Claimed members (each may be missing, one must be there): given_names, surname, birth_date and expiry_date
 * (YYYY-MM-DD), document_number, nationality and issuing_state (three letters as in a zone), sex (M, F or X).
 *
 * Checks, an array: {"member":…,"claimed":…,"read":…|null,"agrees":true|false|null,"similarity":0–1,
 * "source":"mrz"|"text"|null,"document":…,"page":…}; agrees is null when nothing was found to compare with. Then come
 * checks of the documents themselves: mrz (its check digits agree), not_expired, and documents_agree (zones of several
 * documents name the same person).
 */
#ifndef FILOT_VERIFY_EVALUATE_H
#define FILOT_VERIFY_EVALUATE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

struct verify_page {
	const char *document; /* its id */
	int number;
	const char *text; /* UTF-8 */
	size_t length;
};

/* Checks a claim by the rules above; *member then names what is wrong (NULL: the whole), the message how. */
bool verify_claim_valid(const json_t *claimed, const char **member, struct error *error);

/*
 * *checks is a new array (the caller's), *score 0 to 1: the similarities and the documents' own checks, weighted by how much
 * each proves; what is claimed and was not found counts 0. Pages of one document follow one another. ERROR_OUT_OF_MEMORY.
 */
bool verify_evaluate(const json_t *claimed, const struct verify_page *pages, size_t page_count, int64_t now_ms,
		     json_t **checks, double *score, struct error *error);

#endif
