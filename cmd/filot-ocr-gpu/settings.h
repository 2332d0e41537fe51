/* What filot-ocr-gpu was asked to do: its flags and settings as one struct, filled by the table in settings.c. */
#ifndef OCR_SETTINGS_H
#define OCR_SETTINGS_H

#include "common/base/options.h"
#include "common/ocr/output.h"
#include "common/ocr/reader.h"

#define OCR_MOST_ROWS 64

enum ocr_engine { OCR_ENGINE_FILOT, OCR_ENGINE_TESSERACT };

struct ocr_settings {
	/* what to read, and how */
	bool from_stdin, from_queue, once;
	const char *lang; /* NULL: not given */
	unsigned formats; /* a bit for each enum output_format */
	const char *output_folder; /* NULL: results go to standard output */
	const char *pages;
	int64_t dpi, psm;
	int pdf_text; /* enum pdf_text */
	int rotate, improve; /* see ocr_rotation, ocr_improvements */
	int engine;  /* enum ocr_engine */
	int backend; /* 0: a GPU if there is one, else the fastest; else 1 + enum network_backend */
	const char *gpus; /* "0,1"; NULL: all */
	int64_t gpu_batch_lines;
	int64_t gpu_memory_bytes; /* 0: nine tenths of what is free */
	bool list_devices;
	int64_t threads; /* of the recogniser; 0: the cores */
	const char *password_file;
	int64_t jobs;
	const char *tessdata;
	/* limits */
	struct reader_limits limits;
	int64_t pdf_bytes; /* of a searchable PDF */
	int64_t recycle_documents;
	bool no_sandbox, no_sandbox_in_queue;
	/* what a job may name */
	struct string_list allowed_folders, allowed_buckets;
	bool private_addresses, plain_http;
	/* the queue, the database and the storage */
	const char *redis_url, *redis_password, *redis_ca, *queue_name, *worker;
	const char *database_url;
	const char *r2_endpoint, *r2_access_key, *r2_secret_key, *r2_bucket, *r2_region;
	int64_t visibility_ms, max_attempts, drain_ms, wait_ms;
	struct option_row rows[OCR_MOST_ROWS]; /* the table; points into this struct */
};

/* What --rotate and --improve ask of a reader: how a page stands, in degrees or ROTATE_AUTO; of enum improve_step. */
int32_t ocr_rotation(const struct ocr_settings *settings);
uint32_t ocr_improvements(const struct ocr_settings *settings);

/* Processor cores that this process may run on. */
int64_t ocr_core_count(void);

/* Sets the defaults and returns the command; it uses settings->rows, so *settings must stay where it is. */
struct command ocr_command(struct ocr_settings *settings);

/* Whether results are written in that format. */
bool ocr_settings_format(const struct ocr_settings *settings, enum output_format format);

/* What the table cannot say: which flags go together. `operand_count`: files named. */
bool ocr_settings_check(const struct ocr_settings *settings, size_t operand_count, struct error *error);

#endif
