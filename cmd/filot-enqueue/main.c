/* filot-enqueue: documents into the queue, one receipt a document. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/lines.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/http/http.h"
#include "common/redis/queue_admin.h"
#include "prepare.h"
#include "sender.h"
#include "settings.h"

/* One input: a job for the sender, or a refusal that names it. False when nothing more can be done. */
static bool take_input(const struct preparer *preparer, struct sender *sender, const char *input, size_t length,
		       const char *source, size_t number, struct error *error)
{
	struct job job;
	struct error why = { 0 };
	if (prepare_job(preparer, input, length, &job, &why))
		return sender_add(sender, &job, length, error);
	if (error_ends_all(why.code))
		return error_set(error, why.code, "%s", why.message);
	(void)error_prefix(&why, "%s %zu", source, number);
	return sender_refuse(sender, job.id, &why, error);
}

static bool take_lines(const struct preparer *preparer, struct sender *sender, struct error *error)
{
	struct lines lines;
	char *line;
	size_t length;
	bool good = true;
	lines_open(&lines, STDIN_FILENO, JOB_LONGEST_LINE_BYTES);
	lines.end = preparer->settings->null_ended ? '\0' : '\n';
	while (good) {
		/* Who sends slowly gets receipts for what was sent before the next wait. */
		if (!lines_ready(&lines) && !(good = sender_flush(sender, error)))
			break;
		enum lines_status status = lines_next(&lines, &line, &length, &stop_requests, error);
		if (status == LINES_END || status == LINES_FAILED) {
			good = status == LINES_END;
			break;
		}
		if (status == LINES_TOO_LONG) {
			struct error why = { 0 };
			(void)error_set(&why, ERROR_BAD_JOB, "line %zu: longer than 1 MiB", lines.number);
			good = sender_refuse(sender, "", &why, error);
		} else if (length) {
			good = take_input(preparer, sender, line, length, "line", lines.number, error);
		}
	}
	lines_free(&lines);
	return good;
}

static bool take_all(const struct preparer *preparer, struct sender *sender, const struct string_list *operands,
		     struct error *error)
{
	if (!operands->count)
		return take_lines(preparer, sender, error);
	for (size_t index = 0; index < operands->count; index++) {
		const char *operand = operands->items[index];
		bool is_stdin = strcmp(operand, "-") == 0;
		if (stop_requests)
			return error_set(error, ERROR_TRY_AGAIN, "stopped by a signal");
		if (!(is_stdin ? take_lines(preparer, sender, error)
			       : take_input(preparer, sender, operand, strlen(operand), "argument", index + 1, error)))
			return false;
	}
	return true;
}

static struct store *open_store(const struct enqueue_settings *settings, struct error *error)
{
	const struct store_settings where = { .endpoint = settings->r2_endpoint,
					      .access_key = settings->r2_access_key,
					      .secret_key = settings->r2_secret_key,
					      .bucket = settings->r2_bucket,
					      .region = settings->r2_region };
	return http_setup(error) ? store_new(&where, error) : NULL;
}

static struct queue *open_queue(const struct enqueue_settings *settings, struct redis **redis, struct error *error)
{
	const struct redis_settings connection = { .url = settings->redis_url,
						   .ca = settings->redis_ca,
						   .client_name = "filot-enqueue",
						   .reconnect_ms = settings->wait_ms };
	struct queue_settings names = queue_default_settings;
	names.name = settings->queue_name;
	names.most_waiting = settings->most_waiting;
	names.durable_replicas = settings->replicas;
	*redis = redis_new(&connection, error);
	if (!*redis || !redis_connect(*redis, settings->wait_ms, error))
		return NULL;
	struct queue *queue = queue_new(&names, *redis, error);
	if (queue)
		queue_check_server(queue);
	if (queue && settings->durable && !queue_durable_open(queue, error)) {
		queue_free(queue);
		return NULL;
	}
	return queue;
}

static int run(const struct command *command, const struct enqueue_settings *settings,
	       const struct string_list *operands)
{
	struct error error = { 0 };
	struct preparer preparer = { .settings = settings };
	struct redis *redis = NULL;
	struct queue *queue = NULL;
	struct sender *sender = NULL;
	bool good = false;
	int status = EX_OK;
	if (settings->upload && !(preparer.store = open_store(settings, &error)))
		goto out;
	if (!settings->print && !(queue = open_queue(settings, &redis, &error)))
		goto out;
	if (!(sender = sender_new(settings, queue, &error)))
		goto out;
	good = take_all(&preparer, sender, operands, &error);
	/* What was read before it ended still goes its way; the first error is the one that is told. */
	struct error late = { 0 };
	if (!sender_flush(sender, good ? &error : &late))
		good = false;
	if (sender_counts(sender)->refused)
		status = 1;
out:
	sender_free(sender);
	queue_free(queue);
	redis_free(redis);
	store_free(preparer.store);
	return good ? status : options_exit(command, &error);
}

int main(int argc, char **argv)
{
	struct enqueue_settings settings;
	struct options options;
	struct error error = { 0 };
	const struct command command = enqueue_command(&settings);
	int status;
	switch (options_parse(&command, &options, argc, argv, &error)) {
	case OPTIONS_DONE:
		status = EX_OK;
		break;
	case OPTIONS_FAILED:
		status = options_exit(&command, &error);
		break;
	default:
		stop_install();
		if (!enqueue_settings_check(&settings, &options.operands, &error))
			status = options_exit(&command, &error);
		else
			status = run(&command, &settings, &options.operands);
	}
	options_free(&options, &command);
	return status;
}
