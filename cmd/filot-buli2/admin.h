/* What a person does with requests that wait or died: look at them, and bring the dead back. */
#ifndef FILOT_BULI2_ADMIN_H
#define FILOT_BULI2_ADMIN_H

#include "cmd/filot-buli2/settings.h"

/* One line a request: its request line with "place", and of the dead why they died. */
bool admin_list(const struct delivery_settings *settings, const char *place, struct error *error);

/* One line a request: {"v":1,"delivery":…,"status":"requeued|would_requeue|skipped|refused"}. *refused counts the last. */
bool admin_requeue(const struct delivery_settings *settings, int64_t *refused, struct error *error);

#endif
