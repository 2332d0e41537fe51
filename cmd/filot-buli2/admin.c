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

#include <unistd.h>

#include "cmd/filot-buli2/sender.h"
#include "common/base/clock.h"
#include "common/base/lines.h"
#include "common/base/stop.h"
#include "common/base/ulid.h"
#include "deliveries_dead_sql.h"

struct admin {
	const struct delivery_settings *settings;
	struct sender sender;
	const char *place;
	json_t *named; /* a set of deliveries; NULL: all */
	json_t *met;   /* those of which a line was written */
	int64_t refused;
};

/* ---- which ---- */

static bool wanted(const struct admin *admin, const char *delivery)
{
	return !admin->named || json_object_get(admin->named, delivery);
}

static bool add(json_t *set, const char *delivery, struct error *error)
{
	return json_object_set_new(set, delivery, json_true()) == 0 || error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
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

static bool report(const char *delivery, const char *status, const char *why, struct error *error)
{
	return print(json_pack("{s:i, s:s*, s:s, s:s*}", "v", 1, "delivery", delivery, "status", status, "why", why), error);
}

/* A line of standard input: a delivery's id, or an object that has it, as --list and receipts do. */
static bool name_line(struct admin *admin, const char *line, size_t length, size_t number, struct error *error)
{
	char why[80];
	json_t *object = json_loadb(line, length, 0, NULL);
	const char *delivery = json_string_value(json_object_get(object, "delivery"));
	if (!delivery && id_valid(line))
		delivery = line;
	(void)snprintf(why, sizeof why, "line %zu: neither a delivery nor an object that names one", number);
	admin->refused += !delivery;
	bool good = delivery ? add(admin->named, delivery, error) : report(NULL, "refused", why, error);
	json_decref(object);
	return good;
}

static bool name_lines(struct admin *admin, struct error *error)
{
	struct lines lines;
	enum lines_status status = LINES_LINE;
	char *line;
	size_t length;
	bool good = true;
	lines_open(&lines, STDIN_FILENO, BULI2_LONGEST_LINE_BYTES);
	while (good && (status = lines_next(&lines, &line, &length, &stop_requests, error)) < LINES_END)
		if (status == LINES_TOO_LONG || length)
			good = name_line(admin, status == LINES_LINE ? line : "", status == LINES_LINE ? length : 0, lines.number,
					 error);
	lines_free(&lines);
	return good && status == LINES_END;
}

static void admin_close(struct admin *admin)
{
	sender_close(&admin->sender);
	json_decref(admin->named);
	json_decref(admin->met);
}

static bool admin_open(struct admin *admin, const struct delivery_settings *settings, const char *place,
		       struct error *error)
{
	const struct string_list *names = &settings->deliveries;
	*admin = (struct admin){ .settings = settings, .place = place, .met = json_object(),
				 .named = names->count ? json_object() : NULL };
	bool good = (admin->met && (admin->named || !names->count)) || error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	for (size_t index = 0; good && index < names->count; index++)
		good = strcmp(names->items[index], "-") == 0 ? name_lines(admin, error)
							     : add(admin->named, names->items[index], error);
	good = good && sender_open(&admin->sender, settings, 0, error);
	if (!good)
		admin_close(admin);
	return good;
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
	if (!wanted(admin, delivery ? delivery : "")) {
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

bool admin_list(const struct delivery_settings *settings, const char *place, int64_t *refused, struct error *error)
{
	struct admin admin;
	if (!admin_open(&admin, settings, place, error))
		return false;
	bool good = buli2_queue_walk(admin.sender.queue, place, list_item, &admin, error);
	*refused = admin.refused;
	admin_close(&admin);
	return good;
}

/* ---- requeue and drop ---- */

/* Its row first: from then on the request is sent, whatever becomes of us. `entry` NULL: the row is all there is. */
static bool requeue(struct admin *admin, struct buli2_request *request, const char *delivery, const char *entry,
		    struct error *error)
{
	struct sender *sender = &admin->sender;
	struct buffer line = { 0 };
	char state[16] = "";
	bool done = false, good = true;
	if (sender->pg)
		good = deliveries_revive(sender->pg, delivery, entry != NULL, admin->settings->again_ms, state, error);
	bool go = !*state || strcmp(state, "dead") == 0; /* else the row says that it must not be sent */
	if (good && go && entry) {
		good = buli2_request_set_attempts(request, 0, error);
		buli2_request_write(request, &line);
		if (good && line.failed)
			good = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		good = good && buli2_queue_revive(sender->queue, entry, line.data, &done, error);
		buffer_free(&line);
	} else {
		done = go;
	}
	return good && report(delivery, done ? "requeued" : "skipped", !go ? state : done ? NULL : "gone", error);
}

/* Its row first: what is dropped must not come back from there. `delivery` NULL: the entry is no request. */
static bool drop(struct admin *admin, const char *delivery, const char *entry, struct error *error)
{
	struct sender *sender = &admin->sender;
	char state[16] = "";
	if (delivery && sender->pg && !deliveries_drop(sender->pg, delivery, state, error))
		return false;
	bool alive = strcmp(state, "pending") == 0, done = strcmp(state, "dead") == 0;
	if (entry && !alive && !buli2_queue_drop(sender->queue, entry, &done, error))
		return false;
	return report(delivery, done ? "dropped" : "skipped", done ? NULL : alive || !entry ? state : "gone", error);
}

static bool act(struct admin *admin, struct buli2_request *request, const char *delivery, const char *entry,
		struct error *error)
{
	bool drops = admin->settings->drop_dead;
	if (delivery && !add(admin->met, delivery, error))
		return false;
	if (admin->settings->dry_run)
		return report(delivery, drops ? "would_drop" : "would_requeue", NULL, error);
	return drops ? drop(admin, delivery, entry, error) : requeue(admin, request, delivery, entry, error);
}

static bool act_on_item(void *context, const struct buli2_item *item, struct error *error)
{
	struct admin *admin = context;
	struct buli2_request request;
	struct error why = { 0 };
	if (!buli2_request_parse(&request, item->line, item->length, &why)) {
		if (admin->named)
			return true;
		if (admin->settings->drop_dead)
			return act(admin, NULL, NULL, item->entry, error);
		admin->refused++;
		return report(NULL, "refused", why.message, error);
	}
	bool good = !wanted(admin, request.delivery) || act(admin, &request, request.delivery, item->entry, error);
	buli2_request_free(&request);
	return good;
}

/* Rows whose entry is not in the dead stream. */
static bool act_on_rows(struct admin *admin, struct error *error)
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
			if (wanted(admin, after) && !json_object_get(admin->met, after))
				good = act(admin, NULL, after, NULL, error);
		}
		PQclear(result);
	}
	return good;
}

/* What was named and is not dead. */
static bool tell_unmet(struct admin *admin, struct error *error)
{
	const char *delivery;
	json_t *ignored;
	bool good = true;
	json_object_foreach(admin->named, delivery, ignored)
		if (good && !json_object_get(admin->met, delivery))
			good = report(delivery, "skipped", "not_dead", error);
	return good;
}

bool admin_end_dead(const struct delivery_settings *settings, int64_t *refused, struct error *error)
{
	struct admin admin;
	if (!admin_open(&admin, settings, "dead", error))
		return false;
	bool good = buli2_queue_walk(admin.sender.queue, "dead", act_on_item, &admin, error) &&
		    (!admin.sender.pg || act_on_rows(&admin, error)) && tell_unmet(&admin, error);
	*refused = admin.refused;
	admin_close(&admin);
	return good;
}
