/*
 * Having a searchable PDF made. The text is written here, where it was read; the document is taken apart in the child,
 * whose bytes go to the output as they come and are not looked at.
 */
#include <errno.h>
#include <string.h>

#include "common/base/write_all.h"
#include "common/ocr/invisible_text.h"
#include "common/ocr/reader_private.h"

static void write_request(const struct reader_composition *composition, const struct reader_limits *limits,
			  const struct result *result, const struct invisible_text *text, struct buffer *out)
{
	reader_append_string(out, "{\"password\":", composition->password);
	buffer_printf(out,
		      ",\"limits\":{\"page_pixels\":%lld,\"document_bytes\":%lld,\"result_bytes\":%lld,"
		      "\"processor_ms\":%lld},\"characters\":%zu,\"unicode\":%zu",
		      (long long)limits->page_pixels, (long long)limits->document_bytes,
		      (long long)composition->most_bytes, (long long)limits->processor_ms, text->character_count,
		      text->unicode.length);
	for (size_t index = 0; index < result->page_count; index++) {
		const struct page *page = &result->pages[index];
		buffer_printf(out, "%s{\"page\":%d,\"width\":%d,\"height\":%d,\"dpi\":%d,\"text\":%zu}",
			      index ? "," : ",\"pages\":[", page->number, page->width, page->height, page->dpi,
			      text->lengths[index]);
	}
	buffer_append_string(out, result->page_count ? "]}" : "}");
	buffer_append(out, text->unicode.data, text->unicode.length);
	buffer_append(out, text->streams.data, text->streams.length);
}

bool reader_take_bytes(const struct reader *reader, struct answer *answer, struct error *error)
{
	const struct reader_composition *composition = answer->composition;
	answer->composed_bytes += (int64_t)reader->frame.length;
	if (answer->composed_bytes > composition->most_bytes)
		return error_set(error, ERROR_INTERNAL, "reader sent more of a PDF than it may");
	return write_all(composition->output, reader->frame.data, reader->frame.length) ||
	       error_set(error, ERROR_INTERNAL, "writing a PDF: %s", strerror(errno));
}

bool reader_compose(struct reader *reader, const struct reader_composition *composition, const struct result *result,
		    struct error *error)
{
	struct invisible_text text = { 0 };
	struct buffer request = { 0 };
	struct result unused = { 0 };
	struct answer answer = { .pages = "", .composition = composition, .result = &unused };
	bool done = reader_check_document(reader, composition->descriptor, error) &&
		    invisible_text_make(&text, result, error);
	if (done)
		write_request(composition, &reader->limits, result, &text, &request);
	invisible_text_free(&text);
	done = done && reader_converse(reader, FRAME_COMPOSE, &request, composition->descriptor, &answer, error);
	buffer_free(&request);
	result_free_pages(&unused);
	return done;
}
