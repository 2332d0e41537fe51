/*
 * Object storage by the S3 API (Cloudflare R2 and any other): objects by path-style URLs, AWS Signature Version 4.
 * One struct store serves one thread. Keys are any UTF-8; they are percent-encoded here as S3's canonical form demands.
 * Source: AWS "Signature Version 4 signing process", S3 API reference.
 */
#ifndef FILOT_STORE_H
#define FILOT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/http/http.h"

struct store_settings {
	const char *endpoint; /* https://ACCOUNT.r2.cloudflarestorage.com, http://127.0.0.1:9000 */
	const char *access_key, *secret_key;
	const char *bucket; /* the default bucket */
	const char *region; /* NULL: "auto" */
	int attempts; /* tries for a request that failed in transit or with 429, 500, 502, 503, 504; 0: 3 */
	struct http_limits limits; /* 0 members: http.h's defaults */
};

struct store;

struct store_object {
	int64_t bytes;
	char etag[128];
	char content_type[128];
};

/* Copies the strings. ERROR_CONFIG: no endpoint, key or bucket, or not one. The process must have called http_setup. */
struct store *store_new(const struct store_settings *settings, struct error *error);
void store_free(struct store *store); /* NULL is fine */

/* The default bucket. */
const char *store_bucket(const struct store *store);

/* For the requests that follow. 0: as it was in the settings. */
void store_set_limits(struct store *store, int64_t body_bytes, int64_t total_ms);

/*
 * bucket NULL: the default one. Errors: ERROR_NOT_FOUND (404), ERROR_TOO_LARGE (more than limits.body_bytes),
 * ERROR_NOT_PERMITTED (401, 403; the message holds S3's code, e.g. SignatureDoesNotMatch, RequestTimeTooSkewed),
 * ERROR_STORAGE_UNAVAILABLE (no answer, 429, 5xx after all tries), ERROR_TIMEOUT, ERROR_BAD_JOB (no bucket name, or a key
 * that is empty, over 1024 bytes or not UTF-8), ERROR_CHECKSUM_MISMATCH (put: the body is not what sha256 says),
 * ERROR_CONFIG (wrong region), ERROR_INTERNAL (any other answer). Messages name bucket and key.
 *
 * store_get writes at the descriptor's position (a file is cut to that again when a try fails).
 * store_put sends `bytes` from the descriptor's position on; the descriptor must be seekable, its position stays.
 */
bool store_get(struct store *store, const char *bucket, const char *key, int descriptor, struct store_object *object,
	       char sha256[static 65], struct error *error);
bool store_get_memory(struct store *store, const char *bucket, const char *key, struct buffer *bytes,
		      struct store_object *object, struct error *error);
/* The first bytes, at most most_bytes, appended; an empty object gives none or ERROR_INTERNAL (416). */
bool store_get_start(struct store *store, const char *bucket, const char *key, int64_t most_bytes, struct buffer *bytes,
		     struct error *error);
bool store_put(struct store *store, const char *bucket, const char *key, int descriptor, int64_t bytes,
	       const char *content_type, const char *sha256 /* hex of the body, or NULL: unsigned payload */,
	       struct error *error);
bool store_head(struct store *store, const char *bucket, const char *key, struct store_object *object,
		struct error *error);
/* Within the bucket and the storage; at most 5 GiB (S3's CopyObject). ERROR_NOT_FOUND: there is no `from`. */
bool store_copy(struct store *store, const char *bucket, const char *from, const char *to, struct error *error);
bool store_delete(struct store *store, const char *bucket, const char *key, struct error *error);

/* Appends a URL by which anyone may do `method` until `expires_s` seconds from now (1 to 604,800: 7 days). */
bool store_presign(struct store *store, const char *method, const char *bucket, const char *key, int64_t expires_s,
		   struct buffer *url, struct error *error);

/* The same for a download that a browser saves under `file_name` (UTF-8) and never shows; NULL: as store_presign. */
bool store_presign_named(struct store *store, const char *method, const char *bucket, const char *key,
			 const char *file_name, int64_t expires_s, struct buffer *url, struct error *error);

/*
 * Objects of unknown or great length, in parts (S3's multipart upload). All parts but the last must have one size, which
 * some storages demand, of at least 5 MiB; there are at most 10,000: store_part_bytes gives the size for a length (8 MiB
 * up to 78 GiB, then more). The object is there when store_parts_complete says so, all at once, or never.
 * Source: S3 API reference, CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload,
 * ListMultipartUploads; R2, "Multipart uploads".
 */
struct store_parts; /* one upload; belongs to its store */

int64_t store_part_bytes(int64_t object_bytes);

struct store_parts *store_parts_begin(struct store *store, const char *bucket, const char *key, const char *content_type,
				      struct error *error);

/* The next part: `bytes` from the descriptor's position on, as store_put takes them. */
bool store_parts_put(struct store_parts *parts, int descriptor, int64_t bytes, struct error *error);

/* After a failure it is unknown whether the object is there. */
bool store_parts_complete(struct store_parts *parts, struct error *error);

/* Tells the storage to forget an upload that was not completed (a failure is only logged), and frees. NULL is fine. */
void store_parts_free(struct store_parts *parts);

/* Ends all uploads of that key that somebody began and nobody completed. */
bool store_parts_abort_all(struct store *store, const char *bucket, const char *key, struct error *error);

/* Appends "r2://bucket/key" with the key percent-encoded: the URI that a job names an object by. bucket NULL: the default. */
void store_uri(const struct store *store, const char *bucket, const char *key, struct buffer *uri);

/* True for a name that can be a bucket: 1..63 of [A-Za-z0-9._-], beginning and ending with a letter or digit. */
bool store_bucket_valid(const char *bucket);

/* ERROR_BAD_JOB unless the key is 1..1024 bytes of UTF-8. */
bool store_key_valid(const char *key, struct error *error);

#endif
