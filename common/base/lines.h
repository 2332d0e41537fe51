/*
 * Reads lines from a descriptor with a bound on their length. A line that is too long is skipped to its end and reported
 * as such, so that the next one is read as if nothing had been.
 */
#ifndef FILOT_LINES_H
#define FILOT_LINES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

struct lines {
	int descriptor; /* not closed by lines_free */
	size_t longest; /* bytes, the line end not counted */
	size_t number; /* of the line last given, from 1 */
	struct buffer buffer;
	size_t position;
	bool ended;
	bool skipping;
	char end; /* the byte that ends a line; lines_open says '\n', a caller may set '\0' */
};

enum lines_status { LINES_LINE, LINES_TOO_LONG, LINES_END, LINES_FAILED };

/* Starts reading `descriptor`. Nothing is allocated until the first line. */
void lines_open(struct lines *lines, int descriptor, size_t longest);

/*
 * The next line, without its "\n" or "\r\n" and followed by a NUL; it lives until the next call. Once `*stop` is set,
 * waiting for input ends soon with LINES_FAILED and ERROR_TRY_AGAIN. `stop` may be NULL.
 */
enum lines_status lines_next(struct lines *lines, char **line, size_t *length, const atomic_int *stop,
			     struct error *error);

/* True when lines_next need not wait: a whole line is here, or there are bytes (or the end) to be read. */
bool lines_ready(const struct lines *lines);

void lines_free(struct lines *lines);

#endif
