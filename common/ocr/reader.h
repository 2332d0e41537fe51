/*
 * Reading documents in other processes. A reader is a child (libexec/filot-reader) that holds the image codecs, Poppler
 * and libtesseract, gets one document a time by file descriptor and answers with pages. It has no secrets, no network
 * and no files but its models and fonts; when it crashes, hangs or eats too much, it costs its document only: the parent
 * kills it at the deadline, names the reason, and starts another one.
 *
 * One struct reader serves one thread. The protocol (length-prefixed JSON frames over a socket pair) is in
 * reader_protocol.h.
 */
#ifndef FILOT_READER_H
#define FILOT_READER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/json/result.h"
#include "common/ocr/recogniser.h"

struct reader_limits {
	int64_t document_bytes; /* larger: too_large */
	int64_t pages; /* more: too_many_pages */
	int64_t page_pixels; /* larger page: page_too_large, found before its pixels are allocated */
	int64_t time_ms; /* wall clock for a document: timeout */
	int64_t page_time_ms; /* wall clock from one page's answer to the next one's: timeout; 0: no limit of its own */
	int64_t memory_bytes; /* address space of the child: out_of_memory */
	int64_t result_bytes; /* of all pages' JSON, and images, together: too_large */
	int64_t processor_ms; /* processor time for a document, in whole seconds: timeout; 0: no limit */
};

extern const struct reader_limits reader_default_limits;

/* How far a document is, for other threads to look at. */
struct reader_progress {
	atomic_int pages; /* that will be read; 0: not yet known */
	atomic_int read;
};

/* When a PDF page's text layer is taken instead of reading its image; pdf_text.h says which layers are good. */
enum pdf_text {
	PDF_TEXT_AUTO, /* when it is good */
	PDF_TEXT_NEVER,
	PDF_TEXT_ONLY, /* when it is good; else the page has no text (PAGE_SOURCE_NONE) */
	PDF_TEXT_COUNT
};

extern const char *const pdf_text_names[PDF_TEXT_COUNT + 1]; /* "auto", …; NULL */

struct reader_request {
	int descriptor; /* the document: a regular file or memfd, read from its start; stays the caller's */
	const char *lang; /* "eng", "deu+eng" */
	const char *pages; /* "1-3,7" or NULL for all */
	int32_t dpi; /* 0: as the document says; PDF pages at 300 unless they are one scan */
	int32_t psm; /* Tesseract's page segmentation mode, 0..13 */
	const char *password; /* user password of an encrypted PDF, or NULL */
	enum pdf_text pdf_text;
	struct reader_progress *progress; /* set to 0 when it begins, and kept up to date; NULL: nobody looks */
	bool images; /* pages come with theirs */
	int32_t rotate; /* how pages stand: -1 to be found out, 0 as they are, 90, 180, 270 (straighten.h) */
	uint32_t improve; /* what else is undone before reading, of enum improve_step; 0: nothing */
};

/*
 * Our own engine: the child finds the lines and cuts out their images, and this process reads them. Borrowed, shared by
 * all readers.
 */
struct reader_engine {
	struct text_models *models;
	struct recogniser *recogniser;
	enum network_backend backend; /* that the models were made for */
};

struct reader_options {
	/* NULL: FILOT_READER, else beside the running program (../libexec/filot-reader, ../libexec/filot/filot-reader) */
	const char *program;
	const char *tessdata; /* folder of models; NULL: Tesseract's own default */
	struct reader_limits limits;
	const struct reader_engine *engine; /* NULL: the child reads, by libtesseract's own */
	int64_t recycle_documents; /* a fresh child after so many (libtesseract grows); 0: never */
	int64_t recycle_rss_bytes; /* or once its memory is above this after a document; 0: never */
	bool no_sandbox; /* children may open files and make any system call; their limits stay */
};

struct reader;

/*
 * With an engine, pages are read while the child lays out the next ones; page times of recognition are then those of the
 * recogniser's threads. reader_read and reader_start also fail with ERROR_UNKNOWN_LANGUAGE for a model that ours does not
 * take; the message says why and that `--engine tesseract` takes it. An interrupt is noticed between pages.
 */

/*
 * Starts nothing yet: the child is started by the first request (or reader_start). Copies what options point to.
 * ERROR_CONFIG when there is no such program. The thread that first uses a reader must live as long as its child: the
 * kernel ends the child with the thread that started it (PR_SET_PDEATHSIG).
 */
struct reader *reader_new(const struct reader_options *options, struct error *error);

/* Starts the child now and loads `lang`, so that the first document does not wait and a bad setup shows early. */
bool reader_start(struct reader *reader, const char *lang, struct error *error);

/*
 * Reads one document into result->pages, page_count, engine and the decode, layout and recognise times. On failure
 * result->error is what reader_read returns in *error, with error_page, and pages read before it are freed.
 * Errors: those of the contract; ERROR_INTERNAL when the child died (its signal is in the message) or answered nonsense;
 * ERROR_OUT_OF_MEMORY when its death looks like want of memory (reader_process.h says when); ERROR_TRY_AGAIN after
 * reader_interrupt; ERROR_CONFIG when the child cannot be started. A child that died while idle costs no document.
 */
bool reader_read(struct reader *reader, const struct reader_request *request, struct result *result, struct error *error);

/* Where a searchable PDF goes. */
struct reader_composition {
	int descriptor; /* the document, as in the request that it was read by */
	const char *password; /* of an encrypted PDF, or NULL */
	int output; /* written to as the bytes come, also before a failure */
	int64_t most_bytes; /* more: too_large */
};

/*
 * Makes a searchable PDF of a document and what was read of it (compose.h), in the child. Errors are those of reader_read;
 * a failed one has no PDF, whatever was written.
 */
bool reader_compose(struct reader *reader, const struct reader_composition *composition, const struct result *result,
		    struct error *error);

/*
 * From another thread or a signal handler: makes the reader_read (or reader_compose) that runs, or the next one, end with
 * ERROR_TRY_AGAIN; so an interruption between two documents is not lost.
 */
void reader_interrupt(struct reader *reader);

/* Takes back interrupts that met no reader_read. Call it where no other thread can interrupt. */
void reader_interrupt_clear(struct reader *reader);

/* The child's process id, 0 when there is none (for tests that kill it). */
int reader_process(const struct reader *reader);

void reader_free(struct reader *reader); /* ends the child; NULL is fine */

/*
 * "1-3,7,9-" against a page number from 1 ("9-": from 9 on); NULL means all. reader_pages_valid is false when the text is
 * not such a list.
 */
bool reader_pages_valid(const char *pages);
bool reader_pages_contain(const char *pages, int32_t number);

#endif
