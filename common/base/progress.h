/* A progress line on stderr, only when that is a terminal, redrawn at most ten times a second. */
#ifndef FILOT_PROGRESS_H
#define FILOT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "read", "queued": "12 of 40 read, 1 failed" */
	int64_t total; /* 0: not known */
	int64_t next_ms;
	bool shown;
	bool terminal;
};

void progress_open(struct progress *progress, const char *what, int64_t total);
void progress_update(struct progress *progress, int64_t done, int64_t failed);
void progress_close(struct progress *progress); /* wipes the line */

#endif
