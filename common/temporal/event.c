/* Lines by jansson, and which call an event is. */
#include "common/temporal/event.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/json_text.h"
#include "common/base/ulid.h"

const char *const temporal_event_names[TEMPORAL_EVENT_COUNT] = { "start", "read", "decided" };

const char *const temporal_outcome_names[TEMPORAL_OUTCOME_COUNT] = { "done", "already", "gone", "failed", "refused" };

static bool refuse(struct error *error, const char *member, const char *rule)
{
	return error_set(error, ERROR_BAD_JOB, "%s: %s", member, rule);
}

static bool read_object(struct temporal_line *line, const json_t *object, struct error *error)
{
	const json_t *version = json_object_get(object, "v"), *data = json_object_get(object, "data");
	const char *event = json_string_value(json_object_get(object, "event"));
	const char *id = json_string_value(json_object_get(object, "verification"));
	int index = 0;
	if (version && (!json_is_integer(version) || json_integer_value(version) != 1))
		return refuse(error, "v", "must be 1; this program knows no other version");
	while (event && index < TEMPORAL_EVENT_COUNT && strcmp(event, temporal_event_names[index]) != 0)
		index++;
	if (!event || index == TEMPORAL_EVENT_COUNT)
		return refuse(error, "event", "must be start, read or decided");
	if (!id || !id_valid(id))
		return refuse(error, "verification", "must be 1 to 128 characters of A-Z, a-z, 0-9 and ._:-");
	if (data && !json_is_object(data))
		return refuse(error, "data", "must be an object");
	line->event = (enum temporal_event)index;
	memcpy(line->verification, id, strlen(id) + 1);
	const char *state = json_string_value(json_object_get(data, "state"));
	json_t *fallback = data ? NULL : json_pack("{s:s}", "verification", id);
	line->data = json_dumps(data ? data : fallback, JSON_COMPACT);
	line->state = state ? strdup(state) : NULL;
	json_decref(fallback);
	return (line->data && (!state || line->state)) || error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
}

bool temporal_line_parse(struct temporal_line *line, const char *text, size_t length, struct error *error)
{
	*line = (struct temporal_line){ 0 };
	if (length > TEMPORAL_LONGEST_LINE_BYTES)
		return refuse(error, "line", "is longer than 1 MiB");
	json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	bool good = json_is_object(object) ? read_object(line, object, error) : refuse(error, "line", "is not a JSON object");
	json_decref(object);
	if (!good)
		temporal_line_free(line);
	return good;
}

void temporal_line_free(struct temporal_line *line)
{
	free(line->data);
	free(line->state);
	*line = (struct temporal_line){ 0 };
}

bool temporal_tell(struct temporal_client *client, enum temporal_event event, const char *verification, const char *state,
		   const char *data, struct temporal_answer *answer, struct error *error)
{
	char request_id[256];
	if (event == TEMPORAL_START)
		return temporal_start(client, verification, data, answer, error);
	(void)snprintf(request_id, sizeof request_id, "%s:%.64s", verification,
		       event == TEMPORAL_READ ? "read" : state ? state : "decided");
	return temporal_signal(client, verification, event == TEMPORAL_READ ? "documents_read" : "buli2_decided", request_id,
			       data, answer, error);
}

static void write_text(struct buffer *line, const char *name, const char *text)
{
	buffer_printf(line, ",\"%s\":", name);
	json_text_string(line, text, strlen(text));
}

void temporal_receipt_write(struct buffer *line, const char *event, const char *verification,
			    const struct temporal_answer *answer)
{
	buffer_append_string(line, "{\"v\":1");
	if (event)
		write_text(line, "event", event);
	if (verification)
		write_text(line, "verification", verification);
	write_text(line, "status", answer ? temporal_outcome_names[answer->outcome] : "off");
	if (answer && *answer->run_id)
		write_text(line, "run_id", answer->run_id);
	if (answer && answer->status)
		buffer_printf(line, ",\"http_status\":%ld", answer->status);
	if (answer && answer->why.code != ERROR_NONE) {
		const char *code = error_code_name(answer->why.code);
		buffer_append_string(line, ",\"error\":{\"code\":");
		json_text_string(line, code, strlen(code));
		write_text(line, "message", answer->why.message);
		buffer_append_char(line, '}');
	}
	buffer_append_string(line, "}\n");
}
