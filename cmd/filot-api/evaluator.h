/*
 * Evaluates verifications whose documents are all read. It is driven by the rows alone, so that nothing is missed when a
 * process dies; any number of processes may do it at once, because an evaluation is stored once, with its delivery.
 */
#ifndef FILOT_API_EVALUATOR_H
#define FILOT_API_EVALUATOR_H

#include "cmd/filot-api/settings.h"
#include "common/base/error.h"

struct evaluator;

/* Starts the thread; it connects when it first looks. */
struct evaluator *evaluator_open(const struct api_settings *settings, struct error *error);

/* Ends after the verification that it is at. NULL is fine. */
void evaluator_close(struct evaluator *evaluator);

#endif
