/* What filot-requeue was asked to do: its flags and settings as one struct, filled by the table in settings.c. */
#ifndef REQUEUE_SETTINGS_H
#define REQUEUE_SETTINGS_H

#include "common/base/options.h"

#define REQUEUE_MOST_ROWS 28

enum verb { VERB_REQUEUE, VERB_LIST, VERB_SHOW, VERB_DROP, VERB_CANCEL, VERB_STATS };

struct requeue_settings {
	enum verb verb;
	/* which jobs */
	bool dead, delayed;
	int64_t min_idle_ms, visibility_ms;
	struct string_list codes, documents, jobs;
	const char *since, *until, *worker, *tenant;
	/* how */
	bool dry_run, json, yes, watch;
	int64_t limit; /* 0: none */
	const char *rate_text;
	double rate; /* jobs a second; 0: no bound */
	int64_t watch_ms;
	/* where */
	const char *redis_url, *redis_password, *redis_ca, *queue_name, *database_url;
	int64_t wait_ms;
	struct option_row rows[REQUEUE_MOST_ROWS]; /* the table; points into this struct */
};

/* Sets the defaults and returns the command; it uses settings->rows, so *settings must stay where it is. */
struct command requeue_command(struct requeue_settings *settings);

/* Reads the verb and its operands, which follow it in *operands, and checks which flags go together. */
bool requeue_settings_check(struct requeue_settings *settings, struct string_list *operands, struct error *error);

/* --since and --until: an RFC 3339 time, or a duration before `now_ms`. */
bool requeue_time(const char *name, const char *text, int64_t now_ms, int64_t *unix_ms, struct error *error);

#endif
