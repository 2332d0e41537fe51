/*
 * Looks at the queue, the totals, BULI2's lists and the disks once in an interval and keeps what it saw: as OpenMetrics
 * text, as the page's JSON, and as figures. All answers come from there, so that any number of readers cost Redis nothing.
 *
 * Used by one thread, save the two functions that copy what is kept.
 */
#ifndef HEALTHD_COLLECTOR_H
#define HEALTHD_COLLECTOR_H

#include "cmd/filot-healthd/figures.h"
#include "cmd/filot-healthd/settings.h"
#include "common/health/health.h"

struct collector;

/* Connects at the first look. ERROR_CONFIG for settings that cannot be. */
struct collector *collector_new(const struct healthd_settings *settings, struct health *health, struct error *error);
void collector_free(struct collector *collector); /* NULL is fine */

/*
 * One look, of some milliseconds; as long as the services' timeouts when they are away. What could not be looked at is
 * left out of the metrics, null in the JSON, and told once in the log.
 */
void collector_look(struct collector *collector, struct figures *figures);

/*
 * The totals that were told last by anyone on this queue, and these in their place: what is between them is told once, also
 * over restarts and by several daemons. *known is false the first time of all.
 */
bool collector_swap_told(struct collector *collector, const struct figures_totals *now, struct figures_totals *last,
			 bool *known, struct error *error);

/* Appends what the last look saw; false before the first one. From any thread. */
bool collector_metrics(struct collector *collector, struct buffer *text);
bool collector_history(struct collector *collector, struct buffer *json);
/* Members without the braces, `"at":…,"figures":…`; the health is written fresh beside them. */
bool collector_status(struct collector *collector, struct buffer *json);

/* Monotonic ms at which the last look ended, or the collector was made. */
int64_t collector_looked_ms(struct collector *collector);

#endif
