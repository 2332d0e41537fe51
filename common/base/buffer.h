/*
 * A growing run of bytes, always followed by a NUL that does not count. The owner of the struct owns the bytes.
 * Appending never fails half way: when memory ends, the buffer stays as it was, `failed` is set and stays set, and later
 * appends do nothing; so a writer checks once, at the end.
 */
#ifndef FILOT_BUFFER_H
#define FILOT_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *data; /* NULL while nothing was appended */
	size_t length;
	size_t capacity;
	bool failed;
};

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_string(struct buffer *buffer, const char *string);
void buffer_append_char(struct buffer *buffer, char character);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `text` with every byte but A-Z a-z 0-9 - . _ ~ (RFC 3986's unreserved ones) as %XX; '/' stays when `path`. */
void buffer_append_uri(struct buffer *buffer, const char *text, bool path);

/* Length of a URI without the slashes at its end, so that a path that begins with one can follow. */
size_t uri_base_length(const char *uri);

/* Room for `length` more bytes; returns where they go (call buffer_added after), NULL when memory ends. */
char *buffer_reserve(struct buffer *buffer, size_t length);
void buffer_added(struct buffer *buffer, size_t length);

/* Drops the first `length` bytes. */
void buffer_consume(struct buffer *buffer, size_t length);

/* Empties it and keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* The bytes as a string that the caller frees; the buffer is empty after. NULL when an append had failed. */
char *buffer_take(struct buffer *buffer);

void buffer_free(struct buffer *buffer);

#endif
