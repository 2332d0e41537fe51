/*
 * The dead stream and dead rows say the same of one request; either may be without the other (a line that had no row, a
 * Redis that forgot). So the stream is gone through first, each request with its row; then the rows that are left.
 */
#include "cmd/filot-buli2/admin.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-buli2/sender.h"
#include "common/base/clock.h"
#include "deliveries_dead_sql.h"

struct admin {
	const struct delivery_settings *settings;
	struct sender sender;
	const char *place;
	int64_t refused;
};

static bool wanted(const struct delivery_settings *settings, const char *delivery)
{
	for (size_t index = 0; index < settings->deliveries.count; index++)
		if (strcmp(settings->deliveries.items[index], delivery) == 0)
			return true;
	return settings->deliveries.count == 0;
}

static bool print(json_t *line, struct error *error)
{
	char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	json_decref(line);
	if (!text)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	bool written = puts(text) >= 0;
	free(text);
	return written || error_set(error, ERROR_INTERNAL, "standard output cannot be written");
}

/* ---- list ---- */

static bool list_item(void *context, const struct buli2_item *item, struct error *error)
{
	struct admin *admin = context;
	char when[CLOCK_RFC3339_SIZE];
	json_t *line = json_loadb(item->line, item->length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(line)) {
		json_decref(line);
		line = json_pack("{s:s%}", "line", item->line, item->length); /* what is no request is shown as it is */
	}
	const char *delivery = json_string_value(json_object_get(line, "delivery"));
	if (!wanted(admin->settings, delivery ? delivery : "")) {
		json_decref(line);
		return true;
	}
	(void)json_object_set_new(line, "place", json_string(admin->place));
	(void)json_object_set_new(line, strcmp(admin->place, "retry") == 0 ? "due_at" : "since",
				  json_string(clock_rfc3339(item->when_ms, when)));
	if (*item->code) {
		(void)json_object_set_new(line, "error", json_pack("{s:s, s:s}", "code", item->code, "message", item->message));
		(void)json_object_set_new(line, "http_status", json_integer(strtol(item->http_status, NULL, 10)));
		(void)json_object_set_new(line, "body", json_string(item->body));
	}
	return print(line, error);
}

bool admin_list(const struct delivery_settings *settings, const char *place, struct error *error)
{
	struct admin admin = { .settings = settings, .place = place };
	if (!sender_open(&admin.sender, settings, 0, error))
		return false;
	bool good = buli2_queue_walk(admin.sender.queue, place, list_item, &admin, error);
	sender_close(&admin.sender);
	return good;
}

/* ---- requeue ---- */

static bool report(const char *delivery, const char *status, const char *why, struct error *error)
{
	return print(json_pack("{s:i, s:s*, s:s, s:s*}", "v", 1, "delivery", delivery, "status", status, "why", why), error);
}

/* Its row first: from then on the request is sent, whatever becomes of us. *go false: the row says that it must not be. */
static bool revive_row(struct admin *admin, const char *delivery, bool in_stream, char state[static 16], bool *go,
		       struct error *error)
{
	*go = true;
	*state = '\0';
	if (!admin->sender.pg)
		return true;
	if (!deliveries_revive(admin->sender.pg, delivery, in_stream, admin->settings->again_ms, state, error))
		return false;
	*go = !*state || strcmp(state, "dead") == 0;
	return true;
}

static bool requeue_item(void *context, const struct buli2_item *item, struct error *error)
{
	struct admin *admin = context;
	struct buli2_request request;
	struct buffer line = { 0 };
	struct error why = { 0 };
	char state[16];
	bool go, done = false;
	if (!buli2_request_parse(&request, item->line, item->length, &why)) {
		admin->refused += admin->settings->deliveries.count == 0;
		return admin->settings->deliveries.count || report(NULL, "refused", why.message, error);
	}
	bool good = true;
	if (!wanted(admin->settings, request.delivery))
		goto out;
	if (admin->settings->dry_run) {
		good = report(request.delivery, "would_requeue", NULL, error);
		goto out;
	}
	good = buli2_request_set_attempts(&request, 0, error) &&
	       revive_row(admin, request.delivery, true, state, &go, error);
	buli2_request_write(&request, &line);
	if (!good)
		goto out;
	if (line.failed)
		good = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	else if (go)
		good = buli2_queue_revive(admin->sender.queue, item->entry, line.data, &done, error);
	if (good)
		good = report(request.delivery, done ? "requeued" : "skipped", !go ? state : done ? NULL : "gone", error);
out:
	buffer_free(&line);
	buli2_request_free(&request);
	return good;
}

static bool requeue_row(struct admin *admin, const char *delivery, struct error *error)
{
	char state[16];
	bool go;
	if (!wanted(admin->settings, delivery))
		return true;
	if (!revive_row(admin, delivery, false, state, &go, error))
		return false;
	bool revived = strcmp(state, "dead") == 0;
	return report(delivery, revived ? "requeued" : "skipped", revived ? NULL : state, error);
}

/* Rows whose entry is not in the dead stream. */
static bool requeue_rows(struct admin *admin, struct error *error)
{
	char after[160] = "";
	bool good = true, more = true;
	while (good && more) {
		const char *values[] = { after, "100" };
		PGresult *result = pg_query(admin->sender.pg, true, deliveries_dead_sql, 2, values, error);
		if (!result)
			return false;
		more = PQntuples(result) > 0;
		for (int row = 0; good && row < PQntuples(result); row++) {
			(void)snprintf(after, sizeof after, "%s", PQgetvalue(result, row, 0));
			good = requeue_row(admin, after, error);
		}
		PQclear(result);
	}
	return good;
}

bool admin_requeue(const struct delivery_settings *settings, int64_t *refused, struct error *error)
{
	struct admin admin = { .settings = settings, .place = "dead" };
	if (!sender_open(&admin.sender, settings, 0, error))
		return false;
	bool good = buli2_queue_walk(admin.sender.queue, "dead", requeue_item, &admin, error) &&
		    (!admin.sender.pg || settings->dry_run || requeue_rows(&admin, error));
	*refused = admin.refused;
	sender_close(&admin.sender);
	return good;
}
