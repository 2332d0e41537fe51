/* The flags and settings of filot-buli2. */
#ifndef FILOT_BULI2_SETTINGS_H
#define FILOT_BULI2_SETTINGS_H

#include "common/base/options.h"

struct delivery_settings {
	bool from_queue, drain, list, requeue_dead, drop_dead, dry_run, yes;
	struct string_list deliveries;
	int64_t jobs;
	int64_t connect_ms, timeout_ms;
	int64_t max_attempts, backoff_base_ms, backoff_cap_ms;
	int64_t breaker_failures, breaker_base_ms, breaker_cap_ms;
	int64_t visibility_ms, again_ms, poll_ms, dead_keep_ms, wait_ms;
	const char *sender, *queue_name, *jobs_queue_name;
	const char *redis_url, *redis_password, *redis_ca, *database_url;
	const char *api_url, *api_key, *signature_secret, *callback_url;
	struct option_row rows[40];
};

struct command delivery_command(struct delivery_settings *settings);

/* What the table cannot say. `place` is where to look with --list. */
bool delivery_settings_check(struct delivery_settings *settings, const struct string_list *operands, const char **place,
			     struct error *error);

#endif
