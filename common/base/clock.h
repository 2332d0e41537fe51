/* Times: wall clock as milliseconds since 1970 UTC, durations by the monotonic clock, both in ms; RFC 3339 text. */
#ifndef FILOT_CLOCK_H
#define FILOT_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_RFC3339_SIZE 32 /* enough for "2026-11-24T10:37:21.123Z" and its NUL */

int64_t clock_unix_ms(void);
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

/* Writes `unix_ms` as RFC 3339 UTC with milliseconds; returns `text`. */
char *clock_rfc3339(int64_t unix_ms, char text[static CLOCK_RFC3339_SIZE]);

/* Reads RFC 3339 (any offset, optional fraction). False when it is not that. */
bool clock_parse_rfc3339(const char *text, int64_t *unix_ms);

/* Sleeps; an interrupting signal ends it early. */
void clock_sleep_ms(int64_t ms);

/* Exponential backoff with full jitter: uniform in [0, min(cap, base * 2^attempt)], attempt from 0. */
int64_t clock_backoff_ms(int attempt, int64_t base_ms, int64_t cap_ms);

#endif
