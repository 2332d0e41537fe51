/*
 * The publisher's thread takes what was counted into a batch and sends it until it is answered; only then it takes more. So
 * there is at most one batch whose effect is not known, and its number tells the script whether it had it already.
 */
#include "common/redis/metrics_publish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/process_name.h"
#include "common/base/worker.h"
#include "metrics_publish_lua.h"
#include "metrics_totals_lua.h"

#define SIGN_OF_LIFE_MS 60000
#define LAST_WORDS_MS 2000
#define SERVICE_MS 2000
#define REMEMBERED_MS (10 * INT64_C(60000)) /* rows of processes that are gone */
#define FIXED_WORDS 7
#define KEY_SIZE 128
#define PROCESS_SIZE 160

/* A list of words for one script call, which owns them. */
struct batch {
	char **words;
	size_t count, capacity;
	bool failed;
};

struct metrics_publisher {
	struct metrics *metrics;
	struct redis *redis;
	char totals_key[KEY_SIZE], rows_key[KEY_SIZE];
	char command[64], process[PROCESS_SIZE];
	int64_t interval_ms;
	struct worker worker;
	/* the worker's own, while it runs */
	struct batch batch; /* cells that wait for their answer */
	int64_t number;	    /* of the last call that was begun */
	char *gauges;	    /* as last published */
	int64_t published_ms;
	bool away;
};

static void make_keys(const char *queue_name, char totals[static KEY_SIZE], char rows[static KEY_SIZE])
{
	(void)snprintf(totals, KEY_SIZE, "filot:{%s}:metrics", queue_name);
	(void)snprintf(rows, KEY_SIZE, "filot:{%s}:gauges", queue_name);
}

/* ---- the batch ---- */

static void batch_add(struct batch *batch, const char *word)
{
	char **words = array_grow(batch->words, &batch->capacity, batch->count + 1, sizeof *words);
	char *copy = words ? strdup(word) : NULL;
	batch->words = words ? words : batch->words;
	batch->failed |= !copy;
	if (copy)
		batch->words[batch->count++] = copy;
}

static void batch_clear(struct batch *batch)
{
	for (size_t index = 0; index < batch->count; index++)
		free(batch->words[index]);
	batch->count = 0;
	batch->failed = false;
}

static void add_cell(void *context, const char *cell, int64_t amount)
{
	struct batch *batch = context;
	char number[24];
	(void)snprintf(number, sizeof number, "%" PRId64, amount);
	batch_add(batch, cell);
	batch_add(batch, number);
}

/* ---- one call ---- */

static bool send_batch(struct metrics_publisher *publisher, const char *gauges, struct error *error)
{
	char number[24], remembered[24];
	size_t count = FIXED_WORDS + publisher->batch.count;
	const char **argv = calloc(count, sizeof *argv);
	if (!argv)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for figures");
	(void)snprintf(number, sizeof number, "%" PRId64, publisher->number);
	(void)snprintf(remembered, sizeof remembered, "%" PRId64, publisher->number == 1 ? REMEMBERED_MS : 0);
	const char *fixed[FIXED_WORDS] = { publisher->totals_key, publisher->rows_key, publisher->process, number,
					   publisher->command,	  gauges,	       remembered };
	memcpy(argv, fixed, sizeof fixed);
	for (size_t index = 0; index < publisher->batch.count; index++)
		argv[FIXED_WORDS + index] = publisher->batch.words[index];
	redisReply *reply =
	    redis_script(publisher->redis, true, metrics_publish_lua, 2, (int)count, argv, NULL, error);
	free(argv);
	bool good = reply && (reply->type != REDIS_REPLY_ERROR || redis_refused(reply, "figures", error));
	freeReplyObject(reply);
	return good;
}

/* Sends what waits, or what has grown since. */
static bool publish(struct metrics_publisher *publisher, bool last, struct error *error)
{
	struct buffer gauges = { 0 };
	metrics_gauges(publisher->metrics, &gauges);
	const char *text = gauges.data ? gauges.data : "";
	if (!publisher->batch.count) {
		metrics_take(publisher->metrics, add_cell, &publisher->batch);
		bool quiet = !publisher->batch.count && publisher->gauges && strcmp(publisher->gauges, text) == 0;
		if (publisher->batch.failed)
			log_warning("figures_lost", log_string("message", "out of memory"));
		if (quiet && !last && clock_monotonic_ms() < publisher->published_ms + SIGN_OF_LIFE_MS) {
			buffer_free(&gauges);
			return true;
		}
		publisher->number++;
	}
	bool good = send_batch(publisher, text, error);
	if (good) {
		batch_clear(&publisher->batch);
		free(publisher->gauges);
		publisher->gauges = strdup(text);
		publisher->published_ms = clock_monotonic_ms();
	}
	buffer_free(&gauges);
	return good;
}

static void withdraw(struct metrics_publisher *publisher)
{
	struct error ignored = { 0 }; /* it would soon count no more by itself */
	const char *argv[] = { "HDEL", publisher->rows_key, publisher->process };
	freeReplyObject(redis_command(publisher->redis, true, 3, argv, NULL, &ignored));
}

static void publish_last(struct metrics_publisher *publisher)
{
	struct error error = { 0 };
	int64_t until_ms = clock_monotonic_ms() + LAST_WORDS_MS;
	/* A batch may wait whose answer was lost: that first, then the rest. */
	bool waited = publisher->batch.count > 0;
	bool good = publish(publisher, true, &error);
	if (good && waited && clock_monotonic_ms() < until_ms)
		good = publish(publisher, true, &error);
	if (good)
		withdraw(publisher);
	else
		log_warning("figures_lost", log_failure(&error));
}

static int64_t publish_round(void *context)
{
	struct metrics_publisher *publisher = context;
	struct error error = { 0 };
	bool good = publish(publisher, false, &error);
	if (!good && !publisher->away)
		log_warning("figures_not_published", log_failure(&error));
	publisher->away = !good;
	return publisher->interval_ms;
}

/* ---- life ---- */

static void publisher_free(struct metrics_publisher *publisher)
{
	batch_clear(&publisher->batch);
	free(publisher->batch.words);
	free(publisher->gauges);
	redis_free(publisher->redis);
	free(publisher);
}

struct metrics_publisher *metrics_publisher_start(const struct metrics_publish_settings *settings, struct error *error)
{
	struct metrics_publisher *publisher = calloc(1, sizeof *publisher);
	if (!publisher) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for figures");
		return NULL;
	}
	const struct redis_settings connection = { .url = settings->redis_url, .ca = settings->redis_ca,
						   .client_name = settings->command, .connect_ms = SERVICE_MS,
						   .command_ms = SERVICE_MS };
	publisher->metrics = settings->metrics;
	publisher->interval_ms = settings->interval_ms > 0 ? settings->interval_ms : METRICS_PUBLISH_MS;
	(void)snprintf(publisher->command, sizeof publisher->command, "%s", settings->command);
	make_keys(settings->queue_name, publisher->totals_key, publisher->rows_key);
	if (settings->process)
		(void)snprintf(publisher->process, PROCESS_SIZE, "%s", settings->process);
	else
		(void)process_name(publisher->process, PROCESS_SIZE);
	publisher->redis = redis_new(&connection, error);
	if (publisher->redis && worker_start(&publisher->worker, publish_round, publisher, error))
		return publisher;
	publisher_free(publisher);
	return NULL;
}

void metrics_publisher_stop(struct metrics_publisher *publisher)
{
	if (!publisher)
		return;
	worker_stop(&publisher->worker);
	publish_last(publisher);
	publisher_free(publisher);
}

const char *metrics_publisher_process(const struct metrics_publisher *publisher)
{
	return publisher->process;
}

/* ---- the totals ---- */

static void restore_totals(struct metrics *metrics, const redisReply *cells)
{
	for (size_t index = 0; index + 1 < cells->elements; index += 2) {
		const redisReply *cell = cells->element[index], *total = cells->element[index + 1];
		/* What is in no table of this version comes from a newer one: it waits there for us. */
		if (cell->type == REDIS_REPLY_STRING && total->type == REDIS_REPLY_STRING)
			(void)metrics_restore(metrics, cell->str, strtoll(total->str, NULL, 10));
	}
}

/* "UNIX-MS NUMBER COMMAND\n", then lines "GAUGE VALUE"; the text is changed. */
static void restore_row(struct metrics *metrics, const char *process, char *row)
{
	char *place = NULL;
	char *head = strtok_r(row, "\n", &place);
	const char *command = head ? strrchr(head, ' ') : NULL;
	metrics_set(metrics, METRIC_PROCESS_UP, 1, process, command ? command + 1 : "");
	for (char *line = strtok_r(NULL, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
		char *value = strrchr(line, ' ');
		if (!value)
			continue;
		*value = '\0';
		(void)metrics_restore_gauge(metrics, line, strtod(value + 1, NULL));
	}
}

bool metrics_totals_read(struct redis *redis, const char *queue_name, struct metrics *metrics, int64_t *now_ms,
			 struct error *error)
{
	char totals[KEY_SIZE], rows[KEY_SIZE], live[24];
	make_keys(queue_name, totals, rows);
	(void)snprintf(live, sizeof live, "%d", METRICS_ROW_MS);
	const char *argv[] = { totals, rows, live };
	redisReply *reply = redis_script(redis, true, metrics_totals_lua, 2, 3, argv, NULL, error);
	if (!reply)
		return false;
	bool good = reply->type != REDIS_REPLY_ERROR || redis_refused(reply, "figures", error);
	if (good && (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
		     reply->element[1]->type != REDIS_REPLY_ARRAY || reply->element[2]->type != REDIS_REPLY_ARRAY))
		good = error_set(error, ERROR_INTERNAL, "figures: Redis gave an answer of an unexpected kind");
	if (good) {
		const redisReply *list = reply->element[2];
		restore_totals(metrics, reply->element[1]);
		for (size_t index = 0; index + 1 < list->elements; index += 2)
			if (list->element[index]->type == REDIS_REPLY_STRING &&
			    list->element[index + 1]->type == REDIS_REPLY_STRING)
				restore_row(metrics, list->element[index]->str, list->element[index + 1]->str);
		if (now_ms)
			*now_ms = reply->element[0]->integer;
	}
	freeReplyObject(reply);
	return good;
}
