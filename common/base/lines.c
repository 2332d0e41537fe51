/* Bounded line reading over read(2); the buffer never holds more than one line and one read. */
#include "common/base/lines.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 65536

void lines_open(struct lines *lines, int descriptor, size_t longest)
{
	*lines = (struct lines){ .descriptor = descriptor, .longest = longest, .end = '\n' };
}

/* One read appended to the buffer. False at failure; sets `ended` at the end of the input. */
static bool fill(struct lines *lines, const atomic_int *stop, struct error *error)
{
	buffer_consume(&lines->buffer, lines->position);
	lines->position = 0;
	char *end = buffer_reserve(&lines->buffer, READ_BYTES);
	if (!end)
		return error_set(error, ERROR_OUT_OF_MEMORY, "reading lines: out of memory");
	for (;;) {
		/* A signal between this check and the wait must not be lost, so the wait ends now and then by itself. */
		struct pollfd ready = { .fd = lines->descriptor, .events = POLLIN };
		while (stop && !*stop && poll(&ready, 1, 250) == 0)
			;
		if (stop && *stop)
			return error_set(error, ERROR_TRY_AGAIN, "reading lines: interrupted");
		ssize_t count = read(lines->descriptor, end, READ_BYTES);
		if (count >= 0) {
			lines->ended = count == 0;
			buffer_added(&lines->buffer, (size_t)count);
			return true;
		}
		if (errno != EINTR)
			return error_set(error, ERROR_INTERNAL, "reading lines: %s", strerror(errno));
	}
}

/* Hands out bytes [position, end) as the next line, unless they are the tail of one that was too long. */
static enum lines_status give(struct lines *lines, size_t end, char **line, size_t *length)
{
	char *start = lines->buffer.data + lines->position;
	*length = end - lines->position;
	start[*length] = '\0';
	if (lines->end == '\n' && *length && start[*length - 1] == '\r')
		start[--*length] = '\0';
	*line = start;
	lines->position = end < lines->buffer.length ? end + 1 : end;
	lines->number++;
	bool too_long = lines->skipping || *length > lines->longest;
	lines->skipping = false;
	return too_long ? LINES_TOO_LONG : LINES_LINE;
}

enum lines_status lines_next(struct lines *lines, char **line, size_t *length, const atomic_int *stop,
			     struct error *error)
{
	size_t searched = 0;
	for (;;) {
		size_t held = lines->buffer.length - lines->position;
		char *start = lines->buffer.data ? lines->buffer.data + lines->position : NULL;
		char *end = held > searched ? memchr(start + searched, lines->end, held - searched) : NULL;
		if (end)
			return give(lines, (size_t)(end - lines->buffer.data), line, length);
		if (lines->ended) {
			if (!held && !lines->skipping)
				return LINES_END;
			return give(lines, lines->buffer.length, line, length);
		}
		searched = held;
		if (held > lines->longest + 1) {
			lines->skipping = true;
			lines->position = lines->buffer.length;
			searched = 0;
		}
		if (!fill(lines, stop, error))
			return LINES_FAILED;
	}
}

bool lines_ready(const struct lines *lines)
{
	struct pollfd ready = { .fd = lines->descriptor, .events = POLLIN };
	size_t held = lines->buffer.length - lines->position;
	return (held && memchr(lines->buffer.data + lines->position, lines->end, held)) || lines->ended ||
	       poll(&ready, 1, 0) != 0;
}

void lines_free(struct lines *lines)
{
	buffer_free(&lines->buffer);
}
