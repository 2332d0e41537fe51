/* What goes to standard output: a table or words for a person, JSON lines for a program. */
#ifndef FILOT_MIGRATE_REPORT_H
#define FILOT_MIGRATE_REPORT_H

#include "cmd/filot-migrate/plan.h"

/* One file that was applied, would be, or was recorded: `did` is "applied", "would_apply" or "baselined". */
void report_file(bool json, const struct plan_row *row, const char *did, int64_t ms);

/* Every row of the plan, with what is wrong with it. */
void report_status(bool json, const struct plan *plan);

/* What is wrong; one line that all is well when nothing is. */
void report_verify(bool json, const struct plan *plan);

/* The end of `up` for a person; a program has seen the lines. */
void report_end(bool json, const struct plan *plan, size_t applied, bool dry);

#endif
