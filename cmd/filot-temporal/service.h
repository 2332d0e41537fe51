/* --queue: what the rows of temporal_workflows say is to be told. */
#ifndef FILOT_TEMPORAL_SERVICE_H
#define FILOT_TEMPORAL_SERVICE_H

#include "cmd/filot-temporal/settings.h"

/* Until a stop signal; with settings->once until nothing is due (ERROR_TRY_AGAIN: something failed and is left). */
bool service_run(const struct tell_settings *settings, struct error *error);

/* Writes a receipt line to standard output, whole. `answer` NULL: Temporal is off. */
struct temporal_answer;
bool receipt_print(const char *event, const char *verification, const struct temporal_answer *answer,
		   struct error *error);

#endif
