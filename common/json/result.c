/* Result lines, written by hand around the pages' own JSON (page.c). */
#include "common/json/result.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/json_text.h"

static void append_string(struct buffer *line, const char *before, const char *text)
{
	buffer_append_string(line, before);
	if (text)
		json_text_string(line, text, strlen(text));
	else
		buffer_append_string(line, "null");
}

/* Codes that only a process can have (usage, configuration …) are no codes of the lines' contract. */
static const char *contract_code(enum error_code code)
{
	return error_code_name(code > ERROR_INTERNAL ? ERROR_INTERNAL : code);
}

static void write_engine(const struct engine_info *engine, struct buffer *line)
{
	append_string(line, ",\"engine\":{\"backend\":", engine->backend);
	append_string(line, ",\"model\":", engine->model);
	if (engine->model_sha256[0])
		append_string(line, ",\"model_sha256\":", engine->model_sha256);
	append_string(line, ",\"version\":", engine->version);
	buffer_append_char(line, '}');
}

void result_write(const struct result *result, struct buffer *line)
{
	bool failed = result->error.code != ERROR_NONE;
	buffer_append_string(line, "{\"v\":1");
	if (result->job)
		append_string(line, ",\"job\":", result->job);
	append_string(line, ",\"document\":", result->document);
	append_string(line, ",\"status\":", failed ? "failed" : "done");
	buffer_append_string(line, ",\"pages\":[");
	for (size_t index = 0; index < result->page_count; index++) {
		if (index)
			buffer_append_char(line, ',');
		page_write_json(&result->pages[index], line);
	}
	buffer_append_char(line, ']');
	if (result->engine.backend[0])
		write_engine(&result->engine, line);
	const struct result_times *ms = &result->ms;
	buffer_printf(line,
		      ",\"ms\":{\"queue\":%lld,\"fetch\":%lld,\"decode\":%lld,\"layout\":%lld,\"recognise\":%lld,"
		      "\"store\":%lld,\"total\":%lld}",
		      (long long)ms->queue_ms, (long long)ms->fetch_ms, (long long)ms->decode_ms,
		      (long long)ms->layout_ms, (long long)ms->recognise_ms, (long long)ms->store_ms,
		      (long long)ms->total_ms);
	if (failed) {
		append_string(line, ",\"error\":{\"code\":", contract_code(result->error.code));
		append_string(line, ",\"message\":", result->error.message);
		if (result->error_page > 0)
			buffer_printf(line, ",\"page\":%d", result->error_page);
		buffer_append_char(line, '}');
	}
	buffer_append(line, "}\n", 2);
}

void result_free_pages(struct result *result)
{
	for (size_t index = 0; index < result->page_count; index++)
		page_free(&result->pages[index]);
	free(result->pages);
	result->pages = NULL;
	result->page_count = 0;
}
