/* What filot-healthd was asked to do: its flags and settings as one struct, filled by the table in settings.c. */
#ifndef HEALTHD_SETTINGS_H
#define HEALTHD_SETTINGS_H

#include "common/base/options.h"
#include "common/temporal/temporal_options.h"

#define HEALTHD_MOST_ROWS 32

struct healthd_settings {
	/* what to do */
	bool emf, once;
	bool probe; /* ask the URL that is the operand, and nothing else */
	/* where it listens */
	const char *listen, *socket;
	/* how often, and what is judged */
	int64_t interval_ms, stuck_ms, emf_ms, visibility_ms, oldest_ms, probe_ms;
	const char *service; /* the EMF dimension */
	struct string_list disks;
	/* what it looks at */
	const char *redis_url, *redis_password, *redis_ca, *queue_name, *buli2_queue_name, *database_url;
	const char *r2_endpoint, *r2_access_key, *r2_secret_key, *r2_bucket, *r2_region;
	struct temporal_place temporal;
	struct option_row rows[HEALTHD_MOST_ROWS]; /* the table; points into this struct */
};

/* Sets the defaults and returns the command; it uses settings->rows, so *settings must stay where it is. */
struct command healthd_command(struct healthd_settings *settings);

/* What the table cannot say: which flags go together. */
bool healthd_settings_check(const struct healthd_settings *settings, size_t operand_count, struct error *error);

#endif
