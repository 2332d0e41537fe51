/* --queue and --drain: senders in threads, and the main thread that brings them work. */
#ifndef FILOT_BULI2_SERVICE_H
#define FILOT_BULI2_SERVICE_H

#include "cmd/filot-buli2/output.h"
#include "cmd/filot-buli2/settings.h"

/*
 * Until a stop signal, or with --drain until nothing is due. ERROR_TRY_AGAIN: --drain leaves due requests because the
 * breaker is open or it was stopped.
 */
bool service_run(const struct delivery_settings *settings, struct output *output, struct error *error);

#endif
