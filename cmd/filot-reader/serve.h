/* The reader's side of reader_protocol.h: takes requests from a socket until it ends, answers with pages. */
#ifndef FILOT_READER_SERVE_H
#define FILOT_READER_SERVE_H

#include <stdbool.h>

#include "common/base/error.h"

struct serve_settings {
	int socket;
	const char *tessdata;
	bool fenced; /* documents' processes may make few system calls only (fence.h) */
	bool named; /* those that are denied are named in the log */
};

/*
 * Serves until the peer ends (true). False with *error when it cannot go on: the socket failed, or models could not be
 * loaded for want of memory. When a document's process dies, this one ends in the same way (child.h).
 */
bool serve(const struct serve_settings *settings, struct error *error);

#endif
