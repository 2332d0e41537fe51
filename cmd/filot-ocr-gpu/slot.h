/*
 * A slot reads one document at a time: a reader process and the clients that fetch documents. Each thread of the worker
 * has one; nothing in it is shared, save that slot_interrupt may be called from another thread.
 */
#ifndef OCR_SLOT_H
#define OCR_SLOT_H

#include "common/json/job.h"
#include "common/json/result.h"
#include "common/ocr/reader.h"
#include "engine.h"
#include "settings.h"

struct slot;

/* `engine` is borrowed and shared by all slots. */
struct slot *slot_new(const struct ocr_settings *settings, const struct engine *engine, struct error *error);
void slot_free(struct slot *slot);

/* Starts the reader process and loads the default language. */
bool slot_warm_up(struct slot *slot, struct error *error);

/*
 * Fetches and reads a job's document into *result (times, pages, engine); result->job and ->document point into *job.
 * A searchable PDF of it is written to the descriptor `pdf`, unless that is -1; it is whole when this returns true.
 * False with *error, which result->error repeats.
 */
bool slot_read_job(struct slot *slot, const struct job *job, int pdf, struct result *result, struct error *error);

/* The same for a path of the command line; "-" is standard input. Pipes and devices are read to their end first. */
bool slot_read_path(struct slot *slot, const char *path, int pdf, struct result *result, struct error *error);

/* How far the running read is; for any thread. */
const struct reader_progress *slot_progress(const struct slot *slot);

/* Ends a running read soon, with ERROR_TRY_AGAIN. */
void slot_interrupt(struct slot *slot);

/* Forgets interrupts that came when nothing was being read. Call it where no other thread can interrupt. */
void slot_interrupt_clear(struct slot *slot);

#endif
