/*
 * Presigned URLs: AWS Signature Version 4 in the query string, for one header (host) and an unsigned payload.
 * Source: AWS S3 API reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
 * (Requests with headers are signed by libcurl, see http.h; it has no presigned URLs.)
 */
#ifndef FILOT_SIGV4_H
#define FILOT_SIGV4_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

struct sigv4_request {
	const char *method;
	const char *origin; /* "https://host" or "http://host:port", without a '/' at its end */
	const char *path;   /* percent-encoded by buffer_append_uri, begins with '/' */
	const char *query;  /* further parameters "a=1&b=": encoded, sorted, names in lower case; NULL: none */
	const char *access_key, *secret_key, *region;
	int64_t time_unix_s;
	int64_t expires_s;
};

/* Appends origin, path and the signed query to `url`. */
bool sigv4_presign(const struct sigv4_request *request, struct buffer *url, struct error *error);

#endif
