/*
 * Command lines and settings, from one table a command: a row is a flag, a setting (environment variable or line of the
 * settings file), or both. The order is flag, then environment, then file. A setting NAME may be given as NAME_FILE, the
 * path of a file that holds its value (a mounted secret); an empty value counts as not given.
 *
 * Every command gets --help, --version, --config FILE, --check-config and --log-level from here, and the text of --help
 * from its table, so that they cannot disagree.
 */
#ifndef FILOT_OPTIONS_H
#define FILOT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

struct string_list {
	const char **items;
	size_t count;
};

enum option_kind {
	OPTION_FLAG, /* bool: true when given */
	OPTION_STRING, /* const char * */
	OPTION_INTEGER, /* int64_t, within minimum..maximum */
	OPTION_DURATION, /* int64_t ms; "500ms", "30s", "5m", "2h", "7d"; a bare number is seconds */
	OPTION_BYTES, /* int64_t bytes; "64K", "10M", "2G" (powers of 1024); a bare number is bytes */
	OPTION_CHOICE, /* int: the index in `choices` */
	OPTION_CHOICES, /* unsigned: a bit for each, "a,b,c" */
	OPTION_LIST /* struct string_list: may be given several times */
};

struct option_row {
	const char *name; /* long name without its dashes; NULL: a setting only */
	char letter; /* short name, 0 when none */
	enum option_kind kind;
	void *value; /* keeps its initial value (the default) when nothing is given; NULL ends the table */
	const char *argument; /* what --help calls the argument */
	const char *help; /* one sentence, no full stop; the default is said here */
	const char *setting; /* e.g. "FILOT_REDIS_URL"; NULL: a flag only */
	const char *alias; /* another name of the setting, e.g. "REDIS_URL" */
	bool secret; /* never shown */
	const bool *required_if; /* the setting must be given when this is true; NULL: never */
	int64_t minimum, maximum; /* of numbers; both 0: from 0 up */
	const char *const *choices; /* NULL-terminated */
	const bool *required_unless; /* the setting must be given when this is false; NULL: never */
	const char *const *password; /* a URL's: another row's value that goes into it when it has none; NULL: none */
};

struct command {
	const char *name; /* "filot-enqueue" */
	const char *summary; /* what it does, one line */
	const char *usage; /* lines after the name, '\n' between alternatives */
	const char *details; /* text below the options of --help; may be NULL */
	struct option_row *rows;
};

enum options_outcome {
	OPTIONS_RUN, /* go on */
	OPTIONS_DONE, /* --help, --version or a clean --check-config was answered on stdout: exit 0 */
	OPTIONS_FAILED /* *error says why: usage (64) or configuration (78) */
};

struct options {
	struct string_list operands; /* what is left of argv */
	bool checked; /* OPTIONS_DONE by --check-config: for what the table cannot say */
	int log_level; /* enum log_level; log_open was called with it */
	char **owned; /* values read from files; freed by options_free */
	size_t owned_count;
};

/* Always true: for rows that are required whatever the flags say. */
extern const bool options_always;

/*
 * Reads argv by the table, opens the log and fills the rows' values. Strings live as long as argv, the environment and
 * *options. "--" ends the flags; abbreviations are refused.
 */
enum options_outcome options_parse(const struct command *command, struct options *options, int argc, char **argv,
				   struct error *error);

void options_free(struct options *options, const struct command *command);

/* Prints "NAME: message" and, for a usage error, where help is, on stderr; returns the exit status to end with. */
int options_exit(const struct command *command, const struct error *error);

#endif
