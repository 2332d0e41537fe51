/* What filot-requeue does, a function a verb. All print their own lines; errors of the whole travel up. */
#ifndef REQUEUE_COMMANDS_H
#define REQUEUE_COMMANDS_H

#include "cmd/filot-requeue/report.h"
#include "cmd/filot-requeue/selection.h"
#include "cmd/filot-requeue/settings.h"
#include "common/pg/pg.h"
#include "common/redis/queue_admin.h"

struct context {
	const struct requeue_settings *settings;
	struct queue *queue;
	struct pg *pg; /* NULL: no database was given */
	struct report report;
};

/* Stuck, delayed or dead jobs back to work. */
bool command_requeue(struct context *context, struct error *error);

/* `place`: the operand, NULL for all places. */
bool command_list(struct context *context, const char *place, struct error *error);
bool command_show(struct context *context, const struct string_list *operands, struct error *error);

/* Out of the queue: drop takes dead ones, too. */
bool command_remove(struct context *context, const struct string_list *operands, struct error *error);

bool command_stats(struct context *context, struct error *error);

/* What a stop signal ends a command with. */
bool stopped(struct error *error);

#endif
