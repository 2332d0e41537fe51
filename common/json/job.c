/*
 * Job and receipt lines by jansson. Lines come from anybody, so everything is checked here once: length, depth (jansson
 * and whoever reads the line later recurse), duplicates, types, ranges. A job keeps its parsed object, so that members
 * of a newer sender come out again as they came in.
 */
#include "common/json/job.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/base/sha256.h"

#define DEEPEST 32
#define LONGEST_URI_BYTES 4096
#define MOST_ATTEMPTS 1000000
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

static bool utf8_valid(const char *text)
{
	for (size_t size; *text; text += size)
		if (!(size = json_text_utf8_length(text, strnlen(text, 4))))
			return false;
	return true;
}

/* ---- the rules of single members; each takes a string that has no NUL in it ---- */

static bool name_valid(const char *text)
{
	size_t length = strlen(text);
	return length >= 1 && length <= 128 &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") == length;
}

/* No control characters and no spaces: a URI has them percent-encoded. */
static bool printable(const char *text, unsigned char least)
{
	for (; *text; text++)
		if ((unsigned char)*text < least || *text == 0x7f)
			return false;
	return true;
}

static bool uri_valid(const char *uri)
{
	size_t length = strlen(uri);
	if (length > LONGEST_URI_BYTES || !printable(uri, 0x21))
		return false;
	if (strncmp(uri, "r2://", 5) == 0) {
		size_t bucket = strcspn(uri + 5, "/");
		return bucket >= 1 && bucket <= 63 && uri[5 + bucket] == '/' && uri[5 + bucket + 1];
	}
	if (strncmp(uri, "https://", 8) == 0 || strncmp(uri, "http://", 7) == 0)
		return strcspn(strstr(uri, "://") + 3, "/?#") > 0;
	return strncmp(uri, "file:/", 6) == 0 && uri[6];
}

static bool media_type_valid(const char *text)
{
	const char *slash = strchr(text, '/');
	return strlen(text) <= 128 && printable(text, 0x20) && slash && slash > text && slash[1];
}

static bool key_valid(const char *text)
{
	return *text && strlen(text) <= 256 && printable(text, 0x20);
}

/* W3C Trace Context: version-traceid-parentid-flags in lower case hexadecimal; other versions than 00 may be longer. */
static bool trace_valid(const char *text)
{
	static const size_t ends[] = { 2, 35, 52, 55 };
	size_t start = 0;
	for (size_t index = 0; index < sizeof ends / sizeof *ends; index++) {
		if (strspn(text + start, "0123456789abcdef") != ends[index] - start)
			return false;
		if (index < 3 && text[ends[index]] != '-')
			return false;
		start = ends[index] + 1;
	}
	return !text[55] ||
	       (text[55] == '-' && strncmp(text, "00", 2) != 0 && strlen(text) <= 256 && printable(text, 0x21));
}

bool job_lang_valid(const char *lang)
{
	size_t length = strlen(lang);
	if (!length || length > 128 || *lang == '/' || strstr(lang, "..") || strstr(lang, "++") || strstr(lang, "+/"))
		return false;
	if (lang[0] == '+' || lang[length - 1] == '+')
		return false;
	return strspn(lang, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/+") == length;
}

static const struct member_rule {
	const char *name;
	size_t offset;
	bool (*valid)(const char *text);
	const char *rule;
} member_rules[] = {
	{ "document", offsetof(struct job, document), name_valid, "must be 1 to 128 of A-Z a-z 0-9 . _ : -" },
	{ "uri", offsetof(struct job, uri), uri_valid,
	  "must be r2://BUCKET/KEY, https://, http:// or file:/PATH, at most 4096 bytes, spaces percent-encoded" },
	{ "sha256", offsetof(struct job, sha256), sha256_valid, "must be 64 hexadecimal digits" },
	{ "media_type", offsetof(struct job, media_type), media_type_valid, "must be TYPE/SUBTYPE, at most 128 bytes" },
	{ "lang", offsetof(struct job, lang), job_lang_valid, "must be language names joined by +, such as deu+eng" },
	{ "key", offsetof(struct job, key), key_valid, "must be 1 to 256 bytes without control characters" },
	{ "trace", offsetof(struct job, trace), trace_valid, "must be a W3C traceparent" },
	{ "tenant", offsetof(struct job, tenant), name_valid, "must be 1 to 128 of A-Z a-z 0-9 . _ : -" },
};

#define MEMBER_COUNT (sizeof member_rules / sizeof *member_rules)

/* Where the job keeps the member's text. */
static const char **member_slot(struct job *job, const struct member_rule *rule)
{
	return (const char **)(void *)((char *)job + rule->offset);
}

static bool read_members(struct job *job, json_t *object, struct error *error)
{
	for (size_t index = 0; index < MEMBER_COUNT; index++) {
		const struct member_rule *rule = &member_rules[index];
		json_t *value = json_object_get(object, rule->name);
		if (!value)
			continue;
		if (!json_is_string(value))
			return refuse(error, rule->name, "must be a string");
		const char *text = json_string_value(value);
		if (!rule->valid(text))
			return refuse(error, rule->name, rule->rule);
		*member_slot(job, rule) = text;
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
	job->attempt = 1;
	if (!value)
		return set_default(object, "attempt", json_integer(1)) || out_of_memory(error);
	job->attempt = json_integer_value(value);
	if (!json_is_integer(value) || job->attempt < 1 || job->attempt > MOST_ATTEMPTS)
		return refuse(error, "attempt", "must be a whole number from 1 to 1000000");
	json_t *first = json_object_get(object, "first_attempt");
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

/* Puts one string member in the object by its rule. */
static bool set_member(json_t *object, const struct member_rule *rule, const char *text, struct error *error)
{
	if (!utf8_valid(text))
		return refuse(error, rule->name, "is not UTF-8");
	if (!rule->valid(text))
		return refuse(error, rule->name, rule->rule);
	return set_default(object, rule->name, json_string_nocheck(text)) || out_of_memory(error);
}

/* Puts what is given and the object lacks in it. */
static bool fill_given(json_t *object, const struct job_template *given, struct error *error)
{
	const char *const texts[MEMBER_COUNT] = { given->document, given->uri, given->sha256, given->media_type,
						  given->lang,	   given->key, given->trace,  given->tenant };
	for (size_t index = 0; index < MEMBER_COUNT; index++)
		if (texts[index] && !json_object_get(object, member_rules[index].name) &&
		    !set_member(object, &member_rules[index], texts[index], error))
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
	*job = (struct job){ 0 };
	char id[ULID_SIZE];
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

bool job_set_member(struct job *job, const char *name, const char *text, struct error *error)
{
	for (size_t index = 0; index < MEMBER_COUNT; index++) {
		const struct member_rule *rule = &member_rules[index];
		if (strcmp(rule->name, name) != 0)
			continue;
		buffer_free(&job->line);
		if (!set_member(job->json, rule, text, error))
			return false;
		*member_slot(job, rule) = json_string_value(json_object_get(job->json, name));
		return true;
	}
	return refuse(error, name, "is no member of a job that has a text");
}

bool job_set_attempt(struct job *job, int64_t attempt, struct error *error)
{
	if (attempt < 1 || attempt > MOST_ATTEMPTS)
		return refuse(error, "attempt", "must be a whole number from 1 to 1000000");
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
