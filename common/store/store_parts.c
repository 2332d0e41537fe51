/*
 * Multipart uploads. What makes them safe to try again: a part sent twice is one part, and a completion whose answer was
 * lost is looked up by the object itself.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/store/sigv4.h"
#include "common/store/store_private.h"

#define PART_LEAST_BYTES (INT64_C(8) << 20)
#define PARTS_MOST 10000
#define UPLOAD_ID_SIZE 1024
#define ABORTS_MOST 1000 /* of one key; S3 lists so many at once */

struct store_parts {
	struct store *store;
	char *bucket, *key;
	char id[UPLOAD_ID_SIZE];
	struct buffer list; /* <Part>… of those that are up */
	int64_t bytes;
	int count;
	bool begun, complete;
};

int64_t store_part_bytes(int64_t object_bytes)
{
	int64_t least = object_bytes / PARTS_MOST + 1;
	return least <= PART_LEAST_BYTES ? PART_LEAST_BYTES :
					   (least + PART_LEAST_BYTES - 1) / PART_LEAST_BYTES * PART_LEAST_BYTES;
}

/* One request without a body of bytes; the answer's XML is in response->body. */
static bool ask(struct store_parts *parts, const char *method, const char *query, const char *content_type,
		const char *body, struct http_response *response, struct error *error)
{
	return store_send(parts->store, parts->bucket, parts->key,
			  &(const struct operation){ .method = method,
						     .query = query,
						     .content_type = content_type,
						     .payload_sha256 = EMPTY_SHA256,
						     .upload = -1,
						     .body = body,
						     .download = -1 },
			  response, error);
}

struct store_parts *store_parts_begin(struct store *store, const char *bucket, const char *key, const char *content_type,
				      struct error *error)
{
	struct http_response response = { 0 };
	if (!store_key_valid(key, error))
		return NULL;
	struct store_parts *parts = calloc(1, sizeof *parts);
	if (parts) {
		parts->store = store;
		parts->bucket = strdup(bucket ? bucket : store_bucket(store));
		parts->key = strdup(key);
	}
	if (!parts || !parts->bucket || !parts->key) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "object storage: no memory for an upload");
	} else if (ask(parts, "POST", "uploads=", content_type ? content_type : "application/octet-stream", "", &response,
		       error)) {
		(void)store_xml_text(response.body.data, "UploadId", parts->id, sizeof parts->id);
		parts->begun = parts->id[0] && strlen(parts->id) < sizeof parts->id - 1;
		if (!parts->begun)
			(void)error_set(error, ERROR_INTERNAL, "POST r2://%s/%.200s: no upload id in the answer",
					parts->bucket, key);
	}
	buffer_free(&response.body);
	if (parts && parts->begun)
		return parts;
	store_parts_free(parts);
	return NULL;
}

/* "…uploadId=ID", encoded. `before` holds what sorts before it. */
static bool write_query(const char *before, const char *id, struct buffer *query, struct error *error)
{
	buffer_printf(query, "%suploadId=", before);
	buffer_append_uri(query, id, false);
	return !query->failed || error_set(error, ERROR_OUT_OF_MEMORY, "object storage: no memory for a request");
}

/* An ETag goes into XML: S3's are hexadecimal digits, maybe with '-', in quotes. */
static bool etag_is_plain(const char *etag)
{
	return *etag && strcspn(etag, "<>&") == strlen(etag);
}

bool store_parts_put(struct store_parts *parts, int descriptor, int64_t bytes, struct error *error)
{
	char number[40];
	struct buffer query = { 0 };
	struct http_response response = { 0 };
	if (parts->count >= PARTS_MOST)
		return error_set(error, ERROR_TOO_LARGE, "r2://%s/%.200s: more than %d parts", parts->bucket, parts->key,
				 PARTS_MOST);
	(void)snprintf(number, sizeof number, "partNumber=%d&", parts->count + 1);
	bool done = write_query(number, parts->id, &query, error) &&
		    store_send(parts->store, parts->bucket, parts->key,
			       &(const struct operation){ .method = "PUT",
							  .query = query.data,
							  .payload_sha256 = "UNSIGNED-PAYLOAD",
							  .upload = descriptor,
							  .upload_bytes = bytes,
							  .download = -1 },
			       &response, error);
	if (done && !etag_is_plain(response.etag))
		done = error_set(error, ERROR_INTERNAL, "PUT r2://%s/%.200s: a part's answer has no ETag", parts->bucket,
				 parts->key);
	if (done) {
		parts->count++;
		parts->bytes += bytes;
		buffer_printf(&parts->list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", parts->count,
			      response.etag);
	}
	buffer_free(&query);
	buffer_free(&response.body);
	return done;
}

/* The upload is not known any more: it was completed when the object is there with all its bytes. */
static bool was_completed(struct store_parts *parts)
{
	struct store_object object;
	struct error ignored;
	return store_head(parts->store, parts->bucket, parts->key, &object, &ignored) && object.bytes == parts->bytes;
}

bool store_parts_complete(struct store_parts *parts, struct error *error)
{
	char code[64];
	struct buffer query = { 0 }, body = { 0 };
	struct http_response response = { 0 };
	buffer_printf(&body, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">%s"
			     "</CompleteMultipartUpload>", parts->list.data ? parts->list.data : "");
	bool done = false;
	if (body.failed || parts->list.failed) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "object storage: no memory for a request");
		goto out;
	}
	done = write_query("", parts->id, &query, error) &&
	       ask(parts, "POST", query.data, "application/xml", body.data, &response, error);
	/* S3 answers 200 before it knows: the failure is then in the body. */
	if (done && response.body.data && strstr(response.body.data, "<Error>")) {
		(void)store_xml_text(response.body.data, "Code", code, sizeof code);
		done = error_set(error, store_code_of_status(500, code), "POST r2://%s/%.200s: %s", parts->bucket,
				 parts->key, code);
	}
	if (!done && error->code == ERROR_NOT_FOUND && was_completed(parts))
		done = true;
	parts->complete = done;
out:
	buffer_free(&query);
	buffer_free(&body);
	buffer_free(&response.body);
	return done;
}

static bool abort_upload(struct store *store, const char *bucket, const char *key, const char *id, struct error *error)
{
	struct buffer query = { 0 };
	struct http_response response = { 0 };
	bool done = write_query("", id, &query, error) &&
		    store_send(store, bucket, key,
			       &(const struct operation){ .method = "DELETE",
							  .query = query.data,
							  .payload_sha256 = EMPTY_SHA256,
							  .upload = -1,
							  .download = -1 },
			       &response, error);
	buffer_free(&query);
	buffer_free(&response.body);
	return done || error->code == ERROR_NOT_FOUND;
}

void store_parts_free(struct store_parts *parts)
{
	struct error error = { 0 };
	if (!parts)
		return;
	if (parts->begun && !parts->complete &&
	    !abort_upload(parts->store, parts->bucket, parts->key, parts->id, &error))
		log_warning("upload_not_aborted", log_failure(&error));
	buffer_free(&parts->list);
	free(parts->bucket);
	free(parts->key);
	free(parts);
}

bool store_parts_abort_all(struct store *store, const char *bucket, const char *key, struct error *error)
{
	char listed[3 * 1024 + 64], id[UPLOAD_ID_SIZE];
	struct buffer query = { 0 };
	struct http_response response = { 0 };
	if (!store_key_valid(key, error))
		return false;
	bucket = bucket ? bucket : store_bucket(store);
	buffer_append_string(&query, "prefix=");
	buffer_append_uri(&query, key, false);
	buffer_append_string(&query, "&uploads=");
	bool done = query.failed ? error_set(error, ERROR_OUT_OF_MEMORY, "object storage: no memory for a request") :
				   store_send(store, bucket, "",
					      &(const struct operation){ .method = "GET",
									 .query = query.data,
									 .payload_sha256 = EMPTY_SHA256,
									 .upload = -1,
									 .download = -1 },
					      &response, error);
	/* Keys of ours have no character that XML escapes; of the others, which only begin like ours, none is touched. */
	const char *at = response.body.data;
	for (int count = 0; done && at && count < ABORTS_MOST; count++) {
		const char *upload = strstr(at, "<Upload>");
		at = upload ? strstr(upload, "</Upload>") : NULL;
		if (at && store_xml_text(upload, "Key", listed, sizeof listed) && strcmp(listed, key) == 0 &&
		    store_xml_text(upload, "UploadId", id, sizeof id))
			done = abort_upload(store, bucket, key, id, error);
	}
	buffer_free(&query);
	buffer_free(&response.body);
	return done;
}
