/* Flag parsing, --help and --version. Where values come from when no flag is given is in settings.c. */
#include "common/base/options.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/settings.h"
#include "common/base/version.h"

const bool options_always = true;

#define DEFAULT_SETTINGS_FILE "/etc/filot/filot.conf"

static const char *const log_level_names[] = { "debug", "info", "warning", "error", NULL };

/* What the rows that every command has fill in. */
struct common_values {
	bool help;
	bool version;
	bool check_config;
	const char *config;
	int log_level;
};

#define COMMON_ROWS 5

static void common_rows(struct common_values *values, struct option_row rows[static COMMON_ROWS + 1])
{
	rows[0] = (struct option_row){ "config", 0, OPTION_STRING, &values->config, "FILE",
				       "settings file of KEY=value lines (" DEFAULT_SETTINGS_FILE " when it exists)",
				       .setting = "FILOT_CONFIG" };
	rows[1] = (struct option_row){ "check-config", 0, OPTION_FLAG, &values->check_config, NULL,
				       "say which settings are given and which are missing, then stop" };
	rows[2] = (struct option_row){ "log-level", 0, OPTION_CHOICE, &values->log_level, "LEVEL",
				       "least level logged: debug, info, warning or error (info)",
				       .setting = "FILOT_LOG_LEVEL", .choices = log_level_names };
	rows[3] = (struct option_row){ "help", 'h', OPTION_FLAG, &values->help, NULL, "print this help" };
	rows[4] = (struct option_row){ "version", 0, OPTION_FLAG, &values->version, NULL, "print the version" };
	rows[5] = (struct option_row){ 0 };
}

/* The number at the start of `text`, and where it ends. */
static bool read_number(const char *text, int64_t *value, const char **end)
{
	char *after;
	errno = 0;
	if ((*text < '0' || *text > '9') && !(*text == '-' && text[1] >= '0' && text[1] <= '9'))
		return false;
	intmax_t number = strtoimax(text, &after, 10);
	*value = number;
	*end = after;
	return errno == 0;
}

static bool scale_number(int64_t *value, int64_t factor)
{
	return !__builtin_mul_overflow(*value, factor, value);
}

static bool read_duration(const char *text, int64_t *ms)
{
	const char *unit;
	if (!read_number(text, ms, &unit))
		return false;
	if (strcmp(unit, "ms") == 0)
		return true;
	if (!*unit || strcmp(unit, "s") == 0)
		return scale_number(ms, 1000);
	if (strcmp(unit, "m") == 0)
		return scale_number(ms, 60 * 1000);
	if (strcmp(unit, "h") == 0)
		return scale_number(ms, 3600 * 1000);
	return strcmp(unit, "d") == 0 && scale_number(ms, INT64_C(86400) * 1000);
}

static bool read_bytes(const char *text, int64_t *bytes)
{
	const char *unit;
	if (!read_number(text, bytes, &unit))
		return false;
	static const char units[] = "KMGT";
	if (!*unit || strcmp(unit, "B") == 0)
		return true;
	const char *found = strchr(units, *unit);
	if (!found || (unit[1] && strcmp(unit + 1, "B") != 0 && strcmp(unit + 1, "iB") != 0))
		return false;
	return scale_number(bytes, INT64_C(1) << (10 * (found - units + 1)));
}

static bool set_number(const struct option_row *row, const char *called, const char *text, struct error *error)
{
	int64_t value;
	const char *end;
	const char *wanted = row->kind == OPTION_DURATION ? "a duration such as 500ms, 30s or 5m" :
			     row->kind == OPTION_BYTES	  ? "a size such as 64K or 10M" :
							    "a whole number";
	bool read = row->kind == OPTION_DURATION ? read_duration(text, &value) :
		    row->kind == OPTION_BYTES	 ? read_bytes(text, &value) :
						   read_number(text, &value, &end) && !*end;
	if (!read)
		return error_set(error, ERROR_USAGE, "%s: \"%s\" is not %s", called, text, wanted);
	int64_t maximum = row->maximum || row->minimum ? row->maximum : INT64_MAX;
	if (value < row->minimum || value > maximum)
		return error_set(error, ERROR_USAGE, "%s: %s is not within %" PRId64 " to %" PRId64 "%s", called, text,
				 row->minimum, maximum, row->kind == OPTION_DURATION ? " ms" : "");
	*(int64_t *)row->value = value;
	return true;
}

/* The index of the choice that is the first `length` characters of `text`; -1 with *error when there is none. */
static int find_choice(const struct option_row *row, const char *called, const char *text, size_t length,
		       struct error *error)
{
	char list[256] = "";
	for (int index = 0; row->choices[index]; index++) {
		if (strlen(row->choices[index]) == length && strncmp(row->choices[index], text, length) == 0)
			return index;
		size_t used = strlen(list);
		(void)snprintf(list + used, sizeof list - used, "%s%s", index ? ", " : "", row->choices[index]);
	}
	(void)error_set(error, ERROR_USAGE, "%s: \"%.*s\" is none of: %s", called, (int)(length < 64 ? length : 64), text,
			list);
	return -1;
}

static bool set_choice(const struct option_row *row, const char *called, const char *text, struct error *error)
{
	int index = find_choice(row, called, text, strlen(text), error);
	if (index >= 0)
		*(int *)row->value = index;
	return index >= 0;
}

static bool set_choices(const struct option_row *row, const char *called, const char *text, struct error *error)
{
	unsigned chosen = 0;
	for (;;) {
		size_t length = strcspn(text, ",");
		int index = find_choice(row, called, text, length, error);
		if (index < 0)
			return false;
		chosen |= 1U << index;
		if (!text[length])
			break;
		text += length + 1;
	}
	*(unsigned *)row->value = chosen;
	return true;
}

static bool set_flag(const struct option_row *row, const char *called, const char *text, struct error *error)
{
	static const char *const truths[] = { "1", "true", "yes", "on", "0", "false", "no", "off" };
	for (int index = 0; text && index < 8; index++)
		if (strcmp(text, truths[index]) == 0) {
			*(bool *)row->value = index < 4;
			return true;
		}
	if (text)
		return error_set(error, ERROR_USAGE, "%s: \"%s\" is neither true nor false", called, text);
	*(bool *)row->value = true;
	return true;
}

static bool list_append(struct string_list *list, const char *text, struct error *error)
{
	const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
	if (!items)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	items[list->count++] = text;
	list->items = items;
	return true;
}

bool options_set_row(const struct option_row *row, const char *called, const char *text, struct error *error)
{
	switch (row->kind) {
	case OPTION_FLAG:
		return set_flag(row, called, text, error);
	case OPTION_STRING:
		*(const char **)row->value = text;
		return true;
	case OPTION_CHOICE:
		return set_choice(row, called, text, error);
	case OPTION_CHOICES:
		return set_choices(row, called, text, error);
	case OPTION_LIST:
		return list_append(row->value, text, error);
	default:
		return set_number(row, called, text, error);
	}
}

/* The row whose long name is the first `length` characters of `name`, or whose letter is `letter`. */
static struct option_row *find_row(struct option_row *const *tables, const char *name, size_t length, char letter)
{
	for (; *tables; tables++)
		for (struct option_row *row = *tables; row->value; row++) {
			if (letter && row->letter == letter)
				return row;
			if (name && row->name && strlen(row->name) == length && strncmp(row->name, name, length) == 0)
				return row;
		}
	return NULL;
}

struct parser {
	struct option_row *const *tables;
	struct string_list *given; /* rows that a flag set, as pointers in disguise: see row_given */
	char **argv;
	int argc;
	int next;
};

static bool mark_given(struct parser *parser, const struct option_row *row, struct error *error)
{
	return list_append(parser->given, (const char *)row, error);
}

bool options_row_given(const struct string_list *given, const struct option_row *row)
{
	for (size_t index = 0; index < given->count; index++)
		if (given->items[index] == (const char *)row)
			return true;
	return false;
}

static bool take_value(struct parser *parser, const struct option_row *row, const char *called, const char *inline_value,
		       struct error *error)
{
	const char *text = inline_value;
	if (row->kind == OPTION_FLAG && inline_value)
		return error_set(error, ERROR_USAGE, "%s takes no argument", called);
	if (row->kind != OPTION_FLAG && !text) {
		if (parser->next >= parser->argc)
			return error_set(error, ERROR_USAGE, "%s needs an argument %s", called, row->argument);
		text = parser->argv[parser->next++];
	}
	return options_set_row(row, called, text, error) && mark_given(parser, row, error);
}

static bool parse_long(struct parser *parser, const char *argument, struct error *error)
{
	const char *name = argument + 2;
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct option_row *row = find_row(parser->tables, name, length, 0);
	if (!row)
		return error_set(error, ERROR_USAGE, "unknown flag --%.*s", (int)(length < 64 ? length : 64), name);
	char called[80];
	(void)snprintf(called, sizeof called, "--%s", row->name);
	return take_value(parser, row, called, equals ? equals + 1 : NULL, error);
}

static bool parse_letters(struct parser *parser, const char *argument, struct error *error)
{
	for (const char *letter = argument + 1; *letter; letter++) {
		const struct option_row *row = find_row(parser->tables, NULL, 0, *letter);
		if (!row)
			return error_set(error, ERROR_USAGE, "unknown flag -%c", *letter);
		char called[4] = { '-', *letter, '\0' };
		if (row->kind != OPTION_FLAG)
			return take_value(parser, row, called, letter[1] ? letter + 1 : NULL, error);
		if (!take_value(parser, row, called, NULL, error))
			return false;
	}
	return true;
}

static bool parse_arguments(struct parser *parser, struct string_list *operands, struct error *error)
{
	bool flags_ended = false;
	while (parser->next < parser->argc) {
		const char *argument = parser->argv[parser->next++];
		bool parsed;
		if (flags_ended || argument[0] != '-' || !argument[1])
			parsed = list_append(operands, argument, error);
		else if (strcmp(argument, "--") == 0)
			parsed = flags_ended = true;
		else if (argument[1] == '-')
			parsed = parse_long(parser, argument, error);
		else
			parsed = parse_letters(parser, argument, error);
		if (!parsed)
			return false;
	}
	return true;
}

/* Two columns; a name that is too long for its own has the line to itself. */
static void print_name(const char *name, const char *help)
{
	printf("  %-28s%s%s\n", name, strlen(name) > 27 ? "\n                              " : "", help);
}

static void print_row(const struct option_row *row)
{
	char flag[96];
	if (!row->name)
		return;
	(void)snprintf(flag, sizeof flag, "%c%c%s--%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
		       row->letter ? ", " : "  ", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
	print_name(flag, row->help);
	if (row->setting)
		printf("                              [%s]\n", row->setting);
}

static void print_help(const struct command *command, struct option_row *const *tables)
{
	printf("%s: %s\n\n", command->name, command->summary);
	const char *line = command->usage;
	for (bool first = true; *line; first = false) {
		size_t length = strcspn(line, "\n");
		printf("%s %s %.*s\n", first ? "usage:" : "      ", command->name, (int)length, line);
		line += length + (line[length] == '\n');
	}
	printf("\n");
	for (; *tables; tables++)
		for (const struct option_row *row = *tables; row->value; row++)
			print_row(row);
	bool heading = false;
	for (const struct option_row *row = command->rows; row->value; row++) {
		if (row->name)
			continue;
		if (!heading)
			printf("\nsettings (environment, or KEY=value lines of the settings file):\n");
		heading = true;
		print_name(row->setting, row->help);
	}
	if (command->details)
		printf("\n%s\n", command->details);
	printf("\nSee %s(1) for more.\n", command->name);
}

enum options_outcome options_parse(const struct command *command, struct options *options, int argc, char **argv,
				   struct error *error)
{
	struct common_values values = { .log_level = LOG_LEVEL_INFO };
	struct option_row common[COMMON_ROWS + 1];
	common_rows(&values, common);
	struct option_row *const tables[] = { command->rows, common, NULL };
	struct string_list given = { 0 };
	struct parser parser = { .tables = tables, .given = &given, .argv = argv, .argc = argc, .next = 1 };
	enum options_outcome outcome = OPTIONS_FAILED;
	*options = (struct options){ 0 };
	log_open(command->name, LOG_LEVEL_INFO);
	if (!parse_arguments(&parser, &options->operands, error))
		goto out;
	if (values.help || values.version) {
		if (values.help)
			print_help(command, tables);
		else
			printf("%s %s\n", command->name, FILOT_VERSION);
		outcome = OPTIONS_DONE;
		goto out;
	}
	struct settings_request request = { .tables = tables, .given = &given, .file = values.config,
					    .default_file = DEFAULT_SETTINGS_FILE, .report = values.check_config };
	if (!values.config)
		request.file = getenv("FILOT_CONFIG");
	if (!settings_apply(&request, options, error))
		goto out;
	options->log_level = values.log_level;
	log_open(command->name, (enum log_level)values.log_level);
	options->checked = values.check_config;
	outcome = values.check_config ? OPTIONS_DONE : OPTIONS_RUN;
out:
	free(given.items);
	if (outcome == OPTIONS_DONE && (fflush(stdout) != 0 || ferror(stdout))) {
		(void)error_set(error, ERROR_INTERNAL, "writing standard output: %s", strerror(errno));
		outcome = OPTIONS_FAILED;
	}
	return outcome;
}

void options_free(struct options *options, const struct command *command)
{
	for (const struct option_row *row = command->rows; row->value; row++)
		if (row->kind == OPTION_LIST) {
			free(((struct string_list *)row->value)->items);
			*(struct string_list *)row->value = (struct string_list){ 0 };
		}
	for (size_t index = 0; index < options->owned_count; index++)
		free(options->owned[index]);
	free(options->owned);
	free(options->operands.items);
	*options = (struct options){ 0 };
}

int options_exit(const struct command *command, const struct error *error)
{
	if (error->code == ERROR_USAGE)
		fprintf(stderr, "%s: %s\nTry \"%s --help\".\n", command->name, error->message, command->name);
	else
		log_error("failed", log_failure(error));
	return error_exit_status(error->code);
}
