/* What the files of the machine readable zone share. Nobody else includes it. */
#ifndef FILOT_MRZ_PRIVATE_H
#define FILOT_MRZ_PRIVATE_H

#include "common/mrz/mrz.h"

#define MRZ_CANDIDATES 3 /* lines of the longest zone */
#define MRZ_LONGEST_READ 64

#define MRZ_UNKNOWN '?' /* what cannot stand in a zone, as it is in a candidate */

/* A line of the page that may be one of a zone: capitals, digits and fillers, spaces left out. */
struct mrz_candidate {
	char text[MRZ_LONGEST_READ];
	bool weak[MRZ_LONGEST_READ]; /* it was a small letter, or is unknown */
	size_t length;
	int changed; /* characters that were something else on the page */
};

struct mrz_reader {
	const char *text;
	size_t length, position;
};

/* Whether the page says this word of capitals outside of lines that have fillers, in letters of any case. */
bool mrz_page_says(const struct mrz_reader *page, const char *word, size_t length);

/* The next line that may be one of a zone; false at the end of the text. */
bool mrz_next_candidate(struct mrz_reader *reader, struct mrz_candidate *candidate);

/*
 * The candidate with exactly `length` characters. What stands among fillers and is mostly a filler itself (K, X, small
 * letters) becomes one; where that may as well be a letter of a name, the names that the page says elsewhere decide. Fillers
 * that a recogniser lost or made up are put in or taken out of the longest run of them, at most 8 (a run at the end: any
 * number). False when that does not help.
 */
bool mrz_candidate_fit(const struct mrz_candidate *candidate, const struct mrz_reader *page, size_t length,
		       char line[static MRZ_LINE_SIZE], int *corrections);

/*
 * Names, of which `length` characters lie at `text`, are parted where a K or X stands for a filler by what the page says
 * elsewhere: "ANNAKMARIA" where it says Anna and Maria, and not Annakmaria. Returns how many characters it changed.
 */
int mrz_names_part(char *text, size_t length, const struct mrz_reader *page);

enum mrz_date_window { MRZ_DATE_PAST, MRZ_DATE_NEAR };

/* YYMMDD as an ISO date, unknown parts ("<<") left out; "" when it is none. */
void mrz_date(const char text[static 6], enum mrz_date_window window, int64_t now_ms, char date[static MRZ_DATE_SIZE]);

#endif
