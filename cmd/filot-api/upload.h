/*
 * A document on its way from a request to object storage. Bytes are summed and looked at as they come and kept in a memory
 * file of one part (8 MiB up to 78 GiB): a document of one part is put at once, a longer one part by part, so its length
 * costs no memory. The object is there only after upload_finish.
 */
#ifndef FILOT_API_UPLOAD_H
#define FILOT_API_UPLOAD_H

#include "common/base/sha256.h"
#include "common/ocr/media.h"
#include "common/store/store.h"

struct upload {
	struct store *store; /* NULL: the bytes are only summed */
	const char *key;
	bool (*keep)(void *context, struct error *error); /* called before each part: the upload is still wanted */
	void *context;
	/* private */
	struct sha256 *sum;
	struct store_parts *parts;
	int file;
	int64_t part_bytes, filled;
	char prefix[MEDIA_PREFIX_BYTES];
	size_t prefix_length;
	bool media_known;
	/* the answer */
	enum media media; /* once MEDIA_PREFIX_BYTES are written, or after upload_finish */
	int64_t bytes;
	char sha256[SHA256_HEX_SIZE];
};

/* The first members are the caller's; `announced` is the length, or the most it can be. */
bool upload_open(struct upload *upload, int64_t announced, struct error *error);

/* ERROR_UNSUPPORTED_FORMAT as soon as the bytes tell; ERROR_STORAGE_UNAVAILABLE …: store.h's; or what `keep` says. */
bool upload_write(struct upload *upload, const char *bytes, size_t length, struct error *error);

/* ERROR_EMPTY_DOCUMENT without bytes. */
bool upload_finish(struct upload *upload, struct error *error);

/* Tells the storage to forget what was not finished. Fine after a failed upload_open, and twice. */
void upload_close(struct upload *upload);

#endif
