/*
 * Removes from storage what no document holds: uploads that were never completed (objects and their waiting parts) and the
 * files of deleted documents, by the rows of loose_objects. Any number of processes may do so at once.
 */
#ifndef FILOT_API_LOOSE_H
#define FILOT_API_LOOSE_H

#include "cmd/filot-api/settings.h"
#include "common/base/error.h"

struct loose;

struct loose *loose_open(const struct api_settings *settings, struct error *error);
void loose_wake(struct loose *loose); /* something is to be removed now; any thread */
void loose_close(struct loose *loose); /* NULL is fine */

#endif
