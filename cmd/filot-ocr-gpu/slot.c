/* One document at a time: open it, hand it to the reader process, keep the times. */
#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/store/fetch.h"

#define DEFAULT_LANGUAGE "eng"
#define RECYCLE_RSS_BYTES (INT64_C(1) << 30)
#define LONGEST_PASSWORD_BYTES 1024

struct slot {
	const struct ocr_settings *settings;
	struct store *store;
	struct fetch *fetch;
	struct reader *reader;
	const char **folders, **buckets; /* NULL-terminated copies of the settings' lists */
	char *password;
	struct reader_progress progress;
};

static const char **terminated(const struct string_list *list)
{
	const char **items = calloc(list->count + 1, sizeof *items);
	if (items && list->count)
		memcpy(items, list->items, list->count * sizeof *items);
	return items;
}

static bool read_password(struct slot *slot, const char *path, struct error *error)
{
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	char *password = calloc(1, LONGEST_PASSWORD_BYTES + 1);
	ssize_t length = descriptor < 0 || !password ? -1 : read(descriptor, password, LONGEST_PASSWORD_BYTES);
	int saved = errno;
	if (descriptor >= 0)
		(void)close(descriptor);
	slot->password = password;
	if (length < 0)
		return error_set(error, ERROR_CONFIG, "password file %s: %s", path, strerror(saved));
	password[strcspn(password, "\r\n")] = '\0';
	return true;
}

static bool open_store(struct slot *slot, struct error *error)
{
	const struct ocr_settings *settings = slot->settings;
	if (!settings->r2_endpoint)
		return true;
	const struct store_settings store = {
		.endpoint = settings->r2_endpoint,
		.access_key = settings->r2_access_key,
		.secret_key = settings->r2_secret_key,
		.bucket = settings->r2_bucket,
		.region = settings->r2_region,
		.limits = { .connect_ms = 10 * 1000,
			    .stall_ms = 30 * 1000,
			    .total_ms = settings->limits.time_ms,
			    .body_bytes = settings->limits.document_bytes },
	};
	slot->store = store_new(&store, error);
	return slot->store != NULL;
}

static bool open_fetch(struct slot *slot, struct error *error)
{
	const struct ocr_settings *settings = slot->settings;
	slot->folders = terminated(&settings->allowed_folders);
	slot->buckets = terminated(&settings->allowed_buckets);
	if (!slot->folders || !slot->buckets)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	const struct fetch_policy policy = {
		.allowed_folders = slot->folders,
		.any_file = !settings->from_queue,
		.private_addresses = settings->private_addresses,
		.plain_http = settings->plain_http,
		.most_bytes = settings->limits.document_bytes,
		.time_ms = settings->limits.time_ms,
		.allowed_buckets = slot->buckets,
	};
	slot->fetch = fetch_new(&policy, slot->store, error);
	return slot->fetch != NULL;
}

struct slot *slot_new(const struct ocr_settings *settings, const struct engine *engine, struct error *error)
{
	struct slot *slot = calloc(1, sizeof *slot);
	if (!slot) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	slot->settings = settings;
	const struct reader_options reader = {
		.tessdata = settings->tessdata,
		.limits = settings->limits,
		.engine = engine_for_readers(engine),
		.recycle_documents = settings->recycle_documents,
		.recycle_rss_bytes = RECYCLE_RSS_BYTES,
		.no_sandbox = settings->no_sandbox,
	};
	bool opened = (!settings->password_file || read_password(slot, settings->password_file, error)) &&
		      open_store(slot, error) && open_fetch(slot, error);
	if (opened)
		slot->reader = reader_new(&reader, error);
	if (slot->reader)
		return slot;
	slot_free(slot);
	return NULL;
}

void slot_free(struct slot *slot)
{
	if (!slot)
		return;
	reader_free(slot->reader);
	fetch_free(slot->fetch);
	store_free(slot->store);
	free(slot->folders);
	free(slot->buckets);
	if (slot->password)
		explicit_bzero(slot->password, LONGEST_PASSWORD_BYTES);
	free(slot->password);
	free(slot);
}

const struct reader_progress *slot_progress(const struct slot *slot)
{
	return &slot->progress;
}

static const char *default_language(const struct slot *slot)
{
	return slot->settings->lang ? slot->settings->lang : DEFAULT_LANGUAGE;
}

bool slot_warm_up(struct slot *slot, struct error *error)
{
	return reader_start(slot->reader, default_language(slot), error);
}

/* A searchable PDF of a document that was read; one that cannot be made makes the document a failed one. */
static bool compose(struct slot *slot, int descriptor, int pdf, struct result *result, struct error *error)
{
	const struct reader_composition composition = {
		.descriptor = descriptor,
		.password = slot->password,
		.output = pdf,
		.most_bytes = slot->settings->pdf_bytes,
	};
	if (reader_compose(slot->reader, &composition, result, error))
		return true;
	result_free_pages(result);
	return false;
}

/* Reads an open document, closes it, and puts the totals into *result. */
static bool read_descriptor(struct slot *slot, int descriptor, const char *lang, int pdf, int64_t started_ms,
			    struct result *result, struct error *error)
{
	result->ms.fetch_ms = clock_monotonic_ms() - started_ms;
	bool done = false;
	if (descriptor >= 0) {
		const struct reader_request request = {
			.descriptor = descriptor,
			.lang = lang,
			.pages = slot->settings->pages,
			.dpi = (int32_t)slot->settings->dpi,
			.psm = (int32_t)slot->settings->psm,
			.pdf_text = (enum pdf_text)slot->settings->pdf_text,
			.password = slot->password,
			.progress = &slot->progress,
			.images = ocr_settings_format(slot->settings, OUTPUT_OVERLAY),
			.rotate = ocr_rotation(slot->settings),
			.improve = ocr_improvements(slot->settings),
		};
		done = reader_read(slot->reader, &request, result, error) &&
		       (pdf < 0 || compose(slot, descriptor, pdf, result, error));
		(void)close(descriptor);
	}
	if (!done)
		result->error = *error;
	result->ms.total_ms = clock_monotonic_ms() - started_ms;
	return done;
}

bool slot_read_job(struct slot *slot, const struct job *job, int pdf, struct result *result, struct error *error)
{
	int64_t started_ms = clock_monotonic_ms();
	*result = (struct result){ .job = job->id, .document = job->document };
	const char *lang = job->lang_given ? job->lang : default_language(slot);
	int descriptor = fetch_open(slot->fetch, job, error);
	bool done = read_descriptor(slot, descriptor, lang, pdf, started_ms, result, error);
	atomic_store(&slot->progress.pages, 0); /* nobody takes it for the next document's */
	return done;
}

/* All that a pipe, a terminal or a device gives, as a descriptor on memory. */
static int copy_to_memory(int source, int64_t most_bytes, struct error *error)
{
	int memory = memfd_create("document", MFD_CLOEXEC);
	if (memory < 0) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "memory file: %s", strerror(errno));
		return -1;
	}
	int64_t length = 0;
	for (;;) {
		char bytes[65536];
		ssize_t count = read(source, bytes, sizeof bytes);
		if (count < 0 && errno == EINTR)
			continue;
		if (count == 0)
			return memory;
		length += count > 0 ? count : 0;
		if (count < 0)
			(void)error_set(error, ERROR_INTERNAL, "reading: %s", strerror(errno));
		else if (length > most_bytes)
			(void)error_set(error, ERROR_TOO_LARGE, "more than %lld bytes", (long long)most_bytes);
		else if (write(memory, bytes, (size_t)count) == count)
			continue;
		else
			(void)error_set(error, ERROR_OUT_OF_MEMORY, "memory file: %s", strerror(errno));
		(void)close(memory);
		return -1;
	}
}

static int open_path(const char *path, int64_t most_bytes, struct error *error)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int source = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat status;
	if (source < 0 || fstat(source, &status) != 0) {
		enum error_code code = errno == ENOENT || errno == ENOTDIR ? ERROR_NOT_FOUND :
				       errno == EACCES			  ? ERROR_FORBIDDEN_URI :
									    ERROR_INTERNAL;
		(void)error_set(error, code, "%s", strerror(errno));
		if (source >= 0)
			(void)close(source);
		return -1;
	}
	if (S_ISREG(status.st_mode) && !is_stdin)
		return source;
	int memory = -1;
	if (S_ISDIR(status.st_mode))
		(void)error_set(error, ERROR_UNSUPPORTED_FORMAT, "is a folder");
	else
		memory = copy_to_memory(source, most_bytes, error);
	(void)close(source);
	return memory;
}

bool slot_read_path(struct slot *slot, const char *path, int pdf, struct result *result, struct error *error)
{
	int64_t started_ms = clock_monotonic_ms();
	*result = (struct result){ .document = path };
	int descriptor = open_path(path, slot->settings->limits.document_bytes, error);
	return read_descriptor(slot, descriptor, default_language(slot), pdf, started_ms, result, error);
}

void slot_interrupt(struct slot *slot)
{
	reader_interrupt(slot->reader);
}

void slot_interrupt_clear(struct slot *slot)
{
	reader_interrupt_clear(slot->reader);
}
