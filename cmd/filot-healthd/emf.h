/*
 * Figures as one line of CloudWatch's Embedded Metric Format, namespace FiLot, dimension Service. Source: AWS "Specification:
 * Embedded metric format" (CloudWatch User Guide).
 */
#ifndef HEALTHD_EMF_H
#define HEALTHD_EMF_H

#include "cmd/filot-healthd/figures.h"
#include "common/base/buffer.h"

/*
 * Appends the line with its "\n". What is not known is left out, so that an alarm sees missing data and not a false zero.
 * `last`: the totals that were told before; NULL: none, then nothing was counted since.
 */
void emf_write(const struct figures *figures, const struct figures_totals *last, const char *service, bool healthy,
	       struct buffer *line);

#endif
