/* Jobs where they lie: a line each, or everything that is known of one. Changes nothing. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-requeue/commands.h"
#include "common/base/stop.h"
#include "job_show_sql.h"

typedef bool visit_found(void *visitor, const struct found *found, int64_t now_ms, struct error *error);

/* Every item of a place that the settings let through; ends when `visitor` wants no more or fails. */
static bool walk(struct context *context, struct queue_view *view, struct job_set *set, visit_found *visit, void *visitor,
		 bool *enough, struct error *error)
{
	bool more = true;
	bool good = true;
	while (good && more && !*enough) {
		good = !stopped(error) && queue_view_next(context->queue, view, &more, error);
		for (size_t index = 0; good && !*enough && index < view->count; index++) {
			struct found found;
			found_read(&found, &view->items[index]);
			if (selection_has(context->settings, set, &found))
				good = visit(visitor, &found, view->now_ms, error);
			found_free(&found);
		}
	}
	queue_view_close(view);
	return good;
}

/* ---- list ---- */

struct lister {
	struct context *context;
	struct job_set set;
	struct queue_view view;
	const char *place; /* the operand */
	int64_t count;
	bool enough;
};

static bool list_item(void *visitor, const struct found *found, int64_t now_ms, struct error *error)
{
	struct lister *lister = visitor;
	int64_t limit = lister->context->settings->limit;
	bool handed_back = found->item->place == PLACE_PENDING && strcmp(found->item->worker, QUEUE_HANDED_BACK) == 0;
	(void)error;
	/* What was handed back is ready; it is found among what is pending. */
	if (lister->place && found->item->place == PLACE_PENDING && strcmp(lister->place, handed_back ? "ready" : "pending") != 0)
		return true;
	report_item(&lister->context->report, found, now_ms);
	lister->enough = ++lister->count == limit;
	return true;
}

static bool wants(const struct lister *lister, enum queue_place place)
{
	return !lister->place || strcmp(lister->place, queue_place_names[place]) == 0 ||
	       (place == PLACE_PENDING && strcmp(lister->place, "ready") == 0);
}

static bool list_places(struct lister *lister, struct error *error)
{
	const struct requeue_settings *settings = lister->context->settings;
	struct queue_overview overview;
	const char *few[FEW_JOBS];
	bool good = true;
	if (!queue_overview_read(lister->context->queue, &overview, error))
		return false;
	int64_t now_ms = overview.now_ms;
	queue_overview_free(&overview);
	for (int place = 0; good && !lister->enough && place < PLACE_COUNT; place++) {
		int64_t from_ms = 0;
		int64_t until_ms = 0;
		bool bounded = settings->since || settings->until;
		if (!wants(lister, (enum queue_place)place) || (bounded && place != PLACE_DEAD))
			continue;
		if (settings->since && !requeue_time("--since", settings->since, now_ms, &from_ms, error))
			return false;
		if (settings->until && !requeue_time("--until", settings->until, now_ms, &until_ms, error))
			return false;
		lister->view = (struct queue_view){ .place = (enum queue_place)place, .from_ms = from_ms > 0 ? from_ms : 0,
						    .until_ms = until_ms, .jobs = few,
						    .job_count = job_set_few(&lister->set, few) };
		good = walk(lister->context, &lister->view, &lister->set, list_item, lister, &lister->enough, error);
	}
	return good;
}

bool command_list(struct context *context, const char *place, struct error *error)
{
	bool known = !place;
	for (int index = 0; place && index < PLACE_COUNT; index++)
		known = known || strcmp(place, queue_place_names[index]) == 0;
	if (!known)
		return error_set(error, ERROR_USAGE, "\"%s\" is none of: dead, delayed, pending, ready", place);
	if (place && strcmp(place, "dead") != 0 && (context->settings->since || context->settings->until))
		return error_set(error, ERROR_USAGE, "--since and --until are about dead jobs");
	struct lister *lister = calloc(1, sizeof *lister);
	if (!lister)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	lister->context = context;
	lister->place = place;
	bool good = job_set_read(&lister->set, &context->settings->jobs, &context->report, error);
	if (good) {
		report_heading(&context->report);
		good = (lister->set.given && !lister->set.count) || list_places(lister, error);
		if (good && !context->report.json)
			printf("%" PRId64 " job%s%s\n", lister->count, lister->count == 1 ? "" : "s",
			       lister->enough ? ", as many as --limit says" : "");
	}
	job_set_free(&lister->set);
	free(lister);
	return good;
}

/* ---- show ---- */

struct shower {
	struct context *context;
	struct job_set set;
	struct queue_view view;
	struct queue_overview overview;
	const char *id;
	char *row; /* the database's, JSON */
	bool marked, shown;
};

static const struct queue_worker *worker_row(const struct shower *shower, const char *name)
{
	for (size_t index = 0; name && index < shower->overview.worker_count; index++)
		if (strcmp(shower->overview.workers[index].name, name) == 0)
			return &shower->overview.workers[index];
	return NULL;
}

/* The object of `show`: where the job is, its line with its history, its row in the database. */
static void show_line(const struct shower *shower, const struct found *found, int64_t now_ms, struct buffer *line)
{
	buffer_append_string(line, "{\"v\":1");
	line_string(line, "job", shower->id);
	if (found) {
		const struct queue_worker *worker =
		    found->item->place == PLACE_PENDING ? worker_row(shower, found->worker) : NULL;
		bool handed_back = found->item->place == PLACE_PENDING && !found->worker;
		line_string(line, "where", handed_back ? "ready" : queue_place_names[found->item->place]);
		line_found(line, found, now_ms);
		if (worker && worker->seen_ms >= 0)
			line_integer(line, "worker_seen_ms", worker->seen_ms);
		if (found->item->place == PLACE_PENDING)
			line_integer(line, "deliveries", found->item->deliveries);
	} else {
		line_string(line, "where", "nowhere");
	}
	buffer_printf(line, ",\"cancel_mark\":%s", shower->marked ? "true" : "false");
	if (found && found->job.uri) {
		buffer_append_string(line, ",\"line\":");
		job_write(&found->job, line);
	} else if (found) {
		line_string(line, "bytes", found->item->line);
		line_string(line, "fault", found->why.message);
	}
	if (shower->row) {
		buffer_append_string(line, ",\"database\":");
		buffer_append_string(line, shower->row);
	}
	buffer_append_char(line, '}');
}

/* A value as one line of words; "idle_ms" 93000 is "idle" 93 s there. */
static void print_value(const char *indent, const char *name, const json_t *value)
{
	size_t length = strlen(name);
	char plain[1024], age[AGE_SIZE];
	if (json_is_integer(value) && length > 3 && strcmp(name + length - 3, "_ms") == 0) {
		printf("%s%-16.*s %s\n", indent, (int)length - 3, name, age_text(json_integer_value(value), age));
		return;
	}
	char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	const char *from = json_is_string(value) ? json_string_value(value) : text ? text : "";
	printf("%s%-16s %s\n", indent, name, plain_text(from, plain, sizeof plain));
	free(text);
}

static void print_history(const json_t *history)
{
	size_t index;
	const json_t *item;
	char words[6][300];
	static const char *const names[] = { "at", "failed_at", "worker", "code", "message" };
	json_array_foreach(history, index, item)
	{
		for (size_t name = 0; name < sizeof names / sizeof *names; name++) {
			const char *text = json_string_value(json_object_get(item, names[name]));
			(void)plain_text(text ? text : "", words[name], sizeof words[name]);
		}
		printf("    attempt %-4lld %s%s  %s  %s: %s\n", json_integer_value(json_object_get(item, "attempt")), words[0],
		       words[1], words[2], words[3], words[4]);
	}
}

/* The same object for a person: a value a line, the history as a table. */
static void print_object(const char *indent, json_t *object)
{
	const char *name;
	json_t *value;
	json_object_foreach(object, name, value)
	{
		if (json_is_null(value) || strcmp(name, "v") == 0)
			continue;
		if (strcmp(name, "history") == 0) {
			printf("%shistory\n", indent);
			print_history(value);
		} else if (json_is_object(value) && (strcmp(name, "line") == 0 || strcmp(name, "database") == 0)) {
			printf("%s\n", name);
			print_object("  ", value);
		} else {
			print_value(indent, name, value);
		}
	}
}

static bool show(struct shower *shower, const struct found *found, int64_t now_ms, struct error *error)
{
	struct buffer line = { 0 };
	show_line(shower, found, now_ms, &line);
	json_t *object = shower->context->report.json || line.failed ? NULL : json_loadb(line.data, line.length, 0, NULL);
	shower->shown = true;
	if (object)
		print_object("", object);
	else if (!line.failed)
		line_print(&line);
	json_decref(object);
	bool good = !line.failed || error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	buffer_free(&line);
	return good;
}

static bool show_item(void *visitor, const struct found *found, int64_t now_ms, struct error *error)
{
	return show(visitor, found, now_ms, error);
}

static bool read_row(struct shower *shower, struct error *error)
{
	const char *const values[] = { shower->id };
	if (!shower->context->pg)
		return true;
	PGresult *result = pg_query(shower->context->pg, true, job_show_sql, 1, values, error);
	if (!result)
		return false;
	shower->row = PQntuples(result) == 1 ? strdup(PQgetvalue(result, 0, 0)) : NULL;
	PQclear(result);
	return true;
}

static bool show_job(struct shower *shower, struct error *error)
{
	struct report *report = &shower->context->report;
	bool good = queue_overview_read(shower->context->queue, &shower->overview, error) && read_row(shower, error) &&
		    queue_cancel_marked(shower->context->queue, shower->id, &shower->marked, error);
	/* Twice, because it may go from a place not yet seen to one already seen. */
	for (int look = 0; good && look < 2 * PLACE_COUNT && !shower->shown; look++) {
		shower->view = (struct queue_view){ .place = (enum queue_place)(look % PLACE_COUNT), .jobs = &shower->id,
						    .job_count = 1 };
		good = walk(shower->context, &shower->view, &shower->set, show_item, shower, &shower->shown, error);
	}
	if (good && !shower->shown && (shower->row || shower->marked))
		good = show(shower, NULL, 0, error);
	if (good && !shower->shown) {
		struct error why = { 0 };
		(void)error_set(&why, ERROR_NOT_FOUND, "it is nowhere in the queue%s",
				shower->context->pg ? " and not in the database" :
						      "; with FILOT_DATABASE_URL set the database is asked, too");
		report_unknown(report, shower->id, &why);
	}
	return good;
}

bool command_show(struct context *context, const struct string_list *operands, struct error *error)
{
	struct shower *shower = calloc(1, sizeof *shower);
	if (!shower)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	shower->context = context;
	bool good = job_set_read(&shower->set, operands, &context->report, error);
	for (size_t index = 0; good && index < shower->set.count; index++) {
		shower->id = shower->set.jobs[index].id;
		shower->shown = false;
		good = show_job(shower, error);
		free(shower->row);
		shower->row = NULL;
		queue_overview_free(&shower->overview);
	}
	job_set_free(&shower->set);
	free(shower);
	return good;
}
