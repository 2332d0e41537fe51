/*
 * Plain jobs, read and made without a tree of values and with two allocations: a sender of many lines would spend most
 * of its time in the real parser. Whatever is not plain is left to that one, so this needs no opinion on the rest of
 * JSON and words no error.
 */
#include "common/json/job_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"

/* Where the members of a line are. */
struct job_scan {
	struct {
		const char *text; /* in the line, not ended; NULL: not there */
		size_t length;
	} strings[JOB_STRING_COUNT];
	int64_t numbers[JOB_MEMBER_COUNT - JOB_STRING_COUNT]; /* -1: not there */
};

struct place {
	const char *at, *end;
};

static bool take(struct place *place, char byte)
{
	if (place->at == place->end || *place->at != byte)
		return false;
	place->at++;
	return true;
}

/* A string in its quotes, of plain bytes only. */
static bool take_string(struct place *place, const char **text, size_t *length)
{
	if (!take(place, '"'))
		return false;
	*text = place->at;
	while (place->at < place->end && *place->at >= 0x20 && *place->at <= 0x7e && *place->at != '"' &&
	       *place->at != '\\')
		place->at++;
	*length = (size_t)(place->at - *text);
	return take(place, '"');
}

static bool take_number(struct place *place, int64_t *number)
{
	const char *start = place->at;
	*number = 0;
	while (place->at < place->end && *place->at >= '0' && *place->at <= '9' && place->at - start < 10)
		*number = *number * 10 + (*place->at++ - '0');
	ptrdiff_t digits = place->at - start;
	return digits >= 1 && digits <= 9 && (digits == 1 || *start != '0');
}

static int member_of(const char *name, size_t length)
{
	int member = 0;
	while (member < JOB_MEMBER_COUNT &&
	       (strncmp(job_member_names[member], name, length) != 0 || job_member_names[member][length]))
		member++;
	return member;
}

static bool take_member(struct place *place, struct job_scan *scan)
{
	const char *name;
	size_t length;
	if (!take_string(place, &name, &length) || !take(place, ':'))
		return false;
	int member = member_of(name, length);
	if (member < JOB_STRING_COUNT)
		return !scan->strings[member].text &&
		       take_string(place, &scan->strings[member].text, &scan->strings[member].length);
	return member < JOB_MEMBER_COUNT && scan->numbers[member - JOB_STRING_COUNT] < 0 &&
	       take_number(place, &scan->numbers[member - JOB_STRING_COUNT]);
}

static bool scan_line(const char *line, size_t length, struct job_scan *scan)
{
	struct place place = { .at = line, .end = line + length };
	if (!take(&place, '{'))
		return false;
	do
		if (!take_member(&place, scan))
			return false;
	while (take(&place, ','));
	return take(&place, '}') && place.at == place.end;
}

static void write_string(struct buffer *line, enum job_member member, const char *text)
{
	buffer_append(line, ",\"", 2);
	buffer_append_string(line, job_member_names[member]);
	buffer_append(line, "\":", 2);
	json_text_string(line, text, strlen(text));
}

/* The line of a job that has no members but those of struct job. */
static void compose(const struct job *job, struct buffer *line)
{
	char at[CLOCK_RFC3339_SIZE];
	struct job *texts = (struct job *)job; /* job_text only looks */
	buffer_append_string(line, "{\"v\":1");
	write_string(line, JOB_ID, job->id);
	for (size_t index = 0; index < JOB_TEXT_COUNT; index++) {
		const char *text = *job_text(texts, (enum job_member)index);
		if (text)
			write_string(line, (enum job_member)index, text);
	}
	write_string(line, JOB_PRIORITY, job_priority_names[job->priority]);
	buffer_printf(line, ",\"attempt\":%" PRId64, job->attempt);
	if (job->first_attempt > 1)
		buffer_printf(line, ",\"first_attempt\":%" PRId64, job->first_attempt);
	write_string(line, JOB_ENQUEUED_AT, clock_rfc3339(job->enqueued_at_ms, at));
	buffer_append_char(line, '}');
}

/* The members that are not texts of the job, by the rules of job.c. */
static bool plain_values(struct job *job, const struct job_scan *scan, enum job_priority priority)
{
	char text[64];
	int64_t version = scan->numbers[JOB_VERSION - JOB_STRING_COUNT];
	int64_t attempt = scan->numbers[JOB_ATTEMPT - JOB_STRING_COUNT];
	int64_t first = scan->numbers[JOB_FIRST_ATTEMPT - JOB_STRING_COUNT];
	job->attempt = attempt < 0 ? 1 : attempt;
	job->first_attempt = first < 0 ? 1 : first;
	if ((version >= 0 && version != 1) || job->attempt < 1 || job->attempt > JOB_MOST_ATTEMPTS ||
	    job->first_attempt < 1 || job->first_attempt > job->attempt)
		return false;
	if (scan->strings[JOB_ID].text) {
		if (scan->strings[JOB_ID].length != ULID_SIZE - 1)
			return false;
		memcpy(job->id, scan->strings[JOB_ID].text, ULID_SIZE - 1);
	} else {
		(void)ulid_new(job->id);
	}
	job->priority = priority;
	for (int index = 0; scan->strings[JOB_PRIORITY].text; index++) {
		if (index == JOB_PRIORITY_COUNT)
			return false;
		job->priority = (enum job_priority)index;
		if (strlen(job_priority_names[index]) == scan->strings[JOB_PRIORITY].length &&
		    memcmp(job_priority_names[index], scan->strings[JOB_PRIORITY].text,
			   scan->strings[JOB_PRIORITY].length) == 0)
			break;
	}
	size_t length = scan->strings[JOB_ENQUEUED_AT].length;
	if (!scan->strings[JOB_ENQUEUED_AT].text) {
		job->enqueued_at_ms = clock_unix_ms();
	} else {
		if (length >= sizeof text)
			return false;
		memcpy(text, scan->strings[JOB_ENQUEUED_AT].text, length);
		text[length] = '\0';
		if (!clock_parse_rfc3339(text, &job->enqueued_at_ms))
			return false;
	}
	return ulid_valid(job->id) && job->priority >= 0 && job->priority < JOB_PRIORITY_COUNT;
}

/* Copies all texts into one block of the job's, and checks each. */
static bool plain_texts(struct job *job, const struct job_scan *scan, const char *const others[JOB_TEXT_COUNT])
{
	size_t room = 0;
	for (size_t index = 0; index < JOB_TEXT_COUNT; index++)
		room += scan->strings[index].text ? scan->strings[index].length + 1
			: others[index]		  ? strlen(others[index]) + 1
						  : 0;
	char *place = job->texts = malloc(room);
	for (size_t index = 0; place && index < JOB_TEXT_COUNT; index++) {
		const char *text = scan->strings[index].text ? scan->strings[index].text : others[index];
		if (!text)
			continue;
		size_t length = scan->strings[index].text ? scan->strings[index].length : strlen(text);
		memcpy(place, text, length);
		place[length] = '\0';
		if (!job_rules[index].valid(place) || (text == others[index] && !job_utf8_valid(text)))
			return false;
		*job_text(job, (enum job_member)index) = place;
		place += length + 1;
	}
	return place && job->uri;
}

bool job_plain(struct job *job, const char *line, size_t length, const struct job_template *given)
{
	struct job_scan scan_of_line;
	struct job_scan *scan = &scan_of_line;
	memset(scan->strings, 0, sizeof scan->strings);
	memset(scan->numbers, 0xff, sizeof scan->numbers); /* all -1 */
	if (line && !scan_line(line, length, scan))
		return false;
	bool whole = line && scan->strings[JOB_ID].text && scan->strings[JOB_PRIORITY].text &&
		     scan->strings[JOB_ENQUEUED_AT].text && scan->numbers[JOB_VERSION - JOB_STRING_COUNT] == 1 &&
		     scan->numbers[JOB_ATTEMPT - JOB_STRING_COUNT] >= 0;
	const char *others[JOB_TEXT_COUNT] = { 0 };
	if (given)
		job_template_texts(given, others);
	*job = (struct job){ 0 };
	if (!plain_values(job, scan, given ? given->priority : JOB_PRIORITY_NORMAL))
		goto failed;
	job->lang_given = scan->strings[JOB_LANG].text || others[JOB_LANG];
	if (!others[JOB_DOCUMENT])
		others[JOB_DOCUMENT] = job->id;
	if (!others[JOB_LANG])
		others[JOB_LANG] = "eng";
	if (!plain_texts(job, scan, others))
		goto failed;
	for (size_t index = 0; index < JOB_TEXT_COUNT; index++)
		whole = whole && (scan->strings[index].text || !others[index]);
	if (whole)
		buffer_append(&job->line, line, length);
	else
		compose(job, &job->line);
	if (!job->line.failed)
		return true;
failed:
	job_free(job);
	return false;
}
