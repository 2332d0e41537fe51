/* What is told of a run: for people, as TAP, as JSON lines; and a JUnit file beside any of them. */
#ifndef FILOT_SMOKE_REPORT_H
#define FILOT_SMOKE_REPORT_H

#include <stdio.h>

#include "cmd/filot-smoke/check.h"

struct report {
	const struct smoke *smoke;
	int64_t begin_unix_ms;
	int64_t begin_ms;
	int phase; /* of the last line, -1: none yet */
	int number; /* of the last line */
	int counts[3]; /* by enum smoke_status */
	FILE *junit; /* or NULL */
};

/* Opens the JUnit file, where there is one, so that it is not missed at the end; and prints what stands at the top. */
bool report_open(struct report *report, const struct smoke *smoke, struct error *error);

/* After a check. */
void report_check(struct report *report, enum smoke_check_id id);

/* The summary and the JUnit file. ERROR_INTERNAL: something could not be written. */
bool report_close(struct report *report, struct error *error);

#endif
