/*
 * Outgoing HTTP by libcurl: GET into a descriptor with limits, and a client's settings shared by object storage and
 * https: documents. One struct http serves one thread and keeps its connections open between requests.
 */
#ifndef FILOT_HTTP_H
#define FILOT_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

struct http;

struct http_limits {
	int64_t connect_ms;
	int64_t total_ms;
	int64_t stall_ms; /* less than 1 KiB/s for so long ends it */
	int64_t body_bytes;
};

/* AWS Signature Version 4 by libcurl (CURLOPT_AWS_SIGV4). NULL pointers: unsigned. */
struct http_signature {
	const char *access_key, *secret_key, *region, *service;
};

struct http_request {
	const char *method; /* GET, HEAD, PUT, POST, DELETE */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const struct http_signature *signature; /* or NULL */
	int upload; /* descriptor whose bytes from its position on are the body, -1: none (or `body`) */
	int64_t upload_bytes;
	const char *body; /* body from memory, or NULL */
	int64_t body_length;
	int download; /* descriptor that gets a 2xx body, -1: http_response.body gets it */
	bool follow_redirects; /* at most 5, each checked like the first */
	bool public_addresses_only; /* refuse loopback, link-local, private, multicast … at connect time, so also after
				       redirects and for names that resolve there: ERROR_FORBIDDEN_URI */
	bool https_only;
	struct http_limits limits;
};

struct http_response {
	long status; /* 0: no answer */
	int64_t bytes; /* of the body */
	char content_type[128];
	char etag[128];
	char date[64];
	struct buffer body; /* when not downloaded to a descriptor, and error bodies (at most 64 KiB); the caller frees */
	char sha256[65]; /* of a downloaded body */
};

/* Once in a process, before threads start. */
bool http_setup(struct error *error);

struct http *http_new(struct error *error);
void http_free(struct http *http);

/*
 * Does one request. True whenever an answer came, whatever its status. False with ERROR_STORAGE_UNAVAILABLE (no answer:
 * the message says host and why, never credentials or query), ERROR_TIMEOUT, ERROR_TOO_LARGE, ERROR_FORBIDDEN_URI.
 */
bool http_send(struct http *http, const struct http_request *request, struct http_response *response,
	       struct error *error);

/* True for an address that public_addresses_only lets through. `address` is numeric, IPv4 or IPv6. */
bool http_address_is_public(const char *address);

#endif
