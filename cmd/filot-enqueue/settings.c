/* The option table of filot-enqueue. */
#include "settings.h"

#include <string.h>

#include "common/redis/queue.h"
#include "common/redis/redis_options.h"
#include "common/store/store_options.h"

static const char *const key_sources[] = { "none", "sha256", "uri", NULL };

static void fill_rows(struct enqueue_settings *s)
{
	const struct option_row table[] = {
		{ "key", 'k', OPTION_STRING, &s->key, "KEY", "idempotency key of the one document named" },
		{ "key-from", 0, OPTION_CHOICE, &s->key_from, "WHAT",
		  "make keys of the document's sha256, of its uri, or none (none)", .choices = key_sources },
		{ "priority", 'p', OPTION_CHOICE, &s->priority, "PRIORITY", "high, normal or low (normal)",
		  .choices = job_priority_names },
		{ "lang", 'l', OPTION_STRING, &s->lang, "LANG", "languages of the text, such as deu+eng (eng)" },
		{ "tenant", 't', OPTION_STRING, &s->tenant, "NAME", "whose documents these are" },
		{ "document", 'd', OPTION_STRING, &s->document, "ID", "id of the one document named (the job's id)" },
		{ "upload", 'u', OPTION_FLAG, &s->upload, NULL, "put local files in object storage first" },
		{ "upload-prefix", 0, OPTION_STRING, &s->upload_prefix, "PREFIX",
		  "what keys of uploaded files begin with (documents/)", .setting = "FILOT_UPLOAD_PREFIX" },
		{ "print", 0, OPTION_FLAG, &s->print, NULL, "write job lines and use no queue" },
		{ "null", '0', OPTION_FLAG, &s->null_ended, NULL,
		  "names on standard input end in NUL, as by find -print0" },
		{ "batch", 0, OPTION_INTEGER, &s->batch, "N", "jobs sent together (500)", .minimum = 1,
		  .maximum = QUEUE_BATCH_JOBS },
		{ "max-depth", 0, OPTION_INTEGER, &s->most_waiting, "N",
		  "while the queue holds N jobs, wait for --wait, then end with 75", .minimum = 1,
		  .maximum = INT64_C(1) << 53 },
		{ "wait", 'w', OPTION_DURATION, &s->wait_ms, "TIME",
		  "wait so long for Redis, at start and when it goes away (30s)", .maximum = 86400000 },
		{ "durable", 0, OPTION_FLAG, &s->durable, NULL,
		  "receipts only for what is on Redis' disk and its replicas", .setting = "FILOT_DURABLE" },
		{ "replicas", 0, OPTION_INTEGER, &s->replicas, "N", "with --durable: on so many replicas (0)",
		  .setting = "FILOT_DURABLE_REPLICAS", .maximum = 100 },
		{ "queue-name", 0, OPTION_STRING, &s->queue_name, "NAME", "which queue (ocr)",
		  .setting = "FILOT_QUEUE_NAME" },
		REDIS_OPTIONS(s, "the queue's Redis; rediss:// is TLS", .required_unless = &s->print),
		STORE_OPTIONS(s, .required_if = &s->upload),
	};
	_Static_assert(sizeof table < sizeof s->rows, "the table needs its empty last row");
	memcpy(s->rows, table, sizeof table);
}

struct command enqueue_command(struct enqueue_settings *settings)
{
	*settings = (struct enqueue_settings){
		.priority = JOB_PRIORITY_NORMAL,
		.upload_prefix = "documents/",
		.batch = QUEUE_BATCH_JOBS,
		.wait_ms = 30 * 1000,
		.queue_name = queue_default_settings.name,
	};
	fill_rows(settings);
	return (struct command){
		.name = "filot-enqueue",
		.summary = "put documents in the queue, once per idempotency key",
		.usage = "[flags] WHAT...\n[flags] < LINES",
		.details =
		    "WHAT, or each line of standard input, is a path, an r2:, https: or file: URI, or a job line,\n"
		    "which begins with \"{\". \"-\" stands for standard input. Each gets a receipt line, in order.\n"
		    "Exit status: 0 all are in the queue, 1 some were refused (see their receipts), 64 usage,\n"
		    "69 Redis or object storage is unavailable, 75 the queue is full, or stopped before the end,\n"
		    "77 Redis refused the password, 78 configuration.",
		.rows = settings->rows,
	};
}

struct job_template enqueue_template(const struct enqueue_settings *settings)
{
	return (struct job_template){ .document = settings->document,
				      .lang = settings->lang,
				      .key = settings->key,
				      .tenant = settings->tenant,
				      .priority = (enum job_priority)settings->priority };
}

/* The flags' texts go into jobs, so a job with them must be one. */
static bool texts_valid(const struct enqueue_settings *settings, struct error *error)
{
	struct job_template given = enqueue_template(settings);
	struct error why = { 0 };
	struct job job;
	given.uri = "file:/x";
	if (!job_new(&job, &given, &why))
		return error_set(error, ERROR_USAGE, "--%s", why.message);
	job_free(&job);
	return true;
}

bool enqueue_settings_check(const struct enqueue_settings *settings, const struct string_list *operands,
			    struct error *error)
{
	bool one = operands->count == 1 && strcmp(operands->items[0], "-") != 0;
	if (settings->key && !one)
		return error_set(error, ERROR_USAGE, "--key goes with one document; for many, see --key-from");
	if (settings->document && !one)
		return error_set(error, ERROR_USAGE, "--document goes with one document");
	if (settings->key && settings->key_from != KEY_FROM_NONE)
		return error_set(error, ERROR_USAGE, "--key and --key-from exclude each other");
	if (settings->print && settings->most_waiting)
		return error_set(error, ERROR_USAGE, "--max-depth does not go with --print");
	if (settings->print && settings->durable)
		return error_set(error, ERROR_USAGE, "--durable does not go with --print");
	return texts_valid(settings, error);
}
