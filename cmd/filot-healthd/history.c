/* Samples as texts of whole numbers: what is in the list may come from another version, so rows are checked before use. */
#include "cmd/filot-healthd/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "history_add_lua.h"

/* New columns go to the end: rows of older versions are shorter, and null there. */
static const char columns[] = "[\"minute\",\"waiting\",\"in_flight\",\"delayed\",\"dead\",\"oldest_ms\",\"workers\","
			      "\"busy\",\"jobs_done\",\"jobs_failed\",\"pages\",\"jobs_retried\"]";

static void write_row(struct buffer *json, const char *sample)
{
	buffer_append_char(json, '[');
	for (const char *at = sample; *at; at++)
		buffer_append_char(json, *at == ' ' ? ',' : *at);
	buffer_append_char(json, ']');
}

/* Numbers with one space between them. */
static bool sample_valid(const char *sample)
{
	for (const char *at = sample; *at; at++) {
		bool digit = *at >= '0' && *at <= '9';
		bool space = *at == ' ' && at != sample && at[-1] != ' ' && at[1];
		if (!digit && !space)
			return false;
	}
	return *sample != '\0';
}

bool history_add(struct redis *redis, const char *queue_name, const struct figures *figures, struct buffer *json,
		 struct error *error)
{
	char key[128], minute[24], kept[16], sample[320];
	const struct figures_totals *totals = &figures->totals;
	(void)snprintf(key, sizeof key, "filot:{%s}:samples", queue_name);
	(void)snprintf(minute, sizeof minute, "%" PRId64, figures->at_ms / 60000);
	(void)snprintf(kept, sizeof kept, "%d", HISTORY_SAMPLES);
	(void)snprintf(sample, sizeof sample,
		       "%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
		       " %" PRId64 " %" PRId64 " %" PRId64,
		       minute, figures->waiting_all, figures->in_flight, figures->delayed, figures->dead,
		       figures->oldest_ms, figures->workers, figures->busy, totals->jobs_done, totals->jobs_failed,
		       totals->pages, totals->jobs_retried);
	const char *argv[] = { key, minute, sample, kept };
	redisReply *reply = redis_script(redis, true, history_add_lua, 1, 4, argv, NULL, error);
	bool good = reply && (reply->type == REDIS_REPLY_ARRAY || redis_refused(reply, "history", error));
	if (good) {
		bool first = true;
		buffer_printf(json, "{\"v\":1,\"samples\":%d,\"columns\":%s,\"rows\":[", HISTORY_SAMPLES, columns);
		for (size_t index = reply->elements; index-- > 0;) {
			const redisReply *row = reply->element[index];
			if (row->type != REDIS_REPLY_STRING || !sample_valid(row->str))
				continue;
			if (!first)
				buffer_append_char(json, ',');
			first = false;
			write_row(json, row->str);
		}
		buffer_append_string(json, "]}");
	}
	freeReplyObject(reply);
	return good;
}
