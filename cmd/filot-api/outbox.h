/*
 * The sender of job_outbox: puts in the queue the jobs that were accepted with their documents. Any number of processes
 * may send at once: each claims rows for a while, and what a killed one had claimed is taken by another after that. A job
 * goes to the queue at least once and, by the queue's own idempotency keys ("api:JOB"), is there once.
 */
#ifndef FILOT_API_OUTBOX_H
#define FILOT_API_OUTBOX_H

#include "cmd/filot-api/settings.h"
#include "common/base/error.h"

struct outbox;

/* Starts the thread; it connects when there is something to send. */
struct outbox *outbox_open(const struct api_settings *settings, struct error *error);

/* There is something new to send. Any thread. */
void outbox_wake(struct outbox *outbox);

/* Sends what is there, if that is possible at once, and ends. NULL is fine. */
void outbox_close(struct outbox *outbox);

#endif
