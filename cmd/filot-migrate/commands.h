/* The subcommands. Each returns whether it could be done; `well` says what the exit status 0 or 1 is about. */
#ifndef FILOT_MIGRATE_COMMANDS_H
#define FILOT_MIGRATE_COMMANDS_H

#include "cmd/filot-migrate/apply.h"

struct context {
	struct pg_settings database;
	struct apply_settings apply;
	const char *folder;
	int64_t target; /* 0: the newest */
	bool dry, resume, json;
};

bool command_up(const struct context *context, struct error *error);
bool command_status(const struct context *context, bool *well, struct error *error);
bool command_verify(const struct context *context, bool *well, struct error *error);
bool command_baseline(const struct context *context, int64_t version, struct error *error);

#endif
