/*
 * multipart/form-data as it comes (RFC 7578, RFC 2046 section 5.1): bytes are fed in pieces of any size, parts come out by
 * callbacks, and nothing but the headers of one part and a boundary's length of bytes is ever held.
 */
#ifndef FILOT_HTTP_FORM_H
#define FILOT_HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

#define FORM_BOUNDARY_SIZE 71 /* 70 characters and the NUL */
#define FORM_NAME_SIZE 64
#define FORM_FILE_NAME_SIZE 1025

struct form_part {
	char name[FORM_NAME_SIZE]; /* of the field; cut to its room */
	char file_name[FORM_FILE_NAME_SIZE]; /* without folders; UTF-8, cut between characters; "" when none was given */
	bool file; /* it had a file name, maybe an empty one */
};

/* Any of them may refuse with *error, which form_feed hands on. */
struct form_sink {
	void *context;
	bool (*begin)(void *context, const struct form_part *part, struct error *error);
	bool (*data)(void *context, const char *bytes, size_t length, struct error *error);
	bool (*end)(void *context, struct error *error);
};

enum form_state { FORM_BEFORE, FORM_DELIMITER, FORM_HEADERS, FORM_BODY, FORM_DONE };

struct form {
	char delimiter[FORM_BOUNDARY_SIZE + 4]; /* "\r\n--BOUNDARY" */
	size_t delimiter_length;
	struct form_sink sink;
	enum form_state state;
	int parts;
	struct buffer held;
};

/* The boundary of "multipart/form-data; boundary=…". ERROR_BAD_INPUT when there is no proper one. */
bool form_boundary(const char *content_type, char boundary[static FORM_BOUNDARY_SIZE], struct error *error);

/* Copies the sink. */
void form_open(struct form *form, const char *boundary, const struct form_sink *sink);

/* ERROR_BAD_INPUT: not such a body; or what the sink said. Bytes after the last boundary are ignored. */
bool form_feed(struct form *form, const char *bytes, size_t length, struct error *error);

/* ERROR_BAD_INPUT when the last boundary has not come. */
bool form_finish(const struct form *form, struct error *error);

void form_close(struct form *form);

/* Copies what of `name` can be a file's name: the last part of a path, valid UTF-8, no control characters, cut to `size`. */
void form_plain_name(const char *name, size_t length, char *plain, size_t size);

#endif
