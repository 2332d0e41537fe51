/*
 * A process for each document, forked from this one, which has the models and fonts in memory by then, so nothing that a
 * document did to its process reaches the next one. It is forked before its document comes, and waits; make bench-sandbox
 * says what that costs. The child has no socket but one to its parent, which passes its frames on, so it can neither take
 * nor answer another document's request.
 */
#ifndef FILOT_READER_CHILD_H
#define FILOT_READER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/ocr/reader_protocol.h"

struct child {
	pid_t id; /* 0: none */
	int socket;
	int64_t time_ms; /* of processor, that its document may use; 0: no limit */
};

/*
 * As fork: true in both processes, with child->id 0 in the child, which has no descriptor beyond the standard ones but has
 * `parent_socket` as its own to the parent; it ends when that ends, should it miss its parent's death.
 */
bool child_fork(struct child *child, int parent_socket, struct error *error);

/*
 * Gives a waiting child its document, with a frame (FRAME_READ or FRAME_COMPOSE) that says what to do, and waits until it
 * has it. False with *error when the child has died before, which costs no document: another one may be tried.
 */
bool child_begin(struct child *child, enum frame_type type, const struct buffer *request, int descriptor,
		 int64_t time_ms, struct error *error);

/* In the child: it has its document; whatever happens to it from now on happened in the document. */
bool child_begun(int socket);

/*
 * Passes the child's frames on until the last one of an answer, then ends the child. When it dies before that, this process
 * ends in the same way, by the same signal or status, so that whoever started it learns the reason; this does not return
 * then. False with *error when the peer has gone.
 */
bool child_relay(struct child *child, int socket, struct error *error);

void child_end(struct child *child); /* at once; none is fine */

#endif
