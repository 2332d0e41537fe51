/* The reader's side of reader_protocol.h: takes requests from a socket until it ends, answers with pages. */
#ifndef FILOT_READER_SERVE_H
#define FILOT_READER_SERVE_H

#include <stdbool.h>

#include "common/base/error.h"

struct serve_settings {
	int socket;
	const char *tessdata;
};

/*
 * Serves until the peer ends (true). False with *error when it cannot go on: the socket failed, or a document left
 * libtesseract in an unknown state; its answer was sent by then, and the peer starts another reader.
 */
bool serve(const struct serve_settings *settings, struct error *error);

#endif
