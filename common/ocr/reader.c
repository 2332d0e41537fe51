/*
 * Asking a reader child for a document's pages. The idea: whatever goes wrong with the child costs one document and one
 * child. After any answer that is not a proper FRAME_DONE or FRAME_ERROR the child is killed and the next document gets
 * a fresh one, so no state of a broken conversation can reach the next.
 */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/base/sha256.h"
#include "common/ocr/reader_private.h"

#define LEAST_WORD_BYTES 64 /* a word's JSON beside its text */
#define LAST_FRAME_BYTES (64 * 1024) /* FRAME_DONE and FRAME_ERROR, beyond the pages' bytes */

const struct reader_limits reader_default_limits = {
	.document_bytes = 256LL << 20,
	.pages = 2000,
	.page_pixels = 200000000, /* A0 at 300 dpi has 140 million */
	.time_ms = 3600000,
	.page_time_ms = 180000,
	.memory_bytes = 4LL << 30,
	.result_bytes = PAGE_LONGEST_JSON_BYTES,
	.processor_ms = 3600000,
};

struct reader *reader_new(const struct reader_options *options, struct error *error)
{
	struct reader *reader = calloc(1, sizeof *reader);
	if (!reader) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a reader");
		return NULL;
	}
	reader->process.socket = -1;
	reader->limits = options->limits;
	reader->engine = options->engine;
	reader->recycle_documents = options->recycle_documents;
	reader->recycle_rss_bytes = options->recycle_rss_bytes;
	reader->no_sandbox = options->no_sandbox;
	reader->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (reader->interrupt < 0) {
		error_set(error, ERROR_UNAVAILABLE, "no event descriptor for a reader: %s", strerror(errno));
		goto failed;
	}
	reader->program = reader_program_find(options->program, error);
	if (!reader->program)
		goto failed;
	reader->tessdata = options->tessdata ? strdup(options->tessdata) : NULL;
	if (options->tessdata && !reader->tessdata) {
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a reader");
		goto failed;
	}
	return reader;
failed:
	reader_free(reader);
	return NULL;
}

void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	reader_process_kill(&reader->process);
	if (reader->interrupt >= 0)
		close(reader->interrupt);
	buffer_free(&reader->frame);
	free(reader->program);
	free(reader->tessdata);
	free(reader);
}

void reader_interrupt(struct reader *reader)
{
	int saved = errno;
	const uint64_t one = 1;
	/* Fails only when the count is full, and then the reader is interrupted already. */
	ssize_t written = write(reader->interrupt, &one, sizeof one);
	(void)written;
	errno = saved;
}

void reader_interrupt_clear(struct reader *reader)
{
	uint64_t count;
	ssize_t length = read(reader->interrupt, &count, sizeof count);
	(void)length; /* nothing to read is fine */
}

int reader_process(const struct reader *reader)
{
	return reader->process.id;
}

/* ---- requests ---- */

static bool start_child(struct reader *reader, struct error *error)
{
	if (reader->process.id > 0)
		return true;
	reader->documents = 0;
	reader->rss_bytes = 0;
	return reader_process_start(&reader->process, reader->program, reader->tessdata, reader->limits.memory_bytes,
				    reader->no_sandbox, error);
}

/* Sends a request; a child that was found dead then (it was idle) is replaced once. */
static bool send_request(struct reader *reader, enum frame_type type, const struct buffer *request, int descriptor,
			 struct error *error)
{
	bool was_idle = reader->process.id > 0;
	if (request->failed)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a request to a reader");
	for (;;) {
		if (!start_child(reader, error))
			return false;
		if (frame_send(reader->process.socket, type, request->data, request->length, descriptor, error))
			return true;
		if (error->code == ERROR_UNAVAILABLE && !was_idle)
			return reader_process_died(&reader->process, reader->limits.memory_bytes, error);
		reader_process_kill(&reader->process);
		if (error->code != ERROR_UNAVAILABLE)
			return error_prefix(error, "request to the reader");
		was_idle = false;
	}
}

void reader_append_string(struct buffer *out, const char *before, const char *text)
{
	buffer_append_string(out, before);
	if (text)
		json_text_string(out, text, strlen(text));
	else
		buffer_append_string(out, "null");
}

/* For which line images are asked, if any. */
static void write_heights(const struct reader_lines *lines, struct buffer *out)
{
	for (size_t index = 0; index < lines->height_count; index++)
		buffer_printf(out, "%s%d", index ? "," : ",\"heights\":[", lines->heights[index]);
	buffer_append_string(out, lines->height_count ? "]" : "");
}

static void write_read_request(const struct reader_request *request, const struct reader_limits *limits,
			       const struct reader_lines *lines, struct buffer *out)
{
	reader_append_string(out, "{\"lang\":", request->lang);
	reader_append_string(out, ",\"pages\":", request->pages);
	buffer_printf(out, ",\"dpi\":%d,\"psm\":%d,\"rotate\":%d,\"improve\":%u", request->dpi, request->psm,
		      request->rotate, request->improve);
	reader_append_string(out, ",\"pdf_text\":", pdf_text_names[request->pdf_text]);
	reader_append_string(out, ",\"password\":", request->password);
	write_heights(lines, out);
	buffer_append_string(out, request->images ? ",\"images\":true" : "");
	buffer_printf(out,
		      ",\"limits\":{\"pages\":%lld,\"page_pixels\":%lld,\"document_bytes\":%lld,\"result_bytes\":%lld,"
		      "\"processor_ms\":%lld}}",
		      (long long)limits->pages, (long long)limits->page_pixels, (long long)limits->document_bytes,
		      (long long)limits->result_bytes, (long long)limits->processor_ms);
}

/* ---- answers ---- */

/* Whether a page may come now: after the last one, asked for, not too large. */
static bool page_allowed(const struct reader *reader, const char *pages, const struct result *result, int32_t number,
			 int32_t width, int32_t height, struct error *error)
{
	size_t count = result->page_count;
	int32_t last = count ? result->pages[count - 1].number : 0;
	if (number > last && reader_pages_contain(pages, number) && (int64_t)count < reader->limits.pages &&
	    (int64_t)width * height <= reader->limits.page_pixels)
		return true;
	return error_set(error, ERROR_INTERNAL, "reader sent page %d of %d x %d px, which it may not", number, width,
			 height);
}

/* Takes over *page, as the next one. */
static bool keep_page(const struct reader *reader, const char *pages, struct page *page, struct result *result,
		      struct error *error)
{
	size_t count = result->page_count;
	struct page *more = result->pages;
	bool allowed = page_allowed(reader, pages, result, page->number, page->width, page->height, error) &&
		       page_find_mrz(page, error);
	if (allowed && !(count & (count - 1))) /* room doubles at 0, 1, 2, 4, … */
		more = realloc(result->pages, (count ? count * 2 : 1) * sizeof *more);
	if (!more && allowed)
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for %zu pages", count + 1);
	if (!more || !allowed) {
		page_free(page);
		return false;
	}
	result->pages = more;
	result->pages[result->page_count++] = *page;
	result->ms.decode_ms += page->decode_ms;
	result->ms.layout_ms += page->layout_ms;
	result->ms.recognise_ms += page->recognise_ms;
	return true;
}

/* Copies a string member that fits and holds no control characters; "" when it is missing. */
static bool copy_member(const json_t *object, const char *name, char *text, size_t size)
{
	const json_t *value = json_object_get(object, name);
	const char *given = value ? json_string_value(value) : "";
	if (!given || strlen(given) >= size)
		return false;
	for (const char *byte = given; *byte; byte++)
		if ((unsigned char)*byte < 0x20 || *byte == 0x7f)
			return false;
	memcpy(text, given, strlen(given) + 1);
	return true;
}

static bool known_backend(const char *name)
{
	static const char *const known[] = { "cuda", "avx512vnni", "avx2", "generic", "tesseract" };
	for (size_t index = 0; index < sizeof known / sizeof *known; index++)
		if (strcmp(name, known[index]) == 0)
			return true;
	return false;
}

/* Who only made a PDF need not have loaded an engine. */
static bool take_done(struct reader *reader, const json_t *root, struct answer *answer, struct error *error)
{
	struct engine_info *engine = &answer->result->engine;
	const json_t *given = json_object_get(root, "engine");
	const json_t *rss = json_object_get(root, "rss_bytes");
	*engine = (struct engine_info){ 0 };
	if (!copy_member(given, "backend", engine->backend, sizeof engine->backend) ||
	    !copy_member(given, "model", engine->model, sizeof engine->model) ||
	    !copy_member(given, "model_sha256", engine->model_sha256, sizeof engine->model_sha256) ||
	    !copy_member(given, "version", engine->version, sizeof engine->version) ||
	    !(known_backend(engine->backend) || answer->composition) || (engine->model_sha256[0] && !sha256_valid(engine->model_sha256)) ||
	    !json_is_integer(rss) || json_integer_value(rss) < 0)
		return error_set(error, ERROR_INTERNAL, "reader sent a wrong end of its answer");
	reader->rss_bytes = json_integer_value(rss);
	return true;
}

/* The child's error as ours: a code of the contract, a message of one line. *proper says whether it was one. */
static bool take_error(const json_t *root, int32_t *error_page, bool *proper, struct error *error)
{
	const char *message = json_string_value(json_object_get(root, "message"));
	enum error_code code = error_code_from_name(json_string_value(json_object_get(root, "code")));
	json_int_t page = json_integer_value(json_object_get(root, "page"));
	*proper = false;
	if (code == ERROR_NONE || code > ERROR_INTERNAL || !message || page < 0 || page > INT32_MAX)
		return error_set(error, ERROR_INTERNAL, "reader sent an error that is none");
	*proper = true;
	*error_page = (int32_t)page;
	error_set(error, code, "%s", message);
	for (char *byte = error->message; *byte; byte++)
		if ((unsigned char)*byte < 0x20 || *byte == 0x7f)
			*byte = ' ';
	return false;
}

static bool is_interrupted(const struct reader *reader)
{
	struct pollfd polled = { .fd = reader->interrupt, .events = POLLIN };
	return poll(&polled, 1, 0) > 0;
}

static void note_read(const struct answer *answer)
{
	if (answer->progress)
		atomic_store(&answer->progress->read, (int)answer->result->page_count);
}

static bool take_count(const struct reader *reader, struct answer *answer, struct error *error)
{
	json_t *root = reader->frame.length <= LAST_FRAME_BYTES ?
			   json_loadb(reader->frame.data ? reader->frame.data : "", reader->frame.length, 0, NULL) : NULL;
	json_int_t pages = json_integer_value(json_object_get(root, "pages"));
	json_decref(root);
	if (pages < 1 || pages > reader->limits.pages || answer->counted)
		return error_set(error, ERROR_INTERNAL, "reader sent a wrong number of pages");
	answer->counted = true;
	if (answer->progress)
		atomic_store(&answer->progress->pages, (int)pages);
	return true;
}

static bool take_page(const struct reader *reader, struct answer *answer, struct error *error)
{
	struct page page;
	if (!page_parse_json(&page, reader->frame.data ? reader->frame.data : "", reader->frame.length, error))
		return error_prefix(error, "reader");
	if (!page_image_keep(&answer->image, answer->images, page.number, page.width, page.height, &page.image, error)) {
		page_free(&page);
		return false;
	}
	return keep_page(reader, answer->pages, &page, answer->result, error);
}

static bool take_image(const struct reader *reader, struct answer *answer, struct error *error)
{
	if (!answer->images || answer->image.bytes)
		return error_set(error, ERROR_INTERNAL, "reader sent an image that was not asked for");
	answer->text_bytes += (int64_t)reader->frame.length;
	return page_image_take(&answer->image, reader->frame.data ? reader->frame.data : "", reader->frame.length, error);
}

/* Waits for the oldest page that is read here. */
static bool finish_page(const struct reader *reader, struct answer *answer, int64_t deadline_ms, struct error *error)
{
	struct page page;
	if (!reader_lines_finish(answer->lines, &page, error))
		return false;
	answer->text_bytes += (int64_t)strlen(page.text) + (int64_t)page.word_count * LEAST_WORD_BYTES;
	if (!keep_page(reader, answer->pages, &page, answer->result, error))
		return false;
	note_read(answer);
	if (answer->text_bytes > reader->limits.result_bytes)
		return error_set(error, ERROR_TOO_LARGE, "beyond the limit");
	if (is_interrupted(reader))
		return error_set(error, ERROR_TRY_AGAIN, "interrupted");
	return clock_monotonic_ms() < deadline_ms || error_set(error, ERROR_TIMEOUT, "too late");
}

static bool take_layout(const struct reader *reader, struct answer *answer, int64_t deadline_ms, struct error *error)
{
	if (!answer->lines)
		return error_set(error, ERROR_INTERNAL, "reader sent a layout that was not asked for");
	if (reader_lines_full(answer->lines) && !finish_page(reader, answer, deadline_ms, error))
		return false;
	return reader_lines_begin(answer->lines, reader->frame.data ? reader->frame.data : "", reader->frame.length,
				  &answer->image, answer->images, error);
}

/* Takes one page, as text or as a layout, or what comes before it, or a piece of a PDF. */
static bool take_page_frame(const struct reader *reader, enum frame_type type, struct answer *answer,
			    int64_t *left_bytes, int64_t deadline_ms, struct error *error)
{
	if ((type == FRAME_BYTES) != (answer->composition != NULL))
		return error_set(error, ERROR_INTERNAL, "reader sent what was not asked for");
	if (type == FRAME_BYTES)
		return reader_take_bytes(reader, answer, error);
	if (type == FRAME_COUNT)
		return take_count(reader, answer, error);
	if (type == FRAME_LAYOUT)
		return take_layout(reader, answer, deadline_ms, error);
	*left_bytes -= (int64_t)reader->frame.length;
	if (*left_bytes < 0)
		return error_set(error, ERROR_TOO_LARGE, "beyond the limit");
	if (type == FRAME_IMAGE)
		return take_image(reader, answer, error);
	answer->text_bytes += (int64_t)reader->frame.length;
	/* A page that needed no reading waits for those before it. */
	while (answer->lines && answer->lines->pending_count > 0)
		if (!finish_page(reader, answer, deadline_ms, error))
			return false;
	bool done = take_page(reader, answer, error);
	note_read(answer);
	return done;
}

static bool is_part(enum frame_type type)
{
	return type == FRAME_COUNT || type == FRAME_PAGE || type == FRAME_LAYOUT || type == FRAME_IMAGE || type == FRAME_BYTES;
}

/* Takes frames until the answer ends, each within its time. */
static bool receive_answer(struct reader *reader, struct answer *answer, int64_t document_deadline_ms,
			   struct error *error)
{
	int64_t left_bytes = reader->limits.result_bytes;
	int64_t page_time_ms = reader->limits.page_time_ms;
	enum frame_type type;
	for (;;) {
		int64_t deadline_ms = document_deadline_ms;
		if (page_time_ms > 0 && !answer->composition && clock_monotonic_ms() + page_time_ms < deadline_ms)
			deadline_ms = clock_monotonic_ms() + page_time_ms;
		size_t longest = answer->composition ? FRAME_LONGEST_PIECE_BYTES :
				 answer->lines	     ? FRAME_LONGEST_BYTES :
						       (size_t)left_bytes + LAST_FRAME_BYTES;
		if (!frame_receive(reader->process.socket, &type, &reader->frame, longest, deadline_ms, reader->interrupt,
				   NULL, error))
			return false;
		if (!is_part(type))
			break;
		if (!take_page_frame(reader, type, answer, &left_bytes, document_deadline_ms, error))
			return false;
	}
	while (type == FRAME_DONE && answer->lines && answer->lines->pending_count > 0)
		if (!finish_page(reader, answer, document_deadline_ms, error))
			return false;
	const char *bytes = reader->frame.data ? reader->frame.data : "";
	json_t *root = reader->frame.length <= LAST_FRAME_BYTES ? json_loadb(bytes, reader->frame.length, 0, NULL) : NULL;
	bool done = false;
	if (root && type == FRAME_DONE)
		answer->proper = done = take_done(reader, root, answer, error);
	else if (root && type == FRAME_ERROR)
		done = take_error(root, &answer->result->error_page, &answer->proper, error);
	else
		error_set(error, ERROR_INTERNAL, "reader sent a wrong end of its answer");
	json_decref(root);
	if (done && answer->lines)
		reader_lines_describe(answer->lines, &answer->result->engine);
	return done;
}

/* Words what ended a conversation before its time and ends the child. Returns false. */
static bool give_up(struct reader *reader, int64_t deadline_ms, struct error *error)
{
	if (error->code == ERROR_UNAVAILABLE)
		return reader_process_died(&reader->process, reader->limits.memory_bytes, error);
	reader_process_kill(&reader->process);
	if (error->code == ERROR_TIMEOUT)
		return clock_monotonic_ms() >= deadline_ms ?
			       error_set(error, ERROR_TIMEOUT, "not read within %lld ms", (long long)reader->limits.time_ms) :
			       error_set(error, ERROR_TIMEOUT, "no page read within %lld ms",
					 (long long)reader->limits.page_time_ms);
	if (error->code == ERROR_TOO_LARGE)
		return error_set(error, ERROR_TOO_LARGE, "what was read is larger than %lld bytes",
				 (long long)reader->limits.result_bytes);
	if (error->code == ERROR_TRY_AGAIN) {
		reader_interrupt_clear(reader);
		return error_set(error, ERROR_TRY_AGAIN, "reading was interrupted");
	}
	return false;
}

static void recycle(struct reader *reader)
{
	if ((reader->recycle_documents > 0 && reader->documents >= reader->recycle_documents) ||
	    (reader->recycle_rss_bytes > 0 && reader->rss_bytes > reader->recycle_rss_bytes))
		reader_process_kill(&reader->process);
}

bool reader_converse(struct reader *reader, enum frame_type type, const struct buffer *request, int descriptor,
		     struct answer *answer, struct error *error)
{
	struct error reason = { 0 };
	int64_t deadline_ms = clock_monotonic_ms() + reader->limits.time_ms;
	bool done = send_request(reader, type, request, descriptor, &reason);
	if (done) {
		reader->documents += type == FRAME_READ || type == FRAME_COMPOSE;
		done = receive_answer(reader, answer, deadline_ms, &reason);
		if (!answer->proper)
			give_up(reader, deadline_ms, &reason);
		/* A heap that ran full is full of holes: the next document gets a new one. */
		else if (!done && reason.code == ERROR_OUT_OF_MEMORY)
			reader_process_kill(&reader->process);
		recycle(reader);
	}
	if (!done && error)
		*error = reason;
	return done;
}

bool reader_start(struct reader *reader, const char *lang, struct error *error)
{
	struct result unused = { 0 };
	struct answer answer = { .pages = "", .result = &unused };
	struct buffer request = { 0 };
	struct reader_lines lines = { 0 };
	bool done = !reader->engine || reader_lines_open(&lines, reader->engine, lang, error);
	reader_append_string(&request, "{\"lang\":", lang);
	write_heights(&lines, &request);
	buffer_append_char(&request, '}');
	done = done && reader_converse(reader, FRAME_LOAD, &request, -1, &answer, error);
	reader_lines_close(&lines);
	result_free_pages(&unused);
	buffer_free(&request);
	return done;
}

bool reader_check_document(const struct reader *reader, int descriptor, struct error *error)
{
	struct stat status;
	if (fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode))
		return error_set(error, ERROR_INTERNAL, "a document must be given as a regular file");
	if (status.st_size > reader->limits.document_bytes)
		return error_set(error, ERROR_TOO_LARGE, "the document has %lld bytes, more than the limit of %lld",
				 (long long)status.st_size, (long long)reader->limits.document_bytes);
	return true;
}

static bool check_request(const struct reader *reader, const struct reader_request *request, struct error *error)
{
	if (!reader_check_document(reader, request->descriptor, error))
		return false;
	if (!request->lang || !reader_pages_valid(request->pages) || request->psm < 0 || request->psm > 13 ||
	    request->dpi < 0)
		return error_set(error, ERROR_BAD_JOB, "wrong language, pages, dpi or psm");
	return true;
}

bool reader_read(struct reader *reader, const struct reader_request *request, struct result *result, struct error *error)
{
	struct error reason = { 0 };
	struct answer answer = { .pages = request->pages,
				 .images = request->images,
				 .result = result,
				 .progress = request->progress };
	struct buffer text = { 0 };
	result->pages = NULL;
	result->page_count = 0;
	result->error = (struct error){ 0 };
	result->error_page = 0;
	result->ms.decode_ms = result->ms.layout_ms = result->ms.recognise_ms = 0;
	if (request->progress) {
		atomic_store(&request->progress->pages, 0);
		atomic_store(&request->progress->read, 0);
	}
	struct reader_lines lines = { 0 };
	bool done = check_request(reader, request, &reason) &&
		    (!reader->engine || reader_lines_open(&lines, reader->engine, request->lang, &reason));
	if (done) {
		answer.lines = reader->engine ? &lines : NULL;
		write_read_request(request, &reader->limits, &lines, &text);
		done = reader_converse(reader, FRAME_READ, &text, request->descriptor, &answer, &reason);
		buffer_free(&text);
	}
	reader_lines_close(&lines);
	page_image_free(&answer.image);
	if (done)
		return true;
	result_free_pages(result);
	result->error = reason;
	if (error)
		*error = reason;
	return false;
}
