/* Ids from anywhere, and the filters. */
#include "cmd/filot-requeue/selection.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/array.h"
#include "common/base/lines.h"
#include "common/base/stop.h"

/* ---- the set ---- */

static int compare(const void *one, const void *other)
{
	return strcmp(((const struct named_job *)one)->id, ((const struct named_job *)other)->id);
}

static bool add(struct job_set *set, const char *id, struct error *error)
{
	struct named_job *jobs = array_grow(set->jobs, &set->capacity, set->count + 1, sizeof *jobs);
	if (!jobs)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	set->jobs = jobs;
	set->jobs[set->count] = (struct named_job){ 0 };
	memcpy(set->jobs[set->count++].id, id, ULID_SIZE);
	return true;
}

/* The id of a line: itself, or the member "job" of its object. */
static bool read_line(const char *line, size_t length, char id[static ULID_SIZE])
{
	while (length && strchr(" \t", line[length - 1]))
		length--;
	if (length == ULID_SIZE - 1) {
		memcpy(id, line, length);
		id[length] = '\0';
		return ulid_valid(id);
	}
	json_t *object = json_loadb(line, length, 0, NULL);
	const char *job = json_string_value(json_object_get(object, "job"));
	bool valid = job && ulid_valid(job);
	if (valid)
		memcpy(id, job, ULID_SIZE);
	json_decref(object);
	return valid;
}

/* A line of our own output that is about no single job. */
static bool is_summary(const char *line, size_t length)
{
	json_t *object = json_loadb(line, length, 0, NULL);
	bool summary = json_is_object(json_object_get(object, "summary"));
	json_decref(object);
	return summary;
}

static bool read_stdin(struct job_set *set, struct report *report, struct error *error)
{
	struct lines lines;
	enum lines_status status;
	char *line, id[ULID_SIZE];
	size_t length;
	bool good = true;
	lines_open(&lines, STDIN_FILENO, JOB_LONGEST_LINE_BYTES);
	while (good && (status = lines_next(&lines, &line, &length, &stop_requests, error)) != LINES_END) {
		struct error why = { 0 };
		if (status == LINES_FAILED)
			good = false;
		else if (status == LINES_TOO_LONG)
			(void)error_set(&why, ERROR_BAD_INPUT, "standard input, line %zu: longer than 1 MiB", lines.number);
		else if (read_line(line, length, id))
			good = add(set, id, error);
		else if (strspn(line, " \t") != length && !is_summary(line, length))
			(void)error_set(&why, ERROR_BAD_INPUT,
					"standard input, line %zu: neither a ULID nor a JSON object with \"job\"",
					lines.number);
		if (why.code != ERROR_NONE)
			report_refused(report, NULL, &why);
	}
	lines_free(&lines);
	return good;
}

bool job_set_read(struct job_set *set, const struct string_list *operands, struct report *report, struct error *error)
{
	for (size_t index = 0; index < operands->count; index++) {
		const char *operand = operands->items[index];
		if (strcmp(operand, "-") != 0 && !ulid_valid(operand))
			return error_set(error, ERROR_USAGE, "\"%.80s\" is no job: 26 characters, a ULID", operand);
	}
	for (size_t index = 0; index < operands->count; index++) {
		const char *operand = operands->items[index];
		bool from_stdin = strcmp(operand, "-") == 0;
		if (!(from_stdin ? read_stdin(set, report, error) : add(set, operand, error)))
			return false;
	}
	set->given = operands->count > 0;
	if (set->count)
		qsort(set->jobs, set->count, sizeof *set->jobs, compare);
	size_t kept = 0;
	for (size_t index = 0; index < set->count; index++)
		if (!kept || strcmp(set->jobs[kept - 1].id, set->jobs[index].id) != 0)
			set->jobs[kept++] = set->jobs[index];
	set->count = kept;
	return true;
}

struct named_job *job_set_find(const struct job_set *set, const char *id)
{
	struct named_job key = { 0 };
	if (!set->count || strlen(id) != ULID_SIZE - 1)
		return NULL;
	memcpy(key.id, id, ULID_SIZE);
	return bsearch(&key, set->jobs, set->count, sizeof key, compare);
}

void job_set_free(struct job_set *set)
{
	free(set->jobs);
	*set = (struct job_set){ 0 };
}

size_t job_set_few(const struct job_set *set, const char *list[static FEW_JOBS])
{
	if (set->count > FEW_JOBS)
		return 0;
	for (size_t index = 0; index < set->count; index++)
		list[index] = set->jobs[index].id;
	return set->count;
}

/* ---- items ---- */

static void read_last_failure(struct found *found)
{
	const json_t *history = json_object_get(job_json(&found->job, NULL), "history");
	size_t size = json_array_size(history);
	const json_t *last = size ? json_array_get(history, size - 1) : NULL;
	found->code = json_string_value(json_object_get(last, "code"));
	found->message = json_string_value(json_object_get(last, "message"));
	found->worker = json_string_value(json_object_get(last, "worker"));
}

void found_read(struct found *found, const struct queue_item *item)
{
	*found = (struct found){ .item = item };
	if (job_parse(&found->job, item->line, item->length, &found->why)) {
		found->attempt = found->job.attempt;
		read_last_failure(found);
	}
	found->id = *item->job ? item->job : found->job.id;
	if (item->place == PLACE_PENDING) {
		/* What was handed back begins the same attempt again; its count of deliveries is one less for that. */
		bool handed_back = strcmp(item->worker, QUEUE_HANDED_BACK) == 0;
		found->attempt += item->deliveries - !handed_back;
		found->worker = handed_back ? NULL : item->worker;
	} else if (item->place == PLACE_DEAD) {
		found->code = item->code;
		found->message = item->message;
	} else if (item->place == PLACE_READY) {
		found->worker = NULL;
	}
}

void found_free(struct found *found)
{
	job_free(&found->job);
}

static bool listed(const struct string_list *list, const char *text)
{
	for (size_t index = 0; index < list->count; index++)
		if (text && strcmp(list->items[index], text) == 0)
			return true;
	return list->count == 0;
}

static bool is(const char *wanted, const char *text)
{
	return !wanted || (text && strcmp(wanted, text) == 0);
}

bool selection_has(const struct requeue_settings *settings, struct job_set *set, const struct found *found)
{
	struct named_job *named = job_set_find(set, found->id);
	if ((set->given && !named) || !listed(&settings->codes, found->code) ||
	    !listed(&settings->documents, found->job.document) || !is(settings->tenant, found->job.tenant) ||
	    !is(settings->worker, found->worker))
		return false;
	if (named)
		named->met = true;
	return true;
}
