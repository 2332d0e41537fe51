/*
 * The one error idiom: a function that can fail takes `struct error *error` last, fills it with error_set() and returns
 * false (or NULL). Errors travel up as values, are worded where they happen with the thing's name, and are logged once.
 * Only a main.c turns one into an exit status.
 */
#ifndef FILOT_ERROR_H
#define FILOT_ERROR_H

#include <stdbool.h>

/* The stable codes of JSON lines (filot-jobs(5)), then those that only a process can have. */
enum error_code {
	ERROR_NONE,
	/* about one document or job */
	ERROR_NOT_FOUND,
	ERROR_TOO_LARGE,
	ERROR_UNSUPPORTED_FORMAT,
	ERROR_CORRUPT_DOCUMENT,
	ERROR_ENCRYPTED_DOCUMENT,
	ERROR_EMPTY_DOCUMENT,
	ERROR_TOO_MANY_PAGES,
	ERROR_PAGE_TOO_LARGE,
	ERROR_TIMEOUT,
	ERROR_OUT_OF_MEMORY,
	ERROR_CHECKSUM_MISMATCH,
	ERROR_FORBIDDEN_URI,
	ERROR_BAD_JOB,
	ERROR_UNKNOWN_LANGUAGE,
	ERROR_STORAGE_UNAVAILABLE,
	ERROR_INTERNAL,
	/* about the command itself or a service it needs */
	ERROR_USAGE,
	ERROR_CONFIG,
	ERROR_UNAVAILABLE,
	ERROR_TRY_AGAIN,
	ERROR_NOT_PERMITTED,
	ERROR_BAD_INPUT, /* a file given to a command, such as a migration */
	ERROR_CODE_COUNT
};

struct error {
	enum error_code code;
	char message[512]; /* one line, UTF-8, no secret in it; says what to do next where there is something to do */
};

/* Fills *error (which may be NULL) and returns false, so that `return error_set(error, …);` reads well. */
bool error_set(struct error *error, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "text: " before the message that is there. Returns false. */
bool error_prefix(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The name used in JSON lines and logs, e.g. "not_found". Never NULL. */
const char *error_code_name(enum error_code code);

/* The code of a name; ERROR_NONE when there is none such. */
enum error_code error_code_from_name(const char *name);

/* True when trying the same job again may help (timeout, storage_unavailable, internal, out_of_memory, unavailable …). */
bool error_is_transient(enum error_code code);

/* The sysexits status that a command ends with when this error ends it. */
int error_exit_status(enum error_code code);

#endif
