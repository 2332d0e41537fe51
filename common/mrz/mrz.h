/*
 * Machine readable zones of ICAO Doc 9303 (8th edition): TD1 (three lines of 30; part 5), TD2 (two of 36; part 6), TD3
 * (two of 44, passports; part 4), MRV-A (two of 44) and MRV-B (two of 36; both visas, part 7), found in the text of a
 * page as a recogniser gave it.
 *
 * A recogniser takes letters for digits and fillers for letters. Each position of a zone allows one alphabet, so what
 * cannot stand there is replaced by what looks like it (O/0, I/1, B/8, S/5, Z/2 …); where both may stand, as in a
 * document number, the check digits decide: the least change that makes all of them agree is taken, and none when two
 * such changes are equally small. Names have no check digit: where a K or X may be a filler in them, the names that the page
 * says elsewhere decide. `corrections` counts every character that is not as it was read.
 */
#ifndef FILOT_MRZ_H
#define FILOT_MRZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mrz_format { MRZ_TD1, MRZ_TD2, MRZ_TD3, MRZ_MRV_A, MRZ_MRV_B, MRZ_FORMAT_COUNT };

/* "TD1", "TD2", "TD3", "MRV-A", "MRV-B". */
extern const char *const mrz_format_names[MRZ_FORMAT_COUNT];

/* A check digit: whether the format has it here, and whether it agrees. */
enum mrz_check { MRZ_CHECK_NONE, MRZ_CHECK_WRONG, MRZ_CHECK_RIGHT };

#define MRZ_LINE_SIZE 45
#define MRZ_DATE_SIZE 11

struct mrz {
	enum mrz_format format;
	int line_count;
	char lines[3][MRZ_LINE_SIZE]; /* as corrected, over A-Z, 0-9 and '<' */
	char document_code[3];	      /* "P", "I", "AC" …, fillers left out as everywhere below */
	char issuer[4];		      /* code of the issuing state: "UTO", "D" */
	char surname[40];	      /* primary identifier, words with one space between */
	char given_names[40];	      /* secondary identifier; may be empty */
	bool names_cut;		      /* the names fill all their positions, so they may be cut */
	char document_number[32];     /* the long ones of TD1 and TD2 joined */
	char nationality[4];
	char birth_date[MRZ_DATE_SIZE];	 /* "1974-08-12", "1974-08" or "1974" when parts are unknown, "" when it is no date */
	char expiry_date[MRZ_DATE_SIZE]; /* likewise; of visas the last day they are valid for entry */
	char sex;			 /* 'M', 'F' or 'X' (not specified) */
	char optional[2][32];		 /* optional data, as far as it holds no document number */
	enum mrz_check number_check, birth_check, expiry_check, optional_check, composite_check;
	int corrections;
	bool valid; /* every check digit agrees, and both dates are dates */
};

/*
 * The best zone in `length` bytes of UTF-8 text, lines ended by '\n'. `now_ms` (Unix) decides the century: births lie in
 * the past, expiries within 50 years of now. False when there is none: at least two of its check digits must agree.
 */
bool mrz_find(const char *text, size_t length, int64_t now_ms, struct mrz *mrz);

/* The check digit of `length` characters: weights 7, 3, 1, modulo 10 (part 3, 4.9). -1 for any other character. */
int mrz_check_digit(const char *text, size_t length);

#endif
