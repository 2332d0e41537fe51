/* Fills option rows that no flag gave, from the environment and the settings file. Used by options.c alone. */
#ifndef FILOT_SETTINGS_H
#define FILOT_SETTINGS_H

#include "common/base/options.h"

struct settings_request {
	struct option_row *const *tables; /* NULL-terminated */
	const struct string_list *given; /* rows that a flag gave */
	const char *file; /* the settings file that was asked for, or NULL */
	const char *default_file; /* read when it exists and none was asked for */
	bool report; /* print the --check-config table on stdout */
};

/*
 * Sets the rows, then checks required_if and required_unless. A settings file is lines of KEY=value; blank lines and those that start with
 * '#' are passed over, a value may stand in double or single quotes, unknown keys belong to other commands.
 * Fails with ERROR_CONFIG. Strings read from files are kept in options->owned.
 */
bool settings_apply(const struct settings_request *request, struct options *options, struct error *error);

/* From options.c: sets one row's value from its text; `called` is how messages name it. */
bool options_set_row(const struct option_row *row, const char *called, const char *text, struct error *error);
bool options_row_given(const struct string_list *given, const struct option_row *row);

#endif
