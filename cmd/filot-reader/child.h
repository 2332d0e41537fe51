/*
 * A process for each document, forked from this one, which has the models and fonts in memory by then, so nothing that a
 * document did to its process reaches the next one; make bench-sandbox says what that costs. The child has no socket but
 * one to its parent, which passes its frames on, so it can neither take nor answer another document's request.
 */
#ifndef FILOT_READER_CHILD_H
#define FILOT_READER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/error.h"

struct child {
	pid_t id;
	int socket;
	int64_t time_ms; /* of processor, that it may use */
};

/* As fork: true in both processes, with child->id 0 in the child, whose socket is the only one that it has. */
bool child_fork(struct child *child, int64_t time_ms, int parent_socket, struct error *error);

/*
 * Passes the child's frames on until the last one of an answer, then ends the child. When it dies before that, this process
 * ends in the same way, by the same signal or status, so that whoever started it learns the reason; this does not return
 * then. False with *error when the peer has gone.
 */
bool child_relay(const struct child *child, int socket, struct error *error);

#endif
