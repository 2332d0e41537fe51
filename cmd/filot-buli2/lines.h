/* Request lines from standard input, each sent at once. */
#ifndef FILOT_BULI2_LINES_H
#define FILOT_BULI2_LINES_H

#include "cmd/filot-buli2/output.h"
#include "cmd/filot-buli2/settings.h"

bool lines_run(const struct delivery_settings *settings, struct output *output, struct error *error);

#endif
