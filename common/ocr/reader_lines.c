/* Layouts in, pages out, in order. What comes from the child is checked by layout_read. */
#include "common/ocr/reader_lines.h"

#include <stdio.h>
#include <string.h>

#include "common/ocr/reader_protocol.h"

bool reader_lines_open(struct reader_lines *lines, const struct reader_engine *engine, const char *languages,
		       struct error *error)
{
	*lines = (struct reader_lines){ .engine = engine };
	lines->model_count = text_models_take_all(engine->models, languages, lines->models, error);
	if (lines->model_count == 0)
		return false;
	lines->height_count = page_reader_heights(lines->models, lines->model_count, lines->heights);
	return lines->height_count > 0 || error_set(error, ERROR_UNKNOWN_LANGUAGE,
						     "the networks of %s have too many heights; use --engine tesseract",
						     languages);
}

bool reader_lines_full(const struct reader_lines *lines)
{
	return lines->pending_count == READER_PAGES_AHEAD;
}

bool reader_lines_begin(struct reader_lines *lines, const void *payload, size_t length, struct page_image *image,
			bool image_wanted, struct error *error)
{
	struct pending_page *pending = &lines->pending[lines->pending_count];
	struct frame_layout head;
	struct layout layout;

	if (length < sizeof head)
		return error_set(error, ERROR_INTERNAL, "reader sent a layout without its page");
	memcpy(&head, payload, sizeof head);
	if (head.decode_ms < 0 || head.layout_ms < 0)
		return error_set(error, ERROR_INTERNAL, "reader sent a layout of negative time");
	if (head.text_layer_fault < 0 || head.text_layer_fault >= TEXT_LAYER_FAULT_COUNT)
		return error_set(error, ERROR_INTERNAL, "reader sent a layout of a page with an unknown text layer");
	if (!layout_read(&layout, (const char *)payload + sizeof head, length - sizeof head, error))
		return error_prefix(error, "reader");
	if (!turn_valid(&head.turn, layout.width, layout.height)) {
		layout_free(&layout);
		return error_set(error, ERROR_INTERNAL, "reader sent a layout of a page that lies nowhere");
	}
	*pending = (struct pending_page){ .page = { .number = head.page,
						    .text_layer_fault = (enum text_layer_fault)head.text_layer_fault,
						    .decode_ms = head.decode_ms,
						    .layout_ms = head.layout_ms },
					  .turn = head.turn };
	if (!page_image_keep(image, image_wanted, head.page, head.turn.width, head.turn.height, &pending->page.image, error)) {
		layout_free(&layout);
		return false;
	}
	pending->reading =
	    page_reading_begin(lines->engine->recogniser, &layout, lines->models, lines->model_count, error);
	if (!pending->reading)
		page_image_free(&pending->page.image);
	lines->pending_count += pending->reading != NULL;
	return pending->reading != NULL;
}

bool reader_lines_finish(struct reader_lines *lines, struct page *page, struct error *error)
{
	struct pending_page oldest = lines->pending[0];
	bool done = page_reading_finish(oldest.reading, page, error);

	if (done) {
		page->number = oldest.page.number;
		page->image = oldest.page.image;
		page->text_layer_fault = oldest.page.text_layer_fault;
		page->decode_ms = oldest.page.decode_ms;
		page->layout_ms = oldest.page.layout_ms;
		page->recognise_ms = page_reading_us(oldest.reading) / 1000;
		turn_page(&oldest.turn, page);
	} else {
		page_image_free(&oldest.page.image);
	}
	page_reading_free(oldest.reading);
	lines->pending_count--;
	memmove(lines->pending, lines->pending + 1, lines->pending_count * sizeof *lines->pending);
	return done;
}

void reader_lines_describe(const struct reader_lines *lines, struct engine_info *engine)
{
	(void)snprintf(engine->backend, sizeof engine->backend, "%s", network_backend_name(lines->engine->backend));
	if (lines->model_count == 1)
		(void)snprintf(engine->model_sha256, sizeof engine->model_sha256, "%s", lines->models[0]->sha256);
}

void reader_lines_close(struct reader_lines *lines)
{
	for (size_t i = 0; i < lines->pending_count; i++) {
		page_reading_free(lines->pending[i].reading);
		page_image_free(&lines->pending[i].page.image);
	}
	lines->pending_count = 0;
	if (lines->model_count > 0)
		text_models_give_all(lines->engine->models, lines->models, lines->model_count);
	lines->model_count = 0;
}
