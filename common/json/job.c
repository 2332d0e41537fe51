/*
 * Job and receipt lines by jansson. Lines come from anybody, so everything is checked here once: length, depth (jansson
 * and whoever reads the line later recurse), duplicates, types, ranges. A job keeps its parsed object, so that members
 * of a newer sender come out again as they came in; a plain line (job_plain.c) is parsed only once somebody wants that.
 */
#include "common/json/job_private.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"

#define DEEPEST 32
#define MOST_HISTORY 20

const char *const job_priority_names[JOB_PRIORITY_COUNT + 1] = { "high", "normal", "low", NULL };

static bool refuse(struct error *error, const char *member, const char *rule)
{
	return error_set(error, ERROR_BAD_JOB, "%s: %s", member, rule);
}

static bool out_of_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "job: out of memory");
}

/* True when no bracket outside a string opens a level beyond DEEPEST. */
static bool depth_allowed(const char *line, size_t length)
{
	int depth = 0;
	bool in_string = false;
	for (size_t index = 0; index < length; index++) {
		char byte = line[index];
		if (in_string) {
			if (byte == '\\')
				index++;
			else if (byte == '"')
				in_string = false;
		} else if (byte == '"') {
			in_string = true;
		} else if (byte == '{' || byte == '[') {
			if (++depth > DEEPEST)
				return false;
		} else if (byte == '}' || byte == ']') {
			depth--;
		}
	}
	return true;
}

/* `text` as a JSON string value; bytes that are no UTF-8 (a message cut in the middle of a character) become '?'. */
static json_t *string_value(const char *text)
{
	struct buffer clean = { 0 };
	size_t length = strlen(text);
	for (size_t index = 0; index < length;) {
		size_t size = json_text_utf8_length(text + index, length - index);
		buffer_append(&clean, size ? text + index : "?", size ? size : 1);
		index += size ? size : 1;
	}
	json_t *value = clean.failed ? NULL : json_stringn(clean.data ? clean.data : "", clean.length);
	buffer_free(&clean);
	return value;
}

static bool read_members(struct job *job, json_t *object, struct error *error)
{
	for (enum job_member member = 0; member < JOB_TEXT_COUNT; member++) {
		json_t *value = json_object_get(object, job_member_names[member]);
		if (!value)
			continue;
		if (!json_is_string(value))
			return refuse(error, job_member_names[member], "must be a string");
		const char *text = json_string_value(value);
		if (!job_rules[member].valid(text))
			return refuse(error, job_member_names[member], job_rules[member].rule);
		*job_text(job, member) = text;
	}
	return job->uri || refuse(error, "uri", "is missing");
}

/* Puts a value in the object that lacked it, and gives it back (borrowed); NULL when memory ends. */
static json_t *set_default(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) == 0 ? json_object_get(object, name) : NULL;
}

static bool read_priority(struct job *job, json_t *object, struct error *error)
{
	json_t *value = json_object_get(object, "priority");
	job->priority = JOB_PRIORITY_NORMAL;
	if (!value)
		return set_default(object, "priority", json_string("normal")) || out_of_memory(error);
	const char *text = json_string_value(value);
	for (int index = 0; text && index < JOB_PRIORITY_COUNT; index++)
		if (strcmp(text, job_priority_names[index]) == 0) {
			job->priority = (enum job_priority)index;
			return true;
		}
	return refuse(error, "priority", "must be high, normal or low");
}

static bool read_attempt(struct job *job, json_t *object, struct error *error)
{
	json_t *value = json_object_get(object, "attempt");
	json_t *first = json_object_get(object, "first_attempt");
	if (!value && !(value = set_default(object, "attempt", json_integer(1))))
		return out_of_memory(error);
	job->attempt = json_integer_value(value);
	if (!json_is_integer(value) || job->attempt < 1 || job->attempt > JOB_MOST_ATTEMPTS)
		return refuse(error, "attempt", "must be a whole number from 1 to 1000000");
	job->first_attempt = first ? json_integer_value(first) : 1;
	if (first && (!json_is_integer(first) || job->first_attempt < 1 || job->first_attempt > job->attempt))
		return refuse(error, "first_attempt", "must be a whole number from 1 to the attempt");
	return true;
}

static bool read_time(struct job *job, json_t *object, struct error *error)
{
	json_t *value = json_object_get(object, "enqueued_at");
	if (!value) {
		char text[CLOCK_RFC3339_SIZE];
		job->enqueued_at_ms = clock_unix_ms();
		return set_default(object, "enqueued_at", json_string(clock_rfc3339(job->enqueued_at_ms, text))) ||
		       out_of_memory(error);
	}
	if (!json_is_string(value) || !clock_parse_rfc3339(json_string_value(value), &job->enqueued_at_ms))
		return refuse(error, "enqueued_at", "must be an RFC 3339 time");
	return true;
}

static bool check_history(json_t *object, struct error *error)
{
	json_t *history = json_object_get(object, "history");
	json_t *item;
	size_t index;
	if (history && !json_is_array(history))
		return refuse(error, "history", "must be an array of objects");
	json_array_foreach(history, index, item) if (!json_is_object(item)) return refuse(
	    error, "history", "must be an array of objects");
	return true;
}

/* The members that must be there in the end, whoever made the line. */
static bool fill_defaults(struct job *job, json_t *object, struct error *error)
{
	if (!json_object_get(object, "job") && !set_default(object, "job", json_string(ulid_new(job->id))))
		return out_of_memory(error);
	if (!job->document)
		job->document = json_string_value(set_default(object, "document", json_string(job->id)));
	job->lang_given = job->lang != NULL;
	if (!job->lang)
		job->lang = json_string_value(set_default(object, "lang", json_string("eng")));
	return (job->document && job->lang) || out_of_memory(error);
}

/* All rules over a parsed object; the job borrows its strings. */
static bool read_object(struct job *job, json_t *object, struct error *error)
{
	json_t *id = json_object_get(object, "job");
	if (id && (!json_is_string(id) || !ulid_valid(json_string_value(id))))
		return refuse(error, "job", "must be a ULID, 26 characters");
	if (id)
		memcpy(job->id, json_string_value(id), ULID_SIZE);
	json_t *version = json_object_get(object, "v");
	if (!version && !(version = set_default(object, "v", json_integer(1))))
		return out_of_memory(error);
	if (!json_is_integer(version) || json_integer_value(version) != 1)
		return refuse(error, "v", "must be 1; this program knows no other version");
	return read_members(job, object, error) && fill_defaults(job, object, error) &&
	       read_priority(job, object, error) && read_attempt(job, object, error) && read_time(job, object, error) &&
	       check_history(object, error);
}

/* Takes `object` over: the job owns it, or it is freed and the job is zero but for a valid id. */
static bool job_from_object(struct job *job, json_t *object, struct error *error)
{
	if (read_object(job, object, error)) {
		job->json = object;
		return true;
	}
	char id[ULID_SIZE];
	memcpy(id, job->id, sizeof id);
	*job = (struct job){ 0 };
	memcpy(job->id, id, sizeof id);
	json_decref(object);
	return false;
}

/* Puts one text in the object by its rule. */
static bool set_text(json_t *object, enum job_member member, const char *text, struct error *error)
{
	if (!job_utf8_valid(text))
		return refuse(error, job_member_names[member], "is not UTF-8");
	if (!job_rules[member].valid(text))
		return refuse(error, job_member_names[member], job_rules[member].rule);
	return set_default(object, job_member_names[member], json_string_nocheck(text)) || out_of_memory(error);
}

/* Puts what is given and the object lacks in it. */
static bool fill_given(json_t *object, const struct job_template *given, struct error *error)
{
	const char *texts[JOB_TEXT_COUNT];
	job_template_texts(given, texts);
	for (enum job_member member = 0; member < JOB_TEXT_COUNT; member++)
		if (texts[member] && !json_object_get(object, job_member_names[member]) &&
		    !set_text(object, member, texts[member], error))
			return false;
	if (given->priority < 0 || given->priority >= JOB_PRIORITY_COUNT || json_object_get(object, "priority"))
		return true;
	return set_default(object, "priority", json_string(job_priority_names[given->priority])) ||
	       out_of_memory(error);
}

bool job_parse_given(struct job *job, const char *line, size_t length, const struct job_template *given,
		     struct error *error)
{
	*job = (struct job){ 0 };
	if (length > JOB_LONGEST_LINE_BYTES)
		return refuse(error, "line", "is longer than 1 MiB");
	if (job_plain(job, line, length, given))
		return true;
	if (!depth_allowed(line, length))
		return refuse(error, "line", "is nested deeper than 32 levels");
	json_error_t why;
	json_t *value = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (!value && json_error_code(&why) == json_error_out_of_memory)
		return out_of_memory(error);
	if (!value) {
		/* jansson quotes the bytes near the fault, which may be any. */
		for (char *byte = why.text; *byte; byte++)
			if ((unsigned char)*byte < 0x20 || (unsigned char)*byte > 0x7e)
				*byte = '?';
		return error_set(error, ERROR_BAD_JOB, "line: is not JSON at byte %d: %s", why.position, why.text);
	}
	size_t members = json_object_size(value);
	if (!json_is_object(value) || (given && !fill_given(value, given, error))) {
		bool is_object = json_is_object(value);
		json_decref(value);
		return is_object ? false : refuse(error, "line", "is not a JSON object");
	}
	if (!job_from_object(job, value, error))
		return false;
	/* A line that lacked nothing goes on as it is: writing values again is dearer than reading them. */
	if (json_object_size(job->json) == members && !memchr(line, '\n', length) && !memchr(line, '\r', length))
		buffer_append(&job->line, line, length);
	if (job->line.failed)
		buffer_free(&job->line);
	return true;
}

bool job_parse(struct job *job, const char *line, size_t length, struct error *error)
{
	return job_parse_given(job, line, length, NULL, error);
}

bool job_new(struct job *job, const struct job_template *given, struct error *error)
{
	char id[ULID_SIZE];
	if (job_plain(job, NULL, 0, given))
		return true;
	*job = (struct job){ 0 };
	json_t *object = json_object();
	if (!object || !set_default(object, "v", json_integer(1)) ||
	    !set_default(object, "job", json_string(ulid_new(id)))) {
		json_decref(object);
		return out_of_memory(error);
	}
	if (!fill_given(object, given, error)) {
		json_decref(object);
		return false;
	}
	return job_from_object(job, object, error);
}

void *job_json(struct job *job, struct error *error)
{
	if (!job->json && !(job->json = json_loadb(job->line.data, job->line.length, 0, NULL)))
		(void)out_of_memory(error);
	return job->json;
}

bool job_set_member(struct job *job, const char *name, const char *text, struct error *error)
{
	enum job_member member = 0;
	while (member < JOB_TEXT_COUNT && strcmp(job_member_names[member], name) != 0)
		member++;
	if (member == JOB_TEXT_COUNT)
		return refuse(error, name, "is no member of a job that has a text");
	if (!job_json(job, error) || !set_text(job->json, member, text, error))
		return false;
	buffer_free(&job->line);
	*job_text(job, member) = json_string_value(json_object_get(job->json, name));
	return true;
}

bool job_set_attempt(struct job *job, int64_t attempt, struct error *error)
{
	if (attempt < 1 || attempt > JOB_MOST_ATTEMPTS)
		return refuse(error, "attempt", "must be a whole number from 1 to 1000000");
	if (attempt == job->attempt)
		return true;
	if (!job_json(job, error))
		return false;
	buffer_free(&job->line);
	if (json_object_set_new(job->json, "attempt", json_integer(attempt)) != 0)
		return out_of_memory(error);
	job->attempt = attempt;
	return true;
}

int64_t job_tries(const struct job *job)
{
	return job->attempt - job->first_attempt + 1;
}

bool job_revive(struct job *job, struct error *error)
{
	if (!job_set_attempt(job, job->attempt + 1, error))
		return false;
	if (json_object_set_new(job->json, "first_attempt", json_integer(job->attempt)) != 0)
		return out_of_memory(error);
	job->first_attempt = job->attempt;
	return true;
}

bool job_add_history(struct job *job, int64_t attempt, const char *worker, const struct error *why, struct error *error)
{
	if (!job_json(job, error))
		return false;
	buffer_free(&job->line);
	json_t *history = json_object_get(job->json, "history");
	if (!history && !(history = set_default(job->json, "history", json_array())))
		return out_of_memory(error);
	char at[CLOCK_RFC3339_SIZE];
	json_t *item = json_object();
	if (!item || json_object_set_new(item, "attempt", json_integer(attempt)) != 0 ||
	    json_object_set_new(item, "worker", string_value(worker ? worker : "")) != 0 ||
	    json_object_set_new(item, "at", json_string(clock_rfc3339(clock_unix_ms(), at))) != 0 ||
	    json_object_set_new(item, "code", json_string(error_code_name(why->code))) != 0 ||
	    json_object_set_new(item, "message", string_value(why->message)) != 0) {
		json_decref(item);
		return out_of_memory(error);
	}
	if (json_array_append_new(history, item) != 0)
		return out_of_memory(error);
	while (json_array_size(history) > MOST_HISTORY)
		(void)json_array_remove(history, 0);
	return true;
}

int64_t job_failures(struct job *job, const enum error_code codes[])
{
	int64_t count = 0;
	size_t index;
	const json_t *item;
	struct error ignored = { 0 };
	json_array_foreach(json_object_get(job_json(job, &ignored), "history"), index, item)
	{
		const char *name = json_string_value(json_object_get(item, "code"));
		enum error_code code = name ? error_code_from_name(name) : ERROR_NONE;
		bool is_try = json_integer_value(json_object_get(item, "attempt")) >= job->first_attempt;
		for (size_t at = 0; is_try && codes[at] != ERROR_NONE; at++)
			count += code == codes[at];
	}
	return count;
}

bool job_copy(struct job *job, struct job *copy, struct error *error)
{
	*copy = *job;
	copy->texts = NULL;
	copy->line = (struct buffer){ 0 };
	copy->json = json_deep_copy(job_json(job, error));
	return copy->json || out_of_memory(error);
}

static int append_piece(const char *bytes, size_t length, void *context)
{
	struct buffer *line = context;
	buffer_append(line, bytes, length);
	return line->failed ? -1 : 0;
}

void job_write(const struct job *job, struct buffer *line)
{
	if (job->line.length)
		buffer_append(line, job->line.data, job->line.length);
	else if (json_dump_callback(job->json, append_piece, line, JSON_COMPACT) != 0)
		line->failed = true;
}

void job_free(struct job *job)
{
	json_decref(job->json);
	free(job->texts);
	buffer_free(&job->line);
	*job = (struct job){ 0 };
}

void receipt_write(struct buffer *line, const char *job, enum receipt_status status, const struct error *why)
{
	static const char *const names[] = { "queued", "duplicate", "refused" };
	buffer_append_string(line, "{\"v\":1,");
	if (job && *job) {
		buffer_append_string(line, "\"job\":");
		json_text_string(line, job, strlen(job));
		buffer_append_char(line, ',');
	}
	buffer_append_string(line, "\"status\":\"");
	buffer_append_string(line, names[status]);
	buffer_append_char(line, '"');
	if (why && status == RECEIPT_REFUSED) {
		buffer_printf(line, ",\"error\":{\"code\":\"%s\",\"message\":", error_code_name(why->code));
		json_text_string(line, why->message, strlen(why->message));
		buffer_append_char(line, '}');
	}
	buffer_append_string(line, "}\n");
}
