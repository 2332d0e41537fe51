/* A state machine over a small buffer: what cannot be judged yet stays in it until more has come. */
#include "common/http/form.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/json_text.h"

#define HEADERS_MOST_BYTES 8192
#define PARTS_MOST 100
#define FEED_BYTES 65536 /* so much at once, so that `held` stays small whatever is fed */

bool form_boundary(const char *content_type, char boundary[static FORM_BOUNDARY_SIZE], struct error *error)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'()+_,-./:=? ";
	const char *at = strcasestr(content_type, "boundary=");
	size_t length = 0;
	if (at) {
		at += strlen("boundary=");
		bool quoted = *at == '"';
		at += quoted;
		length = strcspn(at, quoted ? "\"" : "; \t,");
	}
	if (!at || length < 1 || length >= FORM_BOUNDARY_SIZE || strspn(at, allowed) < length || at[length - 1] == ' ')
		return error_set(error, ERROR_BAD_INPUT, "the Content-Type has no proper boundary");
	memcpy(boundary, at, length);
	boundary[length] = '\0';
	return true;
}

void form_open(struct form *form, const char *boundary, const struct form_sink *sink)
{
	*form = (struct form){ .sink = *sink };
	(void)snprintf(form->delimiter, sizeof form->delimiter, "\r\n--%s", boundary);
	form->delimiter_length = strlen(form->delimiter);
	buffer_append_string(&form->held, "\r\n"); /* the first boundary may be the first line */
}

void form_close(struct form *form)
{
	buffer_free(&form->held);
}

void form_plain_name(const char *name, size_t length, char *plain, size_t size)
{
	size_t count = 0;
	for (size_t at = length; at-- > 0;)
		if (name[at] == '/' || name[at] == '\\') {
			name += at + 1;
			length -= at + 1;
			break;
		}
	while (length) {
		size_t step = json_text_utf8_length(name, length);
		bool fit = step && (step > 1 || ((unsigned char)*name >= ' ' && *name != 127));
		step = step ? step : 1;
		if (fit && count + step >= size)
			break;
		if (fit) {
			memcpy(plain + count, name, step);
			count += step;
		}
		name += step;
		length -= step;
	}
	plain[count] = '\0';
}

static bool malformed(struct error *error, const char *what)
{
	return error_set(error, ERROR_BAD_INPUT, "the body is no proper multipart/form-data: %s", what);
}

/*
 * The value of `name` in a Content-Disposition line, unescaped: browsers write a quote as %22 and line ends as %0D and %0A
 * (WHATWG HTML, multipart/form-data encoding algorithm), others with a backslash. False when it is not there.
 */
static bool parameter(const char *line, size_t length, const char *name, struct buffer *value)
{
	const char *end = line + length;
	size_t name_length = strlen(name);
	const char *at = memchr(line, ';', length);
	while (at && at < end) {
		at++;
		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		bool ours = (size_t)(end - at) > name_length && strncasecmp(at, name, name_length) == 0 &&
			    at[name_length] == '=';
		const char *equals = memchr(at, '=', (size_t)(end - at));
		if (!equals)
			return false;
		at = equals + 1;
		bool quoted = at < end && *at == '"';
		for (at += quoted; at < end && *at != (quoted ? '"' : ';'); at++) {
			char character = *at;
			if (quoted && character == '\\' && at + 1 < end && (at[1] == '"' || at[1] == '\\'))
				character = *++at;
			else if (character == '%' && end - at > 2 && strncmp(at, "%22", 3) == 0)
				character = '"', at += 2;
			if (ours)
				buffer_append_char(value, character);
		}
		if (ours)
			return true;
		at = at < end ? memchr(at, ';', (size_t)(end - at)) : NULL;
	}
	return false;
}

/* The part's headers: only Content-Disposition is of interest. */
static bool begin_part(struct form *form, const char *headers, size_t length, struct error *error)
{
	static const char wanted[] = "content-disposition:";
	struct form_part part = { 0 };
	struct buffer name = { 0 }, file_name = { 0 };
	bool found = false;
	if (++form->parts > PARTS_MOST)
		return malformed(error, "too many parts");
	for (const char *line = headers, *end = headers + length; line < end;) {
		const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
		stop = stop ? stop : end;
		if ((size_t)(stop - line) > strlen(wanted) && strncasecmp(line, wanted, strlen(wanted)) == 0) {
			found = parameter(line, (size_t)(stop - line), "name", &name);
			part.file = parameter(line, (size_t)(stop - line), "filename", &file_name);
			break;
		}
		line = stop + 2;
	}
	bool done = !name.failed && !file_name.failed;
	if (done) {
		form_plain_name(name.data ? name.data : "", name.length, part.name, sizeof part.name);
		form_plain_name(file_name.data ? file_name.data : "", file_name.length, part.file_name,
				sizeof part.file_name);
	}
	buffer_free(&name);
	buffer_free(&file_name);
	if (!done)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a form");
	return found ? form->sink.begin(form->sink.context, &part, error) :
		       malformed(error, "a part without Content-Disposition and name");
}

/* Bytes up to the next boundary go to the sink (or, before the first one, nowhere). */
static bool step_body(struct form *form, bool *more, struct error *error)
{
	struct buffer *held = &form->held;
	const char *found = memmem(held->data, held->length, form->delimiter, form->delimiter_length);
	size_t keep = form->delimiter_length - 1;
	size_t ready = found ? (size_t)(found - held->data) : held->length > keep ? held->length - keep : 0;
	bool body = form->state == FORM_BODY;
	if (body && ready && !form->sink.data(form->sink.context, held->data, ready, error))
		return false;
	buffer_consume(held, found ? ready + form->delimiter_length : ready);
	*more = found != NULL;
	if (!found)
		return true;
	form->state = FORM_DELIMITER;
	return !body || form->sink.end(form->sink.context, error);
}

/* What stands after a boundary: "--" ends it all, white space and a line end begin a part's headers. */
static bool step_delimiter(struct form *form, bool *more, struct error *error)
{
	struct buffer *held = &form->held;
	size_t at = 0;
	*more = false;
	while (at < held->length && (held->data[at] == ' ' || held->data[at] == '\t'))
		at++;
	if (at > HEADERS_MOST_BYTES)
		return malformed(error, "a boundary's line is too long");
	if (held->length - at < 2)
		return true;
	if (at == 0 && memcmp(held->data, "--", 2) == 0)
		form->state = FORM_DONE;
	else if (memcmp(held->data + at, "\r\n", 2) == 0)
		form->state = FORM_HEADERS;
	else
		return malformed(error, "something follows a boundary");
	/* The line end stays where headers follow: a part without any has its empty line right there. */
	buffer_consume(held, form->state == FORM_HEADERS ? at : held->length);
	*more = form->state == FORM_HEADERS;
	return true;
}

static bool step_headers(struct form *form, bool *more, struct error *error)
{
	struct buffer *held = &form->held;
	const char *end = memmem(held->data, held->length, "\r\n\r\n", 4);
	*more = end != NULL;
	if ((end ? (size_t)(end - held->data) : held->length) > HEADERS_MOST_BYTES)
		return malformed(error, "a part's headers are too long");
	if (!end)
		return true;
	size_t length = (size_t)(end - held->data);
	if (!begin_part(form, held->data + 2, length > 2 ? length - 2 : 0, error))
		return false;
	buffer_consume(held, length + 4);
	form->state = FORM_BODY;
	return true;
}

static bool feed(struct form *form, const char *bytes, size_t length, struct error *error)
{
	bool more = true;
	if (form->state == FORM_DONE)
		return true;
	buffer_append(&form->held, bytes, length);
	if (form->held.failed)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a form");
	while (more && form->state != FORM_DONE) {
		bool done = form->state == FORM_HEADERS	  ? step_headers(form, &more, error) :
			    form->state == FORM_DELIMITER ? step_delimiter(form, &more, error) :
							    step_body(form, &more, error);
		if (!done)
			return false;
	}
	return true;
}

bool form_feed(struct form *form, const char *bytes, size_t length, struct error *error)
{
	for (size_t at = 0; at < length; at += FEED_BYTES)
		if (!feed(form, bytes + at, length - at < FEED_BYTES ? length - at : FEED_BYTES, error))
			return false;
	return true;
}

bool form_finish(const struct form *form, struct error *error)
{
	return form->state == FORM_DONE || malformed(error, "it ends before its last boundary");
}
