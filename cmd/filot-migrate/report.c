/* Tables, words and JSON lines. Each line goes out at once, so that who reads a pipe sees how far it is. */
#include "cmd/filot-migrate/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/json_text.h"

#define EXPLANATION_SIZE 1024

static void member(struct buffer *line, const char *name, const char *value)
{
	buffer_printf(line, ",\"%s\":", name);
	json_text_string(line, value, strlen(value));
}

static void print_line(struct buffer *line)
{
	buffer_append_char(line, '\n');
	if (line->failed)
		fputs("{\"error\":\"out of memory\"}\n", stdout);
	else
		(void)fwrite(line->data, 1, line->length, stdout);
	(void)fflush(stdout);
	buffer_free(line);
}

static void begin_row(struct buffer *line, const struct plan_row *row, const char *state)
{
	buffer_printf(line, "{\"v\":1,\"version\":%" PRId64, row->version);
	member(line, "name", row->file ? row->file->name : row->entry->name);
	if (row->file)
		member(line, "file", row->file->file);
	member(line, "status", state);
}

void report_file(bool json, const struct plan_row *row, const char *did, int64_t ms)
{
	struct buffer line = { 0 };
	if (json) {
		begin_row(&line, row, did);
		if (strcmp(did, "applied") == 0)
			buffer_printf(&line, ",\"ms\":%" PRId64, ms);
		else
			buffer_printf(&line, ",\"transaction\":%s", row->file->transaction ? "true" : "false");
		buffer_append_char(&line, '}');
	} else if (strcmp(did, "would_apply") == 0) {
		buffer_printf(&line, "would apply %s%s", row->file->file,
			      row->file->transaction ? "" : " (without a transaction)");
	} else {
		buffer_printf(&line, "%s %s", did, row->file->file);
		if (strcmp(did, "applied") == 0)
			buffer_printf(&line, " (%" PRId64 " ms)", ms);
	}
	print_line(&line);
}

static void status_json(const struct plan_row *row)
{
	char why[EXPLANATION_SIZE];
	struct buffer line = { 0 };
	begin_row(&line, row, plan_state_names[row->state]);
	if (row->entry) {
		member(&line, "applied_at", row->entry->applied_at);
		buffer_printf(&line, ",\"ms\":%" PRId64, row->entry->ms);
		member(&line, "by", row->entry->by);
	}
	plan_explain(row, why, sizeof why);
	if (*why)
		member(&line, "message", why);
	buffer_append_char(&line, '}');
	print_line(&line);
}

static void status_table(const struct plan *plan)
{
	int width = 4;
	for (size_t index = 0; index < plan->count; index++) {
		const struct plan_row *row = &plan->rows[index];
		int length = (int)strlen(row->file ? row->file->name : row->entry->name);
		width = length > width ? length : width;
	}
	printf("%-7s  %-*s  %-9s  %-24s  %8s  %s\n", "version", width, "name", "state", "applied at", "ms", "by");
	for (size_t index = 0; index < plan->count; index++) {
		const struct plan_row *row = &plan->rows[index];
		char version[24], ms[24] = "", why[EXPLANATION_SIZE];
		(void)snprintf(version, sizeof version, "%04" PRId64, row->version);
		if (row->entry)
			(void)snprintf(ms, sizeof ms, "%" PRId64, row->entry->ms);
		printf("%-7s  %-*s  %-9s  %-24s  %8s  %s\n", version, width,
		       row->file ? row->file->name : row->entry->name, plan_state_names[row->state],
		       row->entry ? row->entry->applied_at : "", ms, row->entry ? row->entry->by : "");
		plan_explain(row, why, sizeof why);
		if (*why)
			printf("         %s\n", why);
	}
}

static bool is_wrong(const struct plan_row *row)
{
	return row->state == PLAN_DIRTY || row->state >= PLAN_EDITED;
}

void report_status(bool json, const struct plan *plan)
{
	if (!json) {
		status_table(plan);
		printf("%zu pending, %zu wrong\n", plan->pending, plan->wrong + plan->dirty);
		return;
	}
	for (size_t index = 0; index < plan->count; index++)
		status_json(&plan->rows[index]);
}

void report_verify(bool json, const struct plan *plan)
{
	char why[EXPLANATION_SIZE], name[NAME_MAX + 1];
	for (size_t index = 0; index < plan->count; index++) {
		const struct plan_row *row = &plan->rows[index];
		if (!is_wrong(row) && row->state != PLAN_AHEAD)
			continue;
		plan_explain(row, why, sizeof why);
		plan_row_name(row, name, sizeof name);
		if (json)
			status_json(row);
		else
			printf("%s: %s: %s\n", name, plan_state_names[row->state], why);
	}
	size_t bad = plan->wrong + plan->dirty + plan->ahead;
	if (bad)
		return;
	if (json)
		printf("{\"v\":1,\"status\":\"ok\",\"files\":%zu,\"pending\":%zu}\n", plan->count, plan->pending);
	else
		printf("well: %zu files, %zu of them pending\n", plan->count, plan->pending);
}

void report_end(bool json, const struct plan *plan, size_t applied, bool dry)
{
	if (json)
		return;
	if (dry)
		printf("nothing was changed\n");
	else if (applied)
		printf("%zu applied, %zu pending\n", applied, plan->pending);
	else
		printf("nothing to do, %zu pending\n", plan->pending);
}
