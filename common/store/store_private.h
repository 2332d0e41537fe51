/* Shared by store.c, store_parts.c and fetch.c: a request, and a signed one. */
#ifndef FILOT_STORE_PRIVATE_H
#define FILOT_STORE_PRIVATE_H

#include "common/store/store.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* What differs between the operations. */
struct operation {
	const char *method;
	const char *query; /* as in sigv4.h, or NULL */
	const char *content_type; /* or NULL */
	const char *payload_sha256;
	const char *header; /* one more, or NULL */
	int upload;
	int64_t upload_bytes;
	const char *body; /* a string, or NULL */
	int download;
};

/* http_send, for which a server that gives no answer is ERROR_STORAGE_UNAVAILABLE. */
bool store_http_send(struct http *http, const struct http_request *request, struct http_response *response,
		     struct error *error);

/* `key` may be "": the bucket itself (then with a query). The caller frees response->body, on failure too. */
bool store_send(struct store *store, const char *bucket, const char *key, const struct operation *operation,
		struct http_response *response, struct error *error);

/* What an S3 error is of ours. */
enum error_code store_code_of_status(long status, const char *s3_code);

/*
 * Copies the first <name>text</name> of S3's XML, cut to its room, "" when there is none; control characters become spaces.
 * Returns where it ends, NULL when there is none.
 */
const char *store_xml_text(const char *xml, const char *name, char *text, size_t size);

#endif
