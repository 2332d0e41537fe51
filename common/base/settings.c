/* Environment, NAME_FILE secrets and the settings file, as one look-up; and the table that --check-config prints. */
#include "common/base/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/lines.h"

#define LONGEST_VALUE_BYTES 65536

struct settings_file {
	char **keys; /* keys[i] and values[i] are owned by options->owned */
	char **values;
	size_t count;
};

static bool keep(struct options *options, char *text, struct error *error)
{
	char **owned = realloc(options->owned, (options->owned_count + 1) * sizeof *owned);
	if (!owned || !text) {
		if (owned)
			options->owned = owned;
		free(text);
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	}
	options->owned = owned;
	options->owned[options->owned_count++] = text;
	return true;
}

static char *trimmed(char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	size_t length = strlen(text);
	while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		text[--length] = '\0';
	return text;
}

static char *unquoted(char *value)
{
	size_t length = strlen(value);
	if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
		value[length - 1] = '\0';
		return value + 1;
	}
	return value;
}

static bool add_line(struct settings_file *file, struct options *options, const char *path, size_t number, char *line,
		     struct error *error)
{
	char *key = trimmed(line);
	if (!*key || *key == '#')
		return true;
	char *equals = strchr(key, '=');
	if (!equals)
		return error_set(error, ERROR_CONFIG, "%s:%zu: not KEY=value", path, number);
	*equals = '\0';
	char **keys = realloc(file->keys, (file->count + 1) * sizeof *keys);
	if (keys)
		file->keys = keys;
	char **values = realloc(file->values, (file->count + 1) * sizeof *values);
	if (values)
		file->values = values;
	if (!keys || !values)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	char *key_copy = strdup(trimmed(key));
	if (!keep(options, key_copy, error))
		return false;
	char *value_copy = strdup(unquoted(trimmed(equals + 1)));
	if (!keep(options, value_copy, error))
		return false;
	file->keys[file->count] = key_copy;
	file->values[file->count++] = value_copy;
	return true;
}

static bool read_settings_file(struct settings_file *file, struct options *options, const char *path, bool must_exist,
			       struct error *error)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) {
		if (!must_exist && errno == ENOENT)
			return true;
		return error_set(error, ERROR_CONFIG, "settings file %s: %s", path, strerror(errno));
	}
	struct lines lines;
	char *line;
	size_t length;
	enum lines_status status;
	bool done = true;
	lines_open(&lines, descriptor, LONGEST_VALUE_BYTES);
	while (done && (status = lines_next(&lines, &line, &length, NULL, error)) != LINES_END) {
		if (status == LINES_FAILED)
			done = error_prefix(error, "settings file %s", path);
		else if (status == LINES_TOO_LONG)
			done = error_set(error, ERROR_CONFIG, "%s:%zu: line too long", path, lines.number);
		else
			done = add_line(file, options, path, lines.number, line, error);
	}
	lines_free(&lines);
	(void)close(descriptor);
	return done;
}

/* The whole of a secret's file without its last line end. */
static char *read_secret(const char *name, const char *path, struct error *error)
{
	struct buffer buffer = { 0 };
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t count = descriptor < 0 ? -1 : 1;
	while (count > 0 && buffer.length <= LONGEST_VALUE_BYTES) {
		char *end = buffer_reserve(&buffer, 4096);
		count = end ? read(descriptor, end, 4096) : -1;
		if (count > 0)
			buffer_added(&buffer, (size_t)count);
	}
	int saved = errno;
	if (descriptor >= 0)
		(void)close(descriptor);
	if (count < 0 || buffer.length > LONGEST_VALUE_BYTES) {
		(void)error_set(error, ERROR_CONFIG, "%s_FILE: %s: %s", name, path,
				count < 0 ? strerror(saved) : "more than 64 KiB");
		buffer_free(&buffer);
		return NULL;
	}
	while (buffer.length && (buffer.data[buffer.length - 1] == '\n' || buffer.data[buffer.length - 1] == '\r'))
		buffer.data[--buffer.length] = '\0';
	return buffer_take(&buffer);
}

static const char *file_value(const struct settings_file *file, const char *name)
{
	for (size_t index = file->count; index-- > 0;)
		if (strcmp(file->keys[index], name) == 0 && *file->values[index])
			return file->values[index];
	return NULL;
}

/* Looks a name up as itself and as NAME_FILE, first in the environment, then in the file. False only at an error. */
static bool look_up(const struct settings_file *file, struct options *options, const char *name, const char **value,
		    const char **source, struct error *error)
{
	char file_name[128];
	(void)snprintf(file_name, sizeof file_name, "%s_FILE", name);
	const char *direct[] = { getenv(name), file_value(file, name) };
	const char *path[] = { getenv(file_name), file_value(file, file_name) };
	static const char *const sources[] = { "environment", "settings file" };
	*value = NULL;
	for (int index = 0; index < 2; index++) {
		*source = sources[index];
		if (direct[index] && *direct[index]) {
			*value = direct[index];
			return true;
		}
		if (path[index] && *path[index]) {
			char *secret = read_secret(name, path[index], error);
			if (!secret || !keep(options, secret, error))
				return false;
			*value = secret;
			return true;
		}
	}
	return true;
}

static bool apply_row(const struct settings_request *request, const struct settings_file *file, struct options *options,
		      const struct option_row *row, const char **source, struct error *error)
{
	const char *value = NULL;
	const char *called = row->setting;
	*source = NULL;
	if (options_row_given(request->given, row)) {
		*source = "flag";
		return true;
	}
	if (!row->setting)
		return true;
	if (!look_up(file, options, row->setting, &value, source, error))
		return false;
	if (!value && row->alias) {
		called = row->alias;
		if (!look_up(file, options, row->alias, &value, source, error))
			return false;
	}
	if (!value) {
		*source = NULL;
		return true;
	}
	if (options_set_row(row, called, value, error))
		return true;
	if (error && error->code == ERROR_USAGE)
		error->code = ERROR_CONFIG;
	return false;
}

static void report_row(const struct option_row *row, const char *source, bool missing)
{
	if (!row->setting)
		return;
	const char *state = source ? "set" : missing ? "MISSING" : "not set";
	const char *shown = "";
	if (source && row->secret)
		shown = "(hidden)";
	else if (source && row->kind == OPTION_STRING)
		shown = *(const char **)row->value;
	printf("%-30s %-8s %-14s %s\n", row->setting, state, source ? source : "-", shown);
}

/* scheme://[user]@rest becomes scheme://[user]:password@rest; a URL that has a password keeps it. */
static bool add_password(const struct option_row *row, struct options *options, struct error *error)
{
	const char **url = row->value;
	const char *password = row->password ? *row->password : NULL;
	const char *authority = password && *url ? strstr(*url, "://") : NULL;
	struct buffer whole = { 0 };
	if (!authority)
		return true;
	authority += 3;
	const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));
	size_t user_length = at ? (size_t)(at - authority) : 0;
	if (memchr(authority, ':', user_length))
		return true;
	buffer_append(&whole, *url, (size_t)(authority - *url) + user_length);
	buffer_append_char(&whole, ':');
	buffer_append_uri(&whole, password, false);
	buffer_append_char(&whole, '@');
	buffer_append_string(&whole, at ? at + 1 : authority);
	char *text = buffer_take(&whole);
	if (!keep(options, text, error))
		return false;
	*url = text;
	return true;
}

bool settings_apply(const struct settings_request *request, struct options *options, struct error *error)
{
	struct settings_file file = { 0 };
	char missing[256] = "";
	const char *path = request->file && *request->file ? request->file : request->default_file;
	bool done = read_settings_file(&file, options, path, path == request->file, error);
	for (struct option_row *const *table = request->tables; done && *table; table++)
		for (const struct option_row *row = *table; done && row->value; row++) {
			const char *source;
			done = apply_row(request, &file, options, row, &source, error);
			if (!done)
				break;
			bool lacks = !source && ((row->required_if && *row->required_if) ||
						 (row->required_unless && !*row->required_unless));
			if (request->report)
				report_row(row, source, lacks);
			size_t used = strlen(missing);
			if (lacks)
				(void)snprintf(missing + used, sizeof missing - used, "%s%s", used ? ", " : "",
					       row->setting);
		}
	for (struct option_row *const *table = request->tables; done && *table; table++)
		for (const struct option_row *row = *table; done && row->value; row++)
			done = add_password(row, options, error);
	free(file.keys);
	free(file.values);
	if (done && *missing)
		return error_set(error, ERROR_CONFIG, "missing settings: %s (see --help)", missing);
	return done;
}
