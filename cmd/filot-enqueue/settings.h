/* What filot-enqueue is told: flags and settings, and their table. */
#ifndef FILOT_ENQUEUE_SETTINGS_H
#define FILOT_ENQUEUE_SETTINGS_H

#include "common/base/options.h"
#include "common/json/job.h"

enum key_from { KEY_FROM_NONE, KEY_FROM_SHA256, KEY_FROM_URI };

struct enqueue_settings {
	bool print;	 /* job lines to standard output instead of the queue */
	bool upload;	 /* local files to object storage first */
	bool null_ended; /* standard input: names end in NUL */
	int priority;	 /* enum job_priority */
	int key_from;
	const char *key, *document, *lang, *tenant;
	const char *upload_prefix;
	int64_t batch;	      /* jobs in one round trip */
	int64_t most_waiting; /* 0: no limit */
	int64_t wait_ms;
	bool durable;	  /* a receipt says queued only when the job is known to be kept */
	int64_t replicas; /* with durable: by so many replicas */
	const char *redis_url, *redis_password, *redis_ca, *queue_name;
	const char *r2_endpoint, *r2_access_key, *r2_secret_key, *r2_bucket, *r2_region;
	struct option_row rows[32];
};

/* Fills *settings with the defaults and returns the command whose table points into it. */
struct command enqueue_command(struct enqueue_settings *settings);

/* What the table cannot say: which flags go together, and that the texts may stand in a job. */
bool enqueue_settings_check(const struct enqueue_settings *settings, const struct string_list *operands,
			    struct error *error);

/* What jobs get that say nothing themselves. */
struct job_template enqueue_template(const struct enqueue_settings *settings);

#endif
