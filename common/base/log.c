/* The log on stderr: JSON lines for machines, short plain lines for a person at a terminal. */
#include "common/base/log.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/json_text.h"

#define LINE_BYTES 1000 /* of most lines */

static struct {
	const char *command;
	enum log_level level;
	bool plain;
} current = { .command = "filot", .level = LOG_LEVEL_INFO };

static const char *const level_names[] = { "debug", "info", "warning", "error" };

void log_open(const char *command, enum log_level level)
{
	current.command = command;
	current.level = level;
	current.plain = isatty(STDERR_FILENO) == 1;
}

bool log_writes(enum log_level level)
{
	return level >= current.level;
}

static void append_value(struct buffer *line, const struct log_field *field)
{
	switch (field->type) {
	case LOG_FIELD_STRING:
		json_text_string(line, field->value.string, strlen(field->value.string));
		break;
	case LOG_FIELD_INTEGER:
		buffer_printf(line, "%" PRId64, field->value.integer);
		break;
	case LOG_FIELD_NUMBER:
		/* JSON has no infinities */
		if (field->value.number - field->value.number != 0.0)
			buffer_append_string(line, "null");
		else
			buffer_printf(line, "%.6g", field->value.number);
		break;
	case LOG_FIELD_BOOLEAN:
		buffer_append_string(line, field->value.boolean ? "true" : "false");
		break;
	}
}

static bool is_absent(const struct log_field *field)
{
	return field->type == LOG_FIELD_STRING && !field->value.string;
}

static void append_json(struct buffer *line, enum log_level level, const char *event, const struct log_field *fields)
{
	char time[CLOCK_RFC3339_SIZE];
	buffer_printf(line, "{\"ts\":\"%s\",\"level\":\"%s\",\"command\":\"%s\",\"pid\":%ld,\"event\":\"%s\"",
		      clock_rfc3339(clock_unix_ms(), time), level_names[level], current.command, (long)getpid(), event);
	for (const struct log_field *field = fields; field->name; field++) {
		if (is_absent(field))
			continue;
		buffer_printf(line, ",\"%s\":", field->name);
		append_value(line, field);
	}
	buffer_append_string(line, "}\n");
}

static void append_plain(struct buffer *line, enum log_level level, const char *event, const struct log_field *fields)
{
	/* "\r\033[K" wipes a progress line that may stand there */
	buffer_printf(line, "\r\033[K%s: %s%s%s", current.command, level >= LOG_LEVEL_WARNING ? level_names[level] : "",
		      level >= LOG_LEVEL_WARNING ? ": " : "", event);
	for (const struct log_field *field = fields; field->name; field++) {
		if (is_absent(field))
			continue;
		buffer_printf(line, " %s=", field->name);
		append_value(line, field);
	}
	buffer_append_char(line, '\n');
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	if (!log_writes(level))
		return;
	struct buffer line = { 0 };
	(void)buffer_reserve(&line, LINE_BYTES);
	if (current.plain)
		append_plain(&line, level, event, fields);
	else
		append_json(&line, level, event, fields);
	/* A log that cannot be written has nobody left to tell. */
	if (!line.failed && write(STDERR_FILENO, line.data, line.length) < 0)
		line.failed = true;
	buffer_free(&line);
}
