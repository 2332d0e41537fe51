/* What the files of the machine readable zone share. Nobody else includes it. */
#ifndef FILOT_MRZ_PRIVATE_H
#define FILOT_MRZ_PRIVATE_H

#include "common/mrz/mrz.h"

#define MRZ_CANDIDATES 3 /* lines of the longest zone */
#define MRZ_LONGEST_READ 64

/* A line of the page that may be one of a zone: capitals, digits and fillers, spaces left out. */
struct mrz_candidate {
	char text[MRZ_LONGEST_READ];
	size_t length;
	int changed; /* characters that were something else on the page */
};

struct mrz_reader {
	const char *text;
	size_t length, position;
};

/* The next line that may be one of a zone; false at the end of the text. */
bool mrz_next_candidate(struct mrz_reader *reader, struct mrz_candidate *candidate);

/*
 * The candidate with exactly `length` characters: fillers that a recogniser lost or made up are put in or taken out of
 * the longest run of them, at most 6 (a run at the end: any number missing). False when that does not help.
 */
bool mrz_candidate_fit(const struct mrz_candidate *candidate, size_t length, char line[static MRZ_LINE_SIZE],
		       int *corrections);

enum mrz_date_window { MRZ_DATE_PAST, MRZ_DATE_NEAR };

/* YYMMDD as an ISO date, unknown parts ("<<") left out; "" when it is none. */
void mrz_date(const char text[static 6], enum mrz_date_window window, int64_t now_ms, char date[static MRZ_DATE_SIZE]);

#endif
