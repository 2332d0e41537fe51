/*
 * The log: one line an event on stderr, JSON unless stderr is a terminal. It is the only global state of the house.
 * Safe from several threads: a line is one write(2). Never pass a secret.
 *
 *   log_info("job_done", log_string("job", job->id), log_integer("ms", ms));
 *   {"ts":"2026-11-24T10:37:21.123Z","level":"info","command":"filot-ocr-gpu","pid":71,"event":"job_done","job":"01J…","ms":12}
 */
#ifndef FILOT_LOG_H
#define FILOT_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log_field {
	const char *name; /* NULL ends the list */
	enum { LOG_FIELD_STRING, LOG_FIELD_INTEGER, LOG_FIELD_NUMBER, LOG_FIELD_BOOLEAN } type;
	union {
		const char *string; /* NULL: the field is left out */
		int64_t integer;
		double number;
		bool boolean;
	} value;
};

#define log_string(field_name, text) \
	((struct log_field){ .name = (field_name), .type = LOG_FIELD_STRING, .value.string = (text) })
#define log_integer(field_name, count) \
	((struct log_field){ .name = (field_name), .type = LOG_FIELD_INTEGER, .value.integer = (int64_t)(count) })
#define log_number(field_name, real) \
	((struct log_field){ .name = (field_name), .type = LOG_FIELD_NUMBER, .value.number = (real) })
#define log_boolean(field_name, truth) \
	((struct log_field){ .name = (field_name), .type = LOG_FIELD_BOOLEAN, .value.boolean = (truth) })

#define log_event(level, event, ...) \
	log_write((level), (event), (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ) { .name = 0 } })
#define log_debug(event, ...) log_event(LOG_LEVEL_DEBUG, event __VA_OPT__(, ) __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_LEVEL_INFO, event __VA_OPT__(, ) __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_LEVEL_WARNING, event __VA_OPT__(, ) __VA_ARGS__)
#define log_error(event, ...) log_event(LOG_LEVEL_ERROR, event __VA_OPT__(, ) __VA_ARGS__)

/* Once, at the start of main: the command's name and the least level that is written. */
void log_open(const char *command, enum log_level level);

/* Whether events of a level are written: for what costs something to find out. */
bool log_writes(enum log_level level);

/* Fields for an error: its code and message. */
#define log_failure(error) log_string("code", error_code_name((error)->code)), log_string("message", (error)->message)

/* Use the macros above. `event` is a stable snake_case word. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#endif
