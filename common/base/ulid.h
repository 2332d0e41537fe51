/*
 * ULIDs (github.com/ulid/spec): 48 bits of Unix ms, 80 random bits, 26 characters of Crockford's base 32, so that ids
 * sort by time. Within one process and millisecond the random part is counted up, as the specification allows.
 */
#ifndef FILOT_ULID_H
#define FILOT_ULID_H

#include <stdbool.h>
#include <stdint.h>

#define ULID_SIZE 27 /* 26 characters and the NUL */

/* Writes a new ULID. Safe to call from several threads. Returns `text`. */
char *ulid_new(char text[static ULID_SIZE]);

/* True for 26 characters of the alphabet (capitals), the first at most '7'. */
bool ulid_valid(const char *text);

/* True for an id that others may have made: 1 to 128 characters of A-Z, a-z, 0-9 and ._:- (a ULID is one). */
bool id_valid(const char *text);

/* The time in it, Unix ms. `text` must be valid. */
int64_t ulid_unix_ms(const char *text);

#endif
