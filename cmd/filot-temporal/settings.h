/* The flags and settings of filot-temporal. */
#ifndef FILOT_TEMPORAL_SETTINGS_H
#define FILOT_TEMPORAL_SETTINGS_H

#include "common/base/options.h"
#include "common/temporal/client.h"

struct tell_settings {
	bool from_queue, once;
	int64_t poll_ms, backoff_base_ms, backoff_cap_ms, wait_ms;
	const char *database_url, *redis_url, *redis_password, *redis_ca, *jobs_queue_name;
	struct temporal_settings temporal; /* endpoint NULL: off */
	char identity[160];
	struct option_row rows[24];
};

struct command tell_command(struct tell_settings *settings);

bool tell_settings_check(struct tell_settings *settings, const struct string_list *operands, struct error *error);

#endif
