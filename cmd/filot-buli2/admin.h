/* What a person does with requests that wait or died: look at them, bring the dead back, or take them away. */
#ifndef FILOT_BULI2_ADMIN_H
#define FILOT_BULI2_ADMIN_H

#include "cmd/filot-buli2/settings.h"

/*
 * One line a request: its request line with "place", and of the dead why they died. *refused counts lines of standard
 * input (--delivery -) that name none.
 */
bool admin_list(const struct delivery_settings *settings, const char *place, int64_t *refused, struct error *error);

/*
 * --requeue-dead and --drop-dead. One line a request: {"v":1,"delivery":…,"status":…,"why"?:…}, the status requeued or
 * dropped, would_requeue or would_drop (with --dry-run), skipped, or refused, which *refused counts.
 */
bool admin_end_dead(const struct delivery_settings *settings, int64_t *refused, struct error *error);

#endif
