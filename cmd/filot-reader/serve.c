/*
 * A request is done by a process of its own, forked when the models and fonts that it needs are in memory; there page by
 * page: decode, turn upright and lay out, read, send, forget, so memory is that of one page. The image is given back before
 * the lines are read, because libtesseract has its own copy. The three steps are timed apart.
 *
 * The process for the next request is forked while this one is being done, and waits; when the next one needs more than
 * was loaded by then, it is given up for a new one.
 */
#include "cmd/filot-reader/serve.h"

#include <inttypes.h>
#include <jansson.h>
#include <leptonica/allheaders.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/filot-reader/child.h"
#include "cmd/filot-reader/composing.h"
#include "cmd/filot-reader/confirm.h"
#include "cmd/filot-reader/document.h"
#include "cmd/filot-reader/memory.h"
#include "cmd/filot-reader/picture.h"
#include "common/base/clock.h"
#include "common/json/result.h"
#include "common/ocr/fence.h"
#include "common/ocr/languages.h"
#include "common/ocr/line_reader.h"
#include "common/ocr/reader.h"
#include "common/ocr/reader_protocol.h"
#include "common/ocr/straighten.h"
#include "common/ocr/tesseract.h"

struct server {
	const struct serve_settings *settings;
	struct tesseract_engine *tesseract;
	struct line_reader *line_reader; /* has the same models, if has_lines */
	bool has_lines;
	struct fence_calls *calls; /* NULL: all are allowed */
	struct child waiting; /* for the next document; has what is loaded */
	struct engine_info engine;
	struct buffer payload; /* of the request, and of the answer after */
	int64_t resident_bytes; /* of the process that stays, when the last one was forked */
};

/* A FRAME_READ or FRAME_COMPOSE request; strings live in its JSON. */
struct request {
	enum frame_type type;
	json_t *json;
	size_t json_length; /* what follows it is for composing.h */
	struct reader_request read;
	struct reader_limits limits;
	int32_t heights[LAYOUT_MOST_HEIGHTS]; /* of line images that are asked for instead of text */
	size_t height_count;
};

static int64_t limit_of(json_t *limits, const char *name)
{
	int64_t value = json_integer_value(json_object_get(limits, name));
	return value > 0 ? value : INT64_MAX;
}

static bool parse_heights(struct request *request, struct error *error)
{
	json_t *heights = json_object_get(request->json, "heights");
	request->height_count = json_array_size(heights);
	if (request->height_count > LAYOUT_MOST_HEIGHTS)
		return error_set(error, ERROR_INTERNAL, "images of too many heights are asked for");
	for (size_t index = 0; index < request->height_count; index++) {
		json_int_t height = json_integer_value(json_array_get(heights, index));
		if (height < 1 || height > LAYOUT_HIGHEST_PX)
			return error_set(error, ERROR_INTERNAL, "images of a height that no network has are asked for");
		request->heights[index] = (int32_t)height;
	}
	return true;
}

static bool parse_pdf_text(struct request *request, struct error *error)
{
	const char *given = json_string_value(json_object_get(request->json, "pdf_text"));
	int choice = 0;
	while (given && pdf_text_names[choice] && strcmp(pdf_text_names[choice], given) != 0)
		choice++;
	request->read.pdf_text = (enum pdf_text)choice;
	return choice < PDF_TEXT_COUNT || error_set(error, ERROR_INTERNAL, "an unknown use of text layers is asked for");
}

static bool parse_request(struct server *server, struct request *request, struct error *error)
{
	json_error_t where;
	size_t flags = request->type == FRAME_COMPOSE ? JSON_DISABLE_EOF_CHECK : 0;
	request->json = json_loadb(server->payload.data ? server->payload.data : "", server->payload.length, flags, &where);
	request->json_length = request->json ? (size_t)where.position : 0;
	if (!json_is_object(request->json))
		return error_set(error, ERROR_INTERNAL, "a request that is no JSON object: %s", where.text);
	json_t *limits = json_object_get(request->json, "limits");
	request->limits = (struct reader_limits){
		.document_bytes = limit_of(limits, "document_bytes"),
		.pages = limit_of(limits, "pages"),
		.page_pixels = limit_of(limits, "page_pixels"),
		.result_bytes = limit_of(limits, "result_bytes"),
		.processor_ms = json_integer_value(json_object_get(limits, "processor_ms")),
	};
	request->read = (struct reader_request){
		.lang = json_string_value(json_object_get(request->json, "lang")),
		.pages = json_string_value(json_object_get(request->json, "pages")),
		.password = json_string_value(json_object_get(request->json, "password")),
		.dpi = (int32_t)json_integer_value(json_object_get(request->json, "dpi")),
		.psm = (int32_t)json_integer_value(json_object_get(request->json, "psm")),
		.images = json_is_true(json_object_get(request->json, "images")),
		.rotate = (int32_t)json_integer_value(json_object_get(request->json, "rotate")),
		.improve = (uint32_t)json_integer_value(json_object_get(request->json, "improve")) & IMPROVE_ALL,
	};
	if (request->type == FRAME_COMPOSE)
		return true;
	if (!request->read.lang)
		return error_set(error, ERROR_UNKNOWN_LANGUAGE, "the request names no language");
	if (request->read.pages && !reader_pages_valid(request->read.pages))
		return error_set(error, ERROR_BAD_JOB, "\"%.64s\" is no list of pages; write it as 1-3,7",
				 request->read.pages);
	return parse_pdf_text(request, error) && parse_heights(request, error);
}

/*
 * Loads the models and their sums, unless they are those of the last document; those of lines' images also for our own line
 * reader.
 */
static bool load(struct server *server, const char *languages, bool lines, struct error *error)
{
	struct engine_info engine = { .backend = "tesseract" };
	if (!strcmp(server->engine.model, languages) && *languages && (server->has_lines || !lines))
		return true;
	if (strlen(languages) >= sizeof engine.model)
		return error_set(error, ERROR_UNKNOWN_LANGUAGE, "too many languages");
	memset(&server->engine, 0, sizeof server->engine);
	child_end(&server->waiting);
	if (!languages_find(server->settings->tessdata, languages, engine.model_sha256, error) ||
	    !tesseract_load(server->tesseract, languages, error))
		return false;
	server->has_lines = false;
	if (lines && !line_reader_load(server->line_reader, languages, error))
		return false;
	server->has_lines = lines;
	(void)snprintf(engine.model, sizeof engine.model, "%s", languages);
	(void)snprintf(engine.version, sizeof engine.version, "%s", tesseract_version());
	server->engine = engine;
	return true;
}

/* Counts what is about to be sent. */
static bool within_limit(const struct request *request, size_t length, int64_t *sent_bytes, struct error *error)
{
	*sent_bytes += (int64_t)length;
	return *sent_bytes <= request->limits.result_bytes ||
	       error_set(error, ERROR_TOO_LARGE, "the result has more than %" PRId64 " bytes",
			 request->limits.result_bytes);
}

static bool send_image(struct server *server, const struct request *request, PIX *image, int32_t number,
		       int64_t *sent_bytes, struct error *error)
{
	buffer_clear(&server->payload);
	return picture_write(image, number, &server->payload, error) &&
	       within_limit(request, server->payload.length, sent_bytes, error) &&
	       frame_send(server->settings->socket, FRAME_IMAGE, server->payload.data, server->payload.length, -1, error);
}

/* The image of page `number`, which is sent where that is wanted, and its text layer in *text. */
static PIX *decode_page(struct server *server, struct document *document, const struct request *request, int32_t number,
			struct page *text, int64_t *sent_bytes, struct error *error)
{
	int64_t start_ms = clock_monotonic_ms();
	bool text_wanted = request->read.pdf_text != PDF_TEXT_NEVER;
	PIX *image = document_page(document, number, request->read.dpi, request->limits.page_pixels,
				   text_wanted ? text : NULL, error);
	if (image && request->read.images && !send_image(server, request, image, number, sent_bytes, error))
		pixDestroy(&image);
	text->number = number;
	text->decode_ms = clock_monotonic_ms() - start_ms;
	return image;
}

/* What reads a line for a look; NULL: libtesseract, as the document itself. */
static struct line_reader *line_reader_for(const struct server *server, const struct request *request)
{
	return request->height_count > 0 ? server->line_reader : NULL;
}

/* Gives up a text layer that OCR does not confirm. The time is that of recognition. */
static bool confirm(struct server *server, const struct request *request, PIX *image, struct page *text, struct error *error)
{
	const struct confirm_engine engine = { server->tesseract, line_reader_for(server, request), request->heights,
					       request->height_count };
	int64_t start_ms = clock_monotonic_ms();
	bool confirmed = true;
	if (text->source != PAGE_SOURCE_TEXT_LAYER)
		return true;
	if (!confirm_text(&engine, image, text, &confirmed, error))
		return false;
	text->recognise_ms = clock_monotonic_ms() - start_ms;
	if (confirmed)
		return true;
	const struct page head = { .number = text->number, .width = text->width, .height = text->height, .dpi = text->dpi,
				   .source = PAGE_SOURCE_NONE, .text_layer_fault = TEXT_LAYER_CONTRADICTED,
				   .decode_ms = text->decode_ms + text->recognise_ms };
	page_free(text);
	*text = head;
	return true;
}

/* Whether the page's text is what its layer says, be that nothing. */
static bool is_settled(const struct request *request, const struct page *text)
{
	return text->source == PAGE_SOURCE_TEXT_LAYER ||
	       (text->source == PAGE_SOURCE_NONE && request->read.pdf_text == PDF_TEXT_ONLY);
}

/* Finds the lines of a page's image, upright, and their images, if they are asked for; the page's is destroyed. */
static bool lay_out_page(struct server *server, const struct request *request, PIX *image, struct frame_layout *head,
			 struct layout *layout, struct error *error)
{
	/* Lines that run down the page are as they should be for a model of vertical writing. */
	bool is_vertical = strstr(request->read.lang, "_vert") != NULL;
	const struct straighten_options options = {
		.rotate = is_vertical && request->read.rotate == ROTATE_AUTO ? 0 : request->read.rotate,
		.improve = request->read.improve,
		.psm = request->read.psm,
		.dpi = request->read.dpi,
		.most_pixels = request->limits.page_pixels,
		.heights = request->heights,
		.height_count = request->height_count,
		.line_reader = line_reader_for(server, request),
	};
	int64_t start_ms = clock_monotonic_ms();
	bool laid_out = straighten(server->tesseract, &options, &image, &head->turn, layout, error);
	pixDestroy(&image);
	head->layout_ms = clock_monotonic_ms() - start_ms;
	return laid_out;
}

/* The text of the page that is laid out, as FRAME_PAGE has it. */
static bool write_page(struct server *server, const struct frame_layout *head, struct error *error)
{
	int64_t start_ms = clock_monotonic_ms();
	struct page page = { 0 };
	bool done = tesseract_recognise(server->tesseract, &page, error);
	turn_page(&head->turn, &page);
	page.number = head->page;
	page.text_layer_fault = (enum text_layer_fault)head->text_layer_fault;
	page.decode_ms = head->decode_ms;
	page.layout_ms = head->layout_ms;
	page.recognise_ms = clock_monotonic_ms() - start_ms;
	if (done)
		page_write_exact_json(&page, &server->payload);
	page_free(&page);
	return done;
}

/* Its lines instead, as FRAME_LAYOUT has them. */
static void write_layout(struct server *server, const struct frame_layout *head, const struct layout *layout)
{
	buffer_append(&server->payload, head, sizeof *head);
	layout_write(layout, &server->payload);
}

/* Reads page `number` and sends it, if it does not make the answer too long. */
static bool send_page(struct server *server, struct document *document, const struct request *request, int32_t number,
		      int64_t *sent_bytes, struct error *error)
{
	struct page text = { 0 };
	PIX *image = decode_page(server, document, request, number, &text, sent_bytes, error);
	bool done = image && confirm(server, request, image, &text, error);
	struct frame_layout head = { .page = number, .text_layer_fault = (int32_t)text.text_layer_fault,
				     .decode_ms = text.decode_ms };
	bool is_settled_by_layer = is_settled(request, &text), is_text = is_settled_by_layer || request->height_count == 0;
	buffer_clear(&server->payload);
	struct layout layout = { 0 };
	if (!done || is_settled_by_layer)
		pixDestroy(&image);
	else
		done = lay_out_page(server, request, image, &head, &layout, error);
	if (done && is_settled_by_layer)
		page_write_exact_json(&text, &server->payload);
	else if (done && is_text)
		done = write_page(server, &head, error);
	else if (done)
		write_layout(server, &head, &layout);
	layout_free(&layout);
	page_free(&text);
	if (memory_ended()) /* the page may lack something, or be called corrupt for no fault of its own */
		done = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for this page");
	if (!done)
		return false;
	if (server->payload.failed)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the text of a page");
	return within_limit(request, is_text ? server->payload.length : 0, sent_bytes, error) &&
	       frame_send(server->settings->socket, is_text ? FRAME_PAGE : FRAME_LAYOUT, server->payload.data,
			  server->payload.length, -1, error);
}

/* How many pages were asked for, which must be some and not too many; the parent is told. */
static bool send_count(const struct server *server, int32_t count, const struct request *request, struct error *error)
{
	char text[48];
	int64_t wanted = 0;
	for (int32_t number = 1; number <= count; number++)
		wanted += reader_pages_contain(request->read.pages, number);
	if (wanted == 0)
		return error_set(error, ERROR_BAD_JOB, "the document has %" PRId32 " pages, none of %s", count,
				 request->read.pages);
	if (wanted > request->limits.pages)
		return error_set(error, ERROR_TOO_MANY_PAGES, "%" PRId64 " pages to read, more than %" PRId64, wanted,
				 request->limits.pages);
	(void)snprintf(text, sizeof text, "{\"pages\":%" PRId64 "}", wanted);
	return frame_send(server->settings->socket, FRAME_COUNT, text, strlen(text), -1, error);
}

/* In the document's own process. */
static bool read_document(struct server *server, const struct request *request, int descriptor, int32_t *page,
			  struct error *error)
{
	int64_t sent_bytes = 0;
	struct document *document =
		document_open(descriptor, request->limits.document_bytes, request->read.password, error);
	bool done = document && send_count(server, document_page_count(document), request, error);
	for (int32_t number = 1; done && number <= document_page_count(document); number++) {
		if (!reader_pages_contain(request->read.pages, number))
			continue;
		done = send_page(server, document, request, number, &sent_bytes, error);
		if (!done)
			*page = number;
	}
	document_close(document);
	if (!done && memory_ended())
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for this document");
	return done;
}

/* Resident bytes of this process now, 0 when not known. */
static int64_t resident_bytes(void)
{
	long long pages = 0;
	FILE *status = fopen("/proc/self/statm", "re");
	bool known = status && fscanf(status, "%*d %lld", &pages) == 1;
	if (status)
		(void)fclose(status);
	return known ? pages * sysconf(_SC_PAGESIZE) : 0;
}

static bool answer(struct server *server, enum frame_type type, json_t *json, struct error *error)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for an answer");
	bool sent = frame_send(server->settings->socket, type, text, strlen(text), -1, error);
	free(text);
	return sent;
}

static bool answer_done(struct server *server, struct error *error)
{
	const struct engine_info *engine = &server->engine;
	return answer(server, FRAME_DONE,
		      json_pack("{s:{s:s,s:s,s:s,s:s},s:I}", "engine", "backend", engine->backend, "model", engine->model,
				"model_sha256", engine->model_sha256, "version", engine->version, "rss_bytes",
				(json_int_t)server->resident_bytes),
		      error);
}

static bool answer_error(struct server *server, const struct error *why, int32_t page, struct error *error)
{
	return answer(server, FRAME_ERROR,
		      json_pack("{s:s,s:s,s:i}", "code", error_code_name(why->code), "message", why->message, "page",
				(int)page),
		      error);
}

static bool compose_document(const struct server *server, const struct request *request, int descriptor, int32_t *page,
			     struct error *error)
{
	const struct composing composing = { .request = request->json,
					     .bytes = server->payload.data + request->json_length,
					     .length = server->payload.length - request->json_length,
					     .limits = &request->limits,
					     .descriptor = descriptor,
					     .socket = server->settings->socket };
	return composing_run(&composing, page, error);
}

/* What the forked process does, once it has a request; it never comes back. The kernel collects what it holds. */
static _Noreturn void be_child(struct server *server)
{
	struct request request = { 0 };
	struct error why = { 0 }, error = { 0 };
	int descriptor = -1;
	int32_t page = 0;
	bool fenced = fence_child(&why);
	if (!frame_receive(server->settings->socket, &request.type, &server->payload, FRAME_LONGEST_BYTES, 0, -1, &descriptor,
			   &error) ||
	    !child_begun(server->settings->socket))
		_exit(EX_OK); /* its parent has gone */
	bool done = fenced && parse_request(server, &request, &why);
	const struct document_fence fence = { request.limits.processor_ms, server->calls };
	done = done && fence_document(&fence, &why);
	if (done && request.type == FRAME_COMPOSE)
		done = compose_document(server, &request, descriptor, &page, &why);
	else if (done)
		done = read_document(server, &request, descriptor, &page, &why);
	bool sent = done ? answer_done(server, &error) : answer_error(server, &why, page, &error);
	if (!sent && memory_ended())
		_exit(READER_EXIT_OUT_OF_MEMORY);
	_exit(sent ? EX_OK : EX_SOFTWARE);
}

/* Sees to it that a process waits for the next document. */
static bool keep_waiting(struct server *server, struct error *error)
{
	if (server->waiting.id > 0)
		return true;
	server->resident_bytes = resident_bytes();
	if (!child_fork(&server->waiting, server->settings->socket, error))
		return false;
	if (server->waiting.id == 0)
		be_child(server);
	return true;
}

/* Gives the document to the process that waits, or to a new one when that has died. */
static bool begin_in_child(struct server *server, const struct request *request, int descriptor, struct error *error)
{
	int64_t time_ms = request->limits.processor_ms;
	if (!keep_waiting(server, error))
		return false;
	if (child_begin(&server->waiting, request->type, &server->payload, descriptor, time_ms, error))
		return true;
	child_end(&server->waiting);
	return keep_waiting(server, error) &&
	       child_begin(&server->waiting, request->type, &server->payload, descriptor, time_ms, error);
}

/* A request with a document, when its models are loaded. *answered: the peer has got its last frame. */
static bool serve_in_child(struct server *server, const struct request *request, int descriptor, bool *answered,
			  struct error *error)
{
	if (descriptor < 0)
		return error_set(error, ERROR_INTERNAL, "a request without its document");
	if (request->type == FRAME_READ && document_prepare(descriptor))
		child_end(&server->waiting);
	if (!begin_in_child(server, request, descriptor, error))
		return false;
	struct child child = server->waiting;
	server->waiting = (struct child){ 0 };
	explicit_bzero(server->payload.data, server->payload.length); /* the next process is a copy of this one */
	(void)keep_waiting(server, NULL); /* the next request tries again, and tells */
	*answered = true;
	return child_relay(&child, server->settings->socket, error);
}

/* One request and its answer. *ended: the peer has gone. False when this process should not go on. */
static bool serve_one(struct server *server, bool *ended, struct error *error)
{
	int descriptor = -1;
	struct error why = { 0 };
	struct request request = { 0 };
	bool answered = false;
	if (!frame_receive(server->settings->socket, &request.type, &server->payload, FRAME_LONGEST_BYTES, 0, -1, &descriptor,
			   error)) {
		*ended = error->code == ERROR_UNAVAILABLE;
		return *ended;
	}
	bool has_document = request.type == FRAME_READ || request.type == FRAME_COMPOSE;
	bool done = (has_document || request.type == FRAME_LOAD) ||
		    error_set(&why, ERROR_INTERNAL, "a frame of type %c is no request", (char)request.type);
	done = done && parse_request(server, &request, &why);
	if (request.type != FRAME_COMPOSE)
		done = done && load(server, request.read.lang, request.height_count > 0, &why);
	if (done && has_document)
		done = serve_in_child(server, &request, descriptor, &answered, &why);
	else if (done && document_prepare_all())
		child_end(&server->waiting);
	json_decref(request.json);
	if (descriptor >= 0)
		(void)close(descriptor);
	if (answered) {
		*error = why;
		return done;
	}
	server->resident_bytes = resident_bytes();
	if (done)
		return keep_waiting(server, error) && answer_done(server, error);
	if (!answer_error(server, &why, 0, error))
		return false;
	*error = why;
	return why.code != ERROR_OUT_OF_MEMORY && why.code != ERROR_INTERNAL;
}

bool serve(const struct serve_settings *settings, struct error *error)
{
	struct server server = { .settings = settings, .tesseract = tesseract_new(settings->tessdata, error) };
	bool ended = false, going = server.tesseract && (server.line_reader = line_reader_new(settings->tessdata, error));
	if (going && settings->fenced)
		going = (server.calls = fence_calls_new(settings->named, error)) != NULL;
	while (going && !ended)
		going = serve_one(&server, &ended, error);
	child_end(&server.waiting);
	fence_calls_free(server.calls);
	line_reader_free(server.line_reader);
	tesseract_free(server.tesseract);
	buffer_free(&server.payload);
	return going;
}
