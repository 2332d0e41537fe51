/* The table of filot-ocr-gpu's flags and settings. */
#include "settings.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "common/json/job.h"
#include "common/ocr/straighten.h"
#include "common/redis/redis_options.h"
#include "common/store/store_options.h"

static const char *const engine_names[] = { "filot", "tesseract", NULL }; /* enum ocr_engine */
static const char *const backend_names[] = { "auto", "generic", "avx2", "avx512vnni", "cuda", NULL };

static const char *const rotation_names[] = { "auto", "none", "90", "180", "270", NULL };
static const char *const improvement_names[] = { "auto", "none", "skew", "resolution", "light", NULL };

int32_t ocr_rotation(const struct ocr_settings *settings)
{
	return settings->rotate == 0 ? ROTATE_AUTO : (settings->rotate - 1) * 90;
}

uint32_t ocr_improvements(const struct ocr_settings *settings)
{
	static const uint32_t steps[] = { IMPROVE_ALL, 0, IMPROVE_SKEW, IMPROVE_RESOLUTION, IMPROVE_LIGHT };
	return steps[settings->improve];
}

int64_t ocr_core_count(void)
{
	cpu_set_t cores;
	return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

static void set_defaults(struct ocr_settings *settings)
{
	*settings = (struct ocr_settings){
		.formats = 1U << OUTPUT_JSON,
		.psm = 3,
		.jobs = ocr_core_count(),
		.gpu_batch_lines = 256,
		.limits = reader_default_limits,
		.pdf_bytes = INT64_C(1) << 30,
		.recycle_documents = 500,
		.queue_name = "ocr",
		.visibility_ms = 60 * 1000,
		.max_attempts = 12, /* with their waits, some 20 minutes */
		.drain_ms = 100 * 1000,
		.wait_ms = 30 * 1000,
	};
}

struct command ocr_command(struct ocr_settings *s)
{
	set_defaults(s);
	const struct option_row table[] = {
		{ "lang", 'l', OPTION_STRING, &s->lang, "LANG", "languages, as in eng or deu+eng (eng)" },
		{ "format", 'f', OPTION_CHOICES, &s->formats, "FORMAT,...", "json, text, tsv, hocr, alto, overlay or pdf (json)",
		  .choices = output_format_names },
		{ "output-dir", 'o', OPTION_STRING, &s->output_folder, "DIR", "write a file of each format for each document" },
		{ "pages", 0, OPTION_STRING, &s->pages, "LIST", "only these pages of each document, as in 1-3,7" },
		{ "dpi", 0, OPTION_INTEGER, &s->dpi, "N", "take images as N dpi, render PDF pages at N dpi",
		  .minimum = 30, .maximum = 2400 },
		{ "psm", 0, OPTION_INTEGER, &s->psm, "N", "Tesseract's page segmentation mode (3)", .maximum = 13 },
		{ "pdf-text", 0, OPTION_CHOICE, &s->pdf_text, "WHEN",
		  "take a PDF page's own text: auto (when it is good), never or only (auto)",
		  .setting = "FILOT_PDF_TEXT", .choices = pdf_text_names },
		{ "rotate", 0, OPTION_CHOICE, &s->rotate, "HOW",
		  "how pages stand, clockwise: auto (find out), none, 90, 180 or 270 (auto)", .setting = "FILOT_ROTATE",
		  .choices = rotation_names },
		{ "improve", 0, OPTION_CHOICE, &s->improve, "WHAT",
		  "undo where it helps: auto (all), none, skew, resolution or light (auto)", .setting = "FILOT_IMPROVE",
		  .choices = improvement_names },
		{ "engine", 0, OPTION_CHOICE, &s->engine, "NAME", "the recogniser: filot or tesseract (filot)",
		  .choices = engine_names },
		{ "backend", 0, OPTION_CHOICE, &s->backend, "NAME",
		  "filot's arithmetic: auto, generic, avx2, avx512vnni or cuda (auto)", .choices = backend_names },
		{ "gpus", 0, OPTION_STRING, &s->gpus, "LIST", "the GPUs to use, as in 0,1 (all)",
		  .setting = "FILOT_GPUS" },
		{ "gpu-batch", 0, OPTION_INTEGER, &s->gpu_batch_lines, "N", "most lines of a batch on a GPU (256)",
		  .setting = "FILOT_GPU_BATCH", .minimum = 1, .maximum = NETWORK_LINES_MOST },
		{ "gpu-memory", 0, OPTION_BYTES, &s->gpu_memory_bytes, "SIZE",
		  "most memory of a GPU (nine tenths of what is free)", .setting = "FILOT_GPU_MEMORY",
		  .minimum = INT64_C(16) << 20, .maximum = INT64_C(1) << 42 },
		{ "devices", 0, OPTION_FLAG, &s->list_devices, NULL, "list processors and GPUs, and what would be used" },
		{ "threads", 0, OPTION_INTEGER, &s->threads, "N", "that read lines with filot's engine (the cores)",
		  .setting = "FILOT_THREADS", .minimum = 1, .maximum = RECOGNISER_THREADS_MOST },
		{ "password-file", 0, OPTION_STRING, &s->password_file, "FILE", "password of encrypted PDFs" },
		{ "jobs", 'j', OPTION_INTEGER, &s->jobs, "N", "documents read side by side (the cores)",
		  .setting = "FILOT_JOBS", .minimum = 1, .maximum = 256 },
		{ "stdin", 0, OPTION_FLAG, &s->from_stdin, NULL, "read job lines from standard input" },
		{ "queue", 0, OPTION_FLAG, &s->from_queue, NULL, "take jobs from the queue, store results" },
		{ "once", 0, OPTION_FLAG, &s->once, NULL, "with --queue: end when nothing is ready" },
		{ "max-bytes", 0, OPTION_BYTES, &s->limits.document_bytes, "SIZE", "largest document (256M)",
		  .minimum = 1, .maximum = INT64_C(1) << 40 },
		{ "max-pages", 0, OPTION_INTEGER, &s->limits.pages, "N", "most pages of a document (2000)",
		  .minimum = 1, .maximum = 100000 },
		{ "max-pixels", 0, OPTION_INTEGER, &s->limits.page_pixels, "N", "largest page, in pixels (200000000)",
		  .minimum = 1, .maximum = INT64_C(4) << 30 },
		{ "timeout", 0, OPTION_DURATION, &s->limits.time_ms, "TIME", "longest time for a document (1h)",
		  .minimum = 1, .maximum = INT64_C(86400000) },
		{ "page-timeout", 0, OPTION_DURATION, &s->limits.page_time_ms, "TIME", "longest time for a page (3m)",
		  .minimum = 1, .maximum = INT64_C(86400000) },
		{ "cpu-timeout", 0, OPTION_DURATION, &s->limits.processor_ms, "TIME",
		  "longest processor time for a document (1h)", .minimum = 1000, .maximum = INT64_C(86400000) },
		{ "max-output", 0, OPTION_BYTES, &s->limits.result_bytes, "SIZE", "longest result of a document (128M)",
		  .minimum = 1, .maximum = PAGE_LONGEST_JSON_BYTES },
		{ "max-pdf", 0, OPTION_BYTES, &s->pdf_bytes, "SIZE", "longest searchable PDF (1G)", .minimum = 1,
		  .maximum = INT64_C(1) << 40 },
		{ "memory", 0, OPTION_BYTES, &s->limits.memory_bytes, "SIZE", "address space of a reader process (4G)",
		  .minimum = INT64_C(256) << 20, .maximum = INT64_C(1) << 40 },
		{ "recycle-documents", 0, OPTION_INTEGER, &s->recycle_documents, "N",
		  "a fresh reader process after N documents (500)", .minimum = 1, .maximum = 1000000000 },
		{ "no-sandbox", 0, OPTION_FLAG, &s->no_sandbox, NULL, "decode without Landlock and seccomp" },
		{ NULL, 0, OPTION_FLAG, &s->no_sandbox_in_queue, NULL, "--no-sandbox may go with --queue",
		  .setting = "FILOT_ALLOW_NO_SANDBOX" },
		{ "allow-file", 0, OPTION_LIST, &s->allowed_folders, "DIR", "queued file: jobs may read below DIR" },
		{ "allow-bucket", 0, OPTION_LIST, &s->allowed_buckets, "NAME", "r2: jobs may name this bucket too" },
		{ "allow-private-addresses", 0, OPTION_FLAG, &s->private_addresses, NULL,
		  "https: jobs may reach loopback and private addresses" },
		{ "allow-http", 0, OPTION_FLAG, &s->plain_http, NULL, "http: jobs are read too" },
		{ "tessdata", 0, OPTION_STRING, &s->tessdata, "DIR", "folder of the models", .setting = "FILOT_TESSDATA" },
		REDIS_OPTIONS(s, "the queue's Redis; rediss:// is TLS", .required_if = &s->from_queue),
		{ "queue-name", 0, OPTION_STRING, &s->queue_name, "NAME", "which queue (ocr)",
		  .setting = "FILOT_QUEUE_NAME" },
		{ "worker", 0, OPTION_STRING, &s->worker, "NAME", "this worker's name (host-pid-random)",
		  .setting = "FILOT_WORKER" },
		{ "visibility", 0, OPTION_DURATION, &s->visibility_ms, "TIME",
		  "a job not renewed for so long is taken over (60s)", .minimum = 1000, .maximum = 86400000 },
		{ "max-attempts", 0, OPTION_INTEGER, &s->max_attempts, "N", "tries before a job is dead (12)",
		  .minimum = 1, .maximum = 1000 },
		{ "drain-timeout", 0, OPTION_DURATION, &s->drain_ms, "TIME",
		  "after SIGTERM finish for so long, then hand back (100s)", .maximum = 86400000 },
		{ "wait", 0, OPTION_DURATION, &s->wait_ms, "TIME", "wait so long for services at start (30s)",
		  .maximum = 86400000 },
		{ "database-url", 0, OPTION_STRING, &s->database_url, "URL", "where results go",
		  .setting = "FILOT_DATABASE_URL", .alias = "DATABASE_URL", .secret = true,
		  .required_if = &s->from_queue },
		STORE_OPTIONS(s),
	};
	_Static_assert(sizeof table < sizeof s->rows, "the table needs its empty last row");
	memcpy(s->rows, table, sizeof table);
	return (struct command){
		.name = "filot-ocr-gpu",
		.summary = "read documents: the text of images and PDFs",
		.usage = "[flags] FILE...\n[flags] --stdin < JOB-LINES\n--queue [flags]\n--devices [flags]",
		.details = "FILE is a path, \"-\" for standard input, or an r2:, https: or file: URI.\n"
			   "Exit status: 0 all read, 1 some failed (each has its own error), 64 usage, 69 a service or the\n"
			   "GPU is unavailable, 70 internal, 75 stopped before all was read, 78 configuration.",
		.rows = s->rows,
	};
}

bool ocr_settings_format(const struct ocr_settings *settings, enum output_format format)
{
	return settings->formats & 1U << format;
}

/* Several documents, and several formats, cannot always follow one another on one stream. */
static bool check_formats(const struct ocr_settings *settings, size_t operand_count, struct error *error)
{
	if (settings->from_queue && (settings->formats != 1U << OUTPUT_JSON || settings->output_folder))
		return error_set(error, ERROR_USAGE, "--%s does not go with --queue: results go to the database",
				 settings->output_folder ? "output-dir" : "format");
	if (settings->output_folder)
		return true;
	if (settings->formats & (settings->formats - 1))
		return error_set(error, ERROR_USAGE, "several formats need --output-dir");
	bool overlay = ocr_settings_format(settings, OUTPUT_OVERLAY), pdf = ocr_settings_format(settings, OUTPUT_PDF);
	if ((overlay || pdf) && !settings->list_devices && operand_count != 1)
		return error_set(error, ERROR_USAGE, "--format %s is one file for one document: name one, or give --output-dir",
				 pdf ? "pdf" : "overlay");
	if (pdf && isatty(STDOUT_FILENO))
		return error_set(error, ERROR_USAGE, "a PDF is not for a terminal: give --output-dir, or send it to a file");
	return true;
}

bool ocr_settings_check(const struct ocr_settings *settings, size_t operand_count, struct error *error)
{
	int sources = (operand_count > 0) + settings->from_stdin + settings->from_queue;
	if (settings->gpus && settings->backend != 0 && settings->backend != 1 + NETWORK_CUDA)
		return error_set(error, ERROR_USAGE, "--gpus goes with --backend auto or cuda");
	if (settings->list_devices)
		return sources == 0 || error_set(error, ERROR_USAGE, "--devices reads no document");
	if (sources == 0)
		return error_set(error, ERROR_USAGE, "nothing to read: name files, or give --stdin or --queue");
	if (sources > 1)
		return error_set(error, ERROR_USAGE, "files, --stdin and --queue exclude each other");
	if (!check_formats(settings, operand_count, error))
		return false;
	if (settings->once && !settings->from_queue)
		return error_set(error, ERROR_USAGE, "--once goes with --queue");
	if (settings->from_queue && settings->password_file)
		return error_set(error, ERROR_USAGE, "--password-file does not go with --queue");
	if (settings->from_queue && settings->no_sandbox && !settings->no_sandbox_in_queue)
		return error_set(error, ERROR_USAGE, "--no-sandbox does not go with --queue, whose documents are strangers', "
						     "unless FILOT_ALLOW_NO_SANDBOX is set");
	if (settings->psm == 0 || settings->psm == 2)
		return error_set(error, ERROR_USAGE, "--psm: modes 0 and 2 read no text");
	if (settings->pages && !reader_pages_valid(settings->pages))
		return error_set(error, ERROR_USAGE, "--pages: \"%s\" is not a list such as 1-3,7", settings->pages);
	if (settings->lang && !job_lang_valid(settings->lang))
		return error_set(error, ERROR_USAGE, "--lang: \"%s\" is not a language such as eng or deu+eng",
				 settings->lang);
	bool some = settings->r2_endpoint || settings->r2_access_key || settings->r2_secret_key;
	bool all = settings->r2_endpoint && settings->r2_access_key && settings->r2_secret_key;
	if (some && !all)
		return error_set(error, ERROR_CONFIG, "object storage needs FILOT_R2_ENDPOINT, FILOT_R2_ACCESS_KEY and "
						      "FILOT_R2_SECRET_KEY together");
	return true;
}
