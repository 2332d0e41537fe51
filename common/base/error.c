/* Error values and the one table that ties code, JSON name, retry class and exit status together. */
#include "common/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct {
	const char *name;
	bool transient;
	int exit_status;
} codes[ERROR_CODE_COUNT] = {
	[ERROR_NONE] = { "none", false, EX_OK },
	[ERROR_NOT_FOUND] = { "not_found", false, EX_DATAERR },
	[ERROR_TOO_LARGE] = { "too_large", false, EX_DATAERR },
	[ERROR_UNSUPPORTED_FORMAT] = { "unsupported_format", false, EX_DATAERR },
	[ERROR_CORRUPT_DOCUMENT] = { "corrupt_document", false, EX_DATAERR },
	[ERROR_ENCRYPTED_DOCUMENT] = { "encrypted_document", false, EX_DATAERR },
	[ERROR_EMPTY_DOCUMENT] = { "empty_document", false, EX_DATAERR },
	[ERROR_TOO_MANY_PAGES] = { "too_many_pages", false, EX_DATAERR },
	[ERROR_PAGE_TOO_LARGE] = { "page_too_large", false, EX_DATAERR },
	[ERROR_TIMEOUT] = { "timeout", true, EX_TEMPFAIL },
	[ERROR_OUT_OF_MEMORY] = { "out_of_memory", true, EX_TEMPFAIL },
	[ERROR_CHECKSUM_MISMATCH] = { "checksum_mismatch", false, EX_DATAERR },
	[ERROR_FORBIDDEN_URI] = { "forbidden_uri", false, EX_DATAERR },
	[ERROR_BAD_JOB] = { "bad_job", false, EX_DATAERR },
	[ERROR_UNKNOWN_LANGUAGE] = { "unknown_language", false, EX_DATAERR },
	[ERROR_STORAGE_UNAVAILABLE] = { "storage_unavailable", true, EX_UNAVAILABLE },
	[ERROR_INTERNAL] = { "internal", true, EX_SOFTWARE },
	[ERROR_USAGE] = { "usage", false, EX_USAGE },
	[ERROR_CONFIG] = { "configuration", false, EX_CONFIG },
	[ERROR_UNAVAILABLE] = { "unavailable", true, EX_UNAVAILABLE },
	[ERROR_TRY_AGAIN] = { "try_again", true, EX_TEMPFAIL },
	[ERROR_NOT_PERMITTED] = { "not_permitted", false, EX_NOPERM },
	[ERROR_BAD_INPUT] = { "bad_input", false, EX_DATAERR },
};

bool error_set(struct error *error, enum error_code code, const char *format, ...)
{
	if (!error)
		return false;
	error->code = code;
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(error->message, sizeof error->message, format, arguments);
	va_end(arguments);
	return false;
}

bool error_prefix(struct error *error, const char *format, ...)
{
	if (!error)
		return false;
	struct error old = *error;
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(error->message, sizeof error->message, format, arguments);
	va_end(arguments);
	if (length < 0)
		length = 0;
	if ((size_t)length < sizeof error->message)
		(void)snprintf(error->message + length, sizeof error->message - (size_t)length, ": %s", old.message);
	return false;
}

const char *error_code_name(enum error_code code)
{
	return code >= 0 && code < ERROR_CODE_COUNT ? codes[code].name : "internal";
}

enum error_code error_code_from_name(const char *name)
{
	for (int code = 0; name && code < ERROR_CODE_COUNT; code++)
		if (strcmp(codes[code].name, name) == 0)
			return (enum error_code)code;
	return ERROR_NONE;
}

bool error_is_transient(enum error_code code)
{
	return code > ERROR_NONE && code < ERROR_CODE_COUNT && codes[code].transient;
}

int error_exit_status(enum error_code code)
{
	return code >= 0 && code < ERROR_CODE_COUNT ? codes[code].exit_status : EX_SOFTWARE;
}
