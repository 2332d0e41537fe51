/*
 * The filter: one thread takes inputs, N threads read documents, and whoever finishes the document that is next in order
 * writes it out, unless results are files, which each thread writes itself. The ring of tasks bounds what is held: an
 * input is taken only when its place in the ring is free.
 */
#include "filter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/condition.h"
#include "common/base/lines.h"
#include "common/base/log.h"
#include "common/base/progress.h"
#include "common/base/stop.h"
#include "common/base/write_all.h"
#include "files.h"
#include "slot.h"

#define TASKS_A_SLOT 4 /* documents that may wait for a slower one before them */

struct task {
	const char *path; /* an operand that is a path, else NULL */
	struct job job; /* else a job, when job.uri is set */
	struct error error; /* the input itself was bad */
	char *name; /* of its files; NULL when there are none */
	struct buffer output;
	int pdf; /* in memory, to be written out; -1: none */
	bool failed, finished;
};

struct filter {
	const struct ocr_settings *settings;
	enum output_format format; /* of standard output */
	struct files *files; /* where results go instead, or NULL */
	struct engine *engine;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct task *ring;
	size_t ring_size;
	size_t added, taken, written; /* counts of tasks; a task's place is its number modulo ring_size */
	int64_t running; /* threads; may be below 0 while they start */
	bool no_more; /* all inputs were added */
	bool writing; /* a thread is writing out */
	bool some; /* a document was written: the next one needs a separator before it */
	bool broken; /* writing failed or the GPU was lost: output_error says why */
	struct error output_error;
	struct filter_counts counts;
	struct progress progress;
};

struct filter_thread {
	struct filter *filter;
	struct slot *slot;
	pthread_t thread;
	bool started;
};

static bool write_bytes(const char *bytes, size_t length, struct error *error)
{
	return write_all(STDOUT_FILENO, bytes, length) ||
	       error_set(error, ERROR_INTERNAL, "writing standard output: %s", strerror(errno));
}

static bool copy_to_output(int memory, struct error *error)
{
	char bytes[16 * 1024];
	ssize_t count;
	for (off_t at = 0; (count = pread(memory, bytes, sizeof bytes, at)) > 0; at += count)
		if (!write_bytes(bytes, (size_t)count, error))
			return false;
	return count == 0 || error_set(error, ERROR_INTERNAL, "memory file: %s", strerror(errno));
}

static bool write_output(struct filter *filter, const struct task *task, struct error *error)
{
	const char *separator = output_separator(filter->format);
	/* a document that failed has no output but in JSON; one of no words has, in text, an empty one */
	if (filter->files || (task->failed && !task->output.length) || (filter->format == OUTPUT_PDF && task->pdf < 0))
		return true;
	if (task->pdf >= 0)
		return copy_to_output(task->pdf, error);
	bool first = !filter->some;
	filter->some = true;
	return (first || write_bytes(separator, strlen(separator), error)) &&
	       write_bytes(task->output.data, task->output.length, error);
}

/* Writes finished tasks in order. Called with the mutex held; lets go of it while it writes. */
static void write_finished(struct filter *filter)
{
	if (filter->writing)
		return;
	filter->writing = true;
	while (filter->written < filter->taken) {
		struct task *task = &filter->ring[filter->written % filter->ring_size];
		if (!task->finished)
			break;
		bool broken = filter->broken;
		(void)pthread_mutex_unlock(&filter->mutex);
		struct error error = { 0 };
		bool written = broken || write_output(filter, task, &error);
		buffer_free(&task->output);
		if (task->pdf >= 0)
			(void)close(task->pdf);
		(void)pthread_mutex_lock(&filter->mutex);
		if (!written && !filter->broken) {
			filter->broken = true;
			filter->output_error = error;
		}
		if (task->failed)
			filter->counts.failed++;
		else
			filter->counts.done++;
		*task = (struct task){ 0 };
		filter->written++;
		progress_update(&filter->progress, (int64_t)filter->written, filter->counts.failed);
	}
	filter->writing = false;
	(void)pthread_cond_broadcast(&filter->changed);
}

static void free_input(struct task *task)
{
	job_free(&task->job);
	free(task->name);
	task->name = NULL;
}

/* Reads the task's document; `pdf` is where a searchable PDF of it goes, -1 for nowhere. */
static bool read_task(struct slot *slot, struct task *task, int pdf, struct result *result, struct error *error)
{
	if (task->path)
		return slot_read_path(slot, task->path, pdf, result, error);
	return slot_read_job(slot, &task->job, pdf, result, error);
}

/* The same, with its PDF: a file, or memory that is kept for standard output. */
static bool read_with_pdf(const struct filter *filter, struct slot *slot, struct task *task, struct result *result,
			  struct error *error)
{
	struct file_draft draft;
	bool begun = true;
	if (filter->files) {
		begun = files_begin(filter->files, task->name, OUTPUT_PDF, &draft, error);
	} else {
		draft.descriptor = memfd_create("pdf", MFD_CLOEXEC);
		begun = draft.descriptor >= 0 ||
			error_set(error, ERROR_OUT_OF_MEMORY, "memory file: %s", strerror(errno));
	}
	if (!begun) {
		result->error = *error;
		return false;
	}
	bool done = read_task(slot, task, draft.descriptor, result, error);
	if (filter->files && !files_end(filter->files, &draft, done, error)) {
		result_free_pages(result);
		result->error = *error;
		return false;
	}
	if (!filter->files && done)
		task->pdf = draft.descriptor;
	else if (!filter->files)
		(void)close(draft.descriptor);
	return done;
}

/* A file of each other format; a document that failed has one in JSON only, as on standard output. */
static bool write_files(const struct filter *filter, const struct task *task, const struct result *result,
			struct error *error)
{
	bool done = true;
	for (int index = 0; done && index < OUTPUT_FORMAT_COUNT; index++) {
		enum output_format format = (enum output_format)index;
		struct buffer bytes = { 0 };
		if (!ocr_settings_format(filter->settings, format) || format == OUTPUT_PDF ||
		    (format != OUTPUT_JSON && result->error.code != ERROR_NONE))
			continue;
		output_begin(format, &bytes);
		output_write(format, result, &bytes);
		output_end(format, &bytes);
		done = bytes.failed ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory") :
				      files_write(filter->files, task->name, format, &bytes, error);
		buffer_free(&bytes);
	}
	return done;
}

/* Reads the task's document and words its result. */
static void do_task(struct filter *filter, struct slot *slot, struct task *task)
{
	struct result result = { .document = task->path, .error = task->error };
	struct error error = task->error;
	bool done = false;
	if (task->error.code != ERROR_NONE) {
		/* a job line that could not be read keeps its id when it had one */
		result.job = task->job.id[0] ? task->job.id : NULL;
	} else if (ocr_settings_format(filter->settings, OUTPUT_PDF)) {
		done = read_with_pdf(filter, slot, task, &result, &error);
	} else {
		done = read_task(slot, task, -1, &result, &error);
	}
	if (filter->files) {
		done = task->name && write_files(filter, task, &result, &error) && done;
	} else {
		output_write(filter->format, &result, &task->output);
		if (done && task->output.failed)
			done = error_set(&error, ERROR_OUT_OF_MEMORY, "out of memory");
	}
	if (!done && (filter->files || filter->format != OUTPUT_JSON || task->output.failed))
		log_error("document_failed", log_string("document", result.document), log_string("job", result.job),
			  log_failure(&error), log_integer("page", result.error_page));
	result_free_pages(&result);
	free_input(task);
	task->failed = !done;
}

static void *run_thread(void *argument)
{
	struct filter_thread *self = argument;
	struct filter *filter = self->filter;
	(void)pthread_mutex_lock(&filter->mutex);
	for (;;) {
		while (filter->taken == filter->added && !filter->no_more)
			(void)pthread_cond_wait(&filter->changed, &filter->mutex);
		if (filter->taken == filter->added)
			break;
		struct task *task = &filter->ring[filter->taken++ % filter->ring_size];
		bool skip = filter->broken || stop_requests > 1;
		(void)pthread_mutex_unlock(&filter->mutex);
		if (!skip)
			do_task(filter, self->slot, task);
		else
			free_input(task);
		struct error lost = { 0 };
		bool cut = task->failed && engine_lost(filter->engine, &lost);
		(void)pthread_mutex_lock(&filter->mutex);
		if (cut && !filter->broken) {
			filter->broken = true;
			filter->output_error = lost;
		}
		task->failed |= skip;
		task->finished = true;
		write_finished(filter);
	}
	filter->running--;
	(void)pthread_cond_broadcast(&filter->changed);
	(void)pthread_mutex_unlock(&filter->mutex);
	return NULL;
}

/*
 * Waits for a free place and adds the task (which is moved), whose files are named after `called`. False when nothing more
 * is wanted; it is freed then.
 */
static bool add_task(struct filter *filter, struct task *task, const char *called)
{
	if (filter->files)
		task->name = files_name(filter->files, called);
	if (filter->files && !task->name && task->error.code == ERROR_NONE)
		(void)error_set(&task->error, ERROR_OUT_OF_MEMORY, "out of memory");
	(void)pthread_mutex_lock(&filter->mutex);
	while (filter->added - filter->written == filter->ring_size && !filter->broken)
		(void)pthread_cond_wait(&filter->changed, &filter->mutex);
	bool wanted = !filter->broken && !stop_requests;
	if (wanted) {
		filter->ring[filter->added++ % filter->ring_size] = *task;
		(void)pthread_cond_broadcast(&filter->changed);
	}
	(void)pthread_mutex_unlock(&filter->mutex);
	if (!wanted)
		free_input(task);
	return wanted;
}

static bool is_uri(const char *operand)
{
	static const char *const schemes[] = { "r2://", "https://", "http://", "file:" };
	for (size_t index = 0; index < sizeof schemes / sizeof *schemes; index++)
		if (strncmp(operand, schemes[index], strlen(schemes[index])) == 0)
			return true;
	return false;
}

static bool add_operands(struct filter *filter, const struct string_list *operands)
{
	for (size_t index = 0; index < operands->count; index++) {
		struct task task = { .path = operands->items[index], .pdf = -1 };
		if (is_uri(task.path)) {
			const struct job_template given = { .uri = task.path, .lang = filter->settings->lang,
							    .priority = JOB_PRIORITY_NORMAL };
			if (job_new(&task.job, &given, &task.error))
				task.path = NULL;
		}
		if (!add_task(filter, &task, operands->items[index]))
			return false;
	}
	return true;
}

static bool add_job_lines(struct filter *filter, struct error *error)
{
	struct lines lines;
	char *line;
	size_t length;
	bool more = true;
	lines_open(&lines, STDIN_FILENO, JOB_LONGEST_LINE_BYTES);
	while (more) {
		enum lines_status status = lines_next(&lines, &line, &length, &stop_requests, error);
		if (status == LINES_END || status == LINES_FAILED) {
			more = status == LINES_END;
			break;
		}
		struct task task = { .pdf = -1 };
		if (status == LINES_TOO_LONG)
			(void)error_set(&task.error, ERROR_BAD_JOB, "line %zu: longer than 1 MiB", lines.number);
		else if (!job_parse(&task.job, line, length, &task.error))
			(void)error_prefix(&task.error, "line %zu", lines.number);
		more = add_task(filter, &task, task.job.id);
	}
	lines_free(&lines);
	return more;
}

/* Lets the threads come to their end; a second stop signal or a reader of our output that went away hastens it. */
static void finish(struct filter *filter, struct filter_thread *threads)
{
	(void)pthread_mutex_lock(&filter->mutex);
	filter->no_more = true;
	(void)pthread_cond_broadcast(&filter->changed);
	while (filter->running > 0) {
		/* signals do not end this wait, so it looks up from time to time */
		(void)condition_wait_until(&filter->changed, &filter->mutex, clock_monotonic_us() + 1000000);
		for (int64_t index = 0; index < filter->settings->jobs; index++)
			if (threads[index].started && (stop_requests > 1 || filter->broken))
				slot_interrupt(threads[index].slot);
	}
	(void)pthread_mutex_unlock(&filter->mutex);
	for (int64_t index = 0; index < filter->settings->jobs; index++) {
		if (threads[index].started)
			(void)pthread_join(threads[index].thread, NULL);
		slot_free(threads[index].slot);
	}
}

static bool start_threads(struct filter *filter, struct filter_thread *threads, size_t inputs, struct error *error)
{
	for (int64_t index = 0; index < filter->settings->jobs; index++) {
		/* no more readers than documents, when their number is known */
		if (inputs && (size_t)index >= inputs)
			break;
		threads[index].filter = filter;
		threads[index].slot = slot_new(filter->settings, filter->engine, error);
		if (!threads[index].slot)
			return false;
		int failure = stop_start_thread(&threads[index].thread, run_thread, &threads[index]);
		if (failure)
			return error_set(error, ERROR_INTERNAL, "starting a thread: %s", strerror(failure));
		threads[index].started = true;
		(void)pthread_mutex_lock(&filter->mutex);
		filter->running++;
		(void)pthread_mutex_unlock(&filter->mutex);
	}
	return true;
}

static bool write_frame(const struct filter *filter, void (*write_part)(enum output_format, struct buffer *),
			struct error *error)
{
	struct buffer part = { 0 };
	if (filter->files)
		return true;
	write_part(filter->format, &part);
	bool written = write_bytes(part.data, part.length, error);
	buffer_free(&part);
	return written;
}

static bool open_filter(struct filter *filter, const struct ocr_settings *settings, const struct string_list *operands,
			struct error *error)
{
	*filter = (struct filter){
		.settings = settings,
		.format = (enum output_format)__builtin_ctz(settings->formats),
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.ring_size = (size_t)settings->jobs * TASKS_A_SLOT,
	};
	condition_init(&filter->changed);
	filter->ring = calloc(filter->ring_size, sizeof *filter->ring);
	if (!filter->ring)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	if (settings->output_folder)
		filter->files = files_open(settings->output_folder, settings->formats, operands, error);
	return filter->files || !settings->output_folder;
}

static bool read_all(struct filter *filter, const struct string_list *operands, struct error *error)
{
	const struct ocr_settings *settings = filter->settings;
	struct filter_thread *threads = calloc((size_t)settings->jobs, sizeof *threads);
	if (!threads)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	progress_open(&filter->progress, "documents", (int64_t)operands->count);
	filter->engine = engine_open(settings, error);
	bool done = filter->engine && write_frame(filter, output_begin, error) &&
		    start_threads(filter, threads, operands->count, error);
	if (done) {
		bool all = settings->from_stdin ? add_job_lines(filter, error) : add_operands(filter, operands);
		/* not all: stdin failed, a signal came, or the output broke; the last two are worded below */
		done = all || (error->code == ERROR_NONE);
	}
	finish(filter, threads);
	if (filter->engine)
		engine_log_figures(filter->engine, LOG_LEVEL_DEBUG);
	engine_close(filter->engine);
	progress_close(&filter->progress);
	free(threads);
	if (filter->broken) {
		*error = filter->output_error;
		return false;
	}
	if (stop_requests)
		return error_set(error, ERROR_TRY_AGAIN, "stopped by a signal: not everything was read");
	return done && write_frame(filter, output_end, error);
}

bool filter_run(const struct ocr_settings *settings, const struct string_list *operands, struct filter_counts *counts,
		struct error *error)
{
	struct filter filter;
	bool done = open_filter(&filter, settings, operands, error) && read_all(&filter, operands, error);
	*counts = filter.counts;
	files_close(filter.files);
	free(filter.ring);
	return done;
}
