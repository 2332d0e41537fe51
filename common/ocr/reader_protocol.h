/*
 * What a worker and its reader child say to each other, over one stream socket (the child's standard input).
 *
 * A frame is a 4-byte little-endian payload length, one type byte, and the payload. The parent sends a request; with
 * FRAME_READ comes the document's descriptor as SCM_RIGHTS ancillary data of the frame's first byte. The child answers
 * with one FRAME_COUNT, any number of FRAME_PAGE (or FRAME_LAYOUT, if the request has heights, for a page that is to be read
 * by them; before each its FRAME_IMAGE, if the request wants them), then one FRAME_DONE or FRAME_ERROR. FRAME_COMPOSE,
 * which comes with the document as well, is answered with the bytes of a searchable PDF (compose.h) in any number of
 * FRAME_BYTES before those. Payloads are JSON objects, but for FRAME_LAYOUT, FRAME_IMAGE and FRAME_BYTES:
 *
 *   FRAME_LOAD   {"lang":"eng","heights":[36,…]}     -> FRAME_DONE | FRAME_ERROR; "heights" as of the requests to come
 *   FRAME_READ   {"lang":…,"pages":…|null,"dpi":0,"psm":3,"rotate":-1,"improve":7,
 *                 "pdf_text":"auto|never|only","password":…|null,
 *                 "heights":[36,…], (images of lines for networks of these heights, to be read by the parent)
 *                 "images":true, (of the pages; left out when not wanted)
 *                 "limits":{"pages":…,"page_pixels":…,"document_bytes":…,"result_bytes":…,"processor_ms":…}}
 *   FRAME_COMPOSE {"password":…|null,"limits":{…},"characters":N,"unicode":LENGTH,"pages":[{"page":1,"width":…,
 *                 "height":…,"dpi":…,"text":LENGTH},…]}, then the CMap and the pages' streams (invisible_text.h)
 *   FRAME_COUNT  {"pages":7} (that will come)
 *   FRAME_PAGE   a page object (page.h)
 *   FRAME_LAYOUT struct frame_layout, then a layout (layout.h)
 *   FRAME_IMAGE  struct frame_image, then a PNG or JPEG (page_image.h)
 *   FRAME_DONE   {"engine":{"backend":"tesseract","model":"eng","model_sha256":…,"version":"5.3.0"},"rss_bytes":…}
 *   FRAME_ERROR  {"code":"corrupt_document","message":…,"page":0}
 *
 * The child trusts the parent; the parent trusts nothing that comes back. Memory and descriptor limits are set by the
 * child on itself from its command line (--memory-bytes N --tessdata DIR) before it reads its first frame; each document
 * is read in a process forked from it (cmd/filot-reader/child.h), which gets the same FRAME_READ from it, and it ends as
 * that one when that one dies. The child ends when its socket ends. When it runs out of memory beyond saying so in a
 * FRAME_ERROR, it ends with the status READER_EXIT_OUT_OF_MEMORY.
 */
#ifndef FILOT_READER_PROTOCOL_H
#define FILOT_READER_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/ocr/turn.h"

enum frame_type {
	FRAME_LOAD = 'L',
	FRAME_READ = 'R',
	FRAME_COMPOSE = 'C',
	FRAME_COUNT = 'N',
	FRAME_PAGE = 'P',
	FRAME_LAYOUT = 'Y',
	FRAME_IMAGE = 'I',
	FRAME_BYTES = 'B',
	FRAME_DONE = 'D',
	FRAME_ERROR = 'E'
};

/* How a FRAME_LAYOUT begins. */
struct frame_layout {
	int32_t page, text_layer_fault; /* the latter as struct page has it */
	int64_t decode_ms, layout_ms;
	struct turn turn; /* from the layout's page to the page as given */
};

#define READER_EXIT_OUT_OF_MEMORY 12 /* ENOMEM */

#define FRAME_LONGEST_BYTES (256 * 1024 * 1024)
#define FRAME_LONGEST_PIECE_BYTES (1024 * 1024) /* of a FRAME_BYTES */

/*
 * Sends a frame, with `descriptor` unless it is -1. ERROR_UNAVAILABLE when the peer is gone, ERROR_TIMEOUT when it takes
 * nothing for the socket's SO_SNDTIMEO, ERROR_TOO_LARGE for more than FRAME_LONGEST_BYTES.
 */
bool frame_send(int socket, enum frame_type type, const void *payload, size_t length, int descriptor,
		struct error *error);

/*
 * Receives a frame into `payload` (cleared first). Waits until `deadline_ms` on the monotonic clock (0: for ever), then
 * ERROR_TIMEOUT. The peer's end is ERROR_UNAVAILABLE; a length above `longest` ERROR_TOO_LARGE, found before its bytes
 * are read; one above FRAME_LONGEST_BYTES or an unknown type ERROR_INTERNAL. After any failure the socket is of no use.
 * `interrupt` (a descriptor, -1: none) becoming readable ends the wait with ERROR_TRY_AGAIN. A descriptor that came
 * along is put into *descriptor when that is not NULL (else closed), -1 when none came.
 */
bool frame_receive(int socket, enum frame_type *type, struct buffer *payload, size_t longest, int64_t deadline_ms,
		   int interrupt, int *descriptor, struct error *error);

/* What became of a frame that was passed on; *error says why in the last two cases. */
enum frame_relayed { FRAME_RELAYED, FRAME_SENDER_ENDED, FRAME_RECEIVER_ENDED };

/*
 * Passes one frame from a socket to another, in pieces, none of which stays in memory. A sender that sends no frame counts
 * as one that ended.
 */
enum frame_relayed frame_relay(int from, int to, enum frame_type *type, struct error *error);

#endif
