/* The parent is trusted, but its numbers are held against the frame's length all the same. */
#include "cmd/filot-reader/composing.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/filot-reader/map.h"
#include "cmd/filot-reader/memory.h"
#include "common/ocr/compose.h"
#include "common/ocr/reader_protocol.h"

struct sender {
	int socket;
	int64_t left_bytes, most_bytes;
};

static bool send_bytes(void *context, const void *bytes, size_t length, struct error *error)
{
	struct sender *sender = context;
	const char *next = bytes;
	if (length > (uint64_t)sender->left_bytes)
		return error_set(error, ERROR_TOO_LARGE, "the PDF has more than %" PRId64 " bytes", sender->most_bytes);
	sender->left_bytes -= (int64_t)length;
	while (length) {
		size_t piece = length < FRAME_LONGEST_PIECE_BYTES ? length : FRAME_LONGEST_PIECE_BYTES;
		if (!frame_send(sender->socket, FRAME_BYTES, next, piece, -1, error))
			return false;
		next += piece;
		length -= piece;
	}
	return true;
}

static int32_t number_of(const json_t *object, const char *name)
{
	return (int32_t)json_integer_value(json_object_get(object, name));
}

/* The next `length` bytes of what follows the request. */
static const char *take(const struct composing *composing, size_t *at, json_int_t length)
{
	if (length < 0 || (uint64_t)length > composing->length - *at)
		return NULL;
	const char *bytes = composing->bytes + *at;
	*at += (size_t)length;
	return bytes;
}

static bool read_request(const struct composing *composing, struct compose_request *request,
			 struct compose_page *pages, struct error *error)
{
	const json_t *list = json_object_get(composing->request, "pages");
	json_int_t unicode = json_integer_value(json_object_get(composing->request, "unicode"));
	size_t at = 0;
	request->unicode = take(composing, &at, unicode);
	request->unicode_length = (size_t)unicode;
	request->character_count = (size_t)number_of(composing->request, "characters");
	request->password = json_string_value(json_object_get(composing->request, "password"));
	bool sound = request->unicode != NULL;
	for (size_t index = 0; sound && index < request->page_count; index++) {
		const json_t *page = json_array_get(list, index);
		json_int_t length = json_integer_value(json_object_get(page, "text"));
		pages[index] = (struct compose_page){ number_of(page, "page"), number_of(page, "width"),
						      number_of(page, "height"), number_of(page, "dpi"),
						      take(composing, &at, length), (size_t)length };
		sound = pages[index].text && pages[index].width > 0 && pages[index].height > 0;
	}
	return (sound && request->page_count > 0) ||
	       error_set(error, ERROR_INTERNAL, "a request for a PDF that makes no sense");
}

bool composing_run(const struct composing *composing, int32_t *page, struct error *error)
{
	struct compose_request request = { .most_pixels = composing->limits->page_pixels };
	struct sender sender = { composing->socket, composing->limits->result_bytes, composing->limits->result_bytes };
	const struct compose_sink sink = { send_bytes, &sender };
	struct map map;
	request.page_count = json_array_size(json_object_get(composing->request, "pages"));
	struct compose_page *pages = calloc(request.page_count + 1, sizeof *pages);
	if (!pages)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a PDF");
	bool done = map_open(&map, composing->descriptor, composing->limits->document_bytes, error);
	request.pages = pages;
	request.bytes = map.bytes;
	request.length = map.length;
	done = done && read_request(composing, &request, pages, error) &&
	       media_find(map.bytes, map.length, &request.media, error) && compose(&request, &sink, page, error);
	map_close(&map);
	free(pages);
	if (!done && memory_ended())
		error_set(error, ERROR_OUT_OF_MEMORY, "no memory for this PDF");
	return done;
}
