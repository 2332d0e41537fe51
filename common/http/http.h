/*
 * Outgoing HTTP by libcurl: requests with limits, from and into memory or descriptors, shared by object storage and
 * https: documents. One struct http serves one thread and keeps its connections open between requests.
 *
 * TLS is always verified, against the system's authorities or those of the environment: SSL_CERT_FILE (a PEM file, also
 * read from CURL_CA_BUNDLE) and SSL_CERT_DIR, as curl and OpenSSL have it. Proxies of the environment (https_proxy …) are
 * used except where public_addresses_only or no_proxy is set.
 */
#ifndef FILOT_HTTP_H
#define FILOT_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/sha256.h"

struct http;

#define HTTP_WHERE_SIZE 300

/* A member that is 0 takes its default: connect 10 s, total 10 min, stall 30 s, body 512 MiB. */
struct http_limits {
	int64_t connect_ms; /* name lookup, TCP and TLS */
	int64_t total_ms; /* all tries and the waits between them */
	int64_t stall_ms; /* less than 1 KiB/s for so long ends a try; counted in whole seconds, rounded up */
	int64_t body_bytes;
};

/*
 * AWS Signature Version 4 by libcurl (CURLOPT_AWS_SIGV4). The URL's path must be percent-encoded already as S3's canonical
 * form demands, without "." and ".." as segments (curl would resolve them, and from 8.14 on signs nothing when told not to),
 * and there must be no query; give an x-amz-content-sha256 header. Signed requests follow no redirects.
 */
struct http_signature {
	const char *access_key, *secret_key, *region, *service;
};

struct http_request {
	const char *method; /* GET, HEAD, PUT, POST, DELETE */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const struct http_signature *signature; /* or NULL */
	int upload; /* seekable descriptor whose bytes from its position on are the body, -1: none (or `body`) */
	int64_t upload_bytes;
	const char *body; /* body from memory, or NULL */
	int64_t body_length;
	int download; /* descriptor that gets a 2xx body (emptied again when it failed), -1: http_response.body gets it */
	bool follow_redirects; /* at most 5, each checked like the first */
	bool public_addresses_only; /* refuse loopback, link-local, private, multicast … at connect time, so also after
				       redirects and for names that resolve there: ERROR_FORBIDDEN_URI */
	bool https_only; /* also after redirects: ERROR_FORBIDDEN_URI */
	bool no_proxy; /* for what only this machine can reach */
	/*
	 * Tries, when one fails in transit or with 429, 500, 502, 503 or 504 (0: 1). Between them: exponential backoff with
	 * jitter, or Retry-After when that is longer; no further try when the wait would end after limits.total_ms.
	 */
	int attempts;
	struct http_limits limits;
};

struct http_response {
	long status; /* 0: no answer */
	int64_t bytes; /* of the body; the announced length (-1: none) for HEAD */
	char content_type[128];
	char etag[128];
	char date[64];
	int64_t retry_after_ms; /* Retry-After, at most a day; 0: not given */
	struct buffer body; /* when not downloaded to a descriptor, and error bodies (at most 64 KiB); the caller frees */
	char sha256[SHA256_HEX_SIZE]; /* of a 2xx body */
};

/* Once in a process, before threads start. */
bool http_setup(struct error *error);

struct http *http_new(struct error *error);

/* The same for one server, whose URL is a setting's value: ERROR_CONFIG when it is none. `where` is its name in messages. */
struct http *http_new_for(const char *url, const char *setting, char where[static HTTP_WHERE_SIZE], struct error *error);

void http_free(struct http *http); /* NULL is fine */

/*
 * Does one request. True whenever an answer came, whatever its status. False (and *response empty) with
 * ERROR_UNAVAILABLE (no answer, or the certificate does not verify), ERROR_TIMEOUT, ERROR_TOO_LARGE,
 * ERROR_FORBIDDEN_URI (an address, scheme or number of redirects that is not allowed), ERROR_BAD_JOB (not a URL, or one with
 * a user or password in it), ERROR_INTERNAL (a descriptor could not be read or written), ERROR_CONFIG (CA file).
 * Messages name scheme, host and port only: no credentials, path or query.
 */
bool http_send(struct http *http, const struct http_request *request, struct http_response *response,
	       struct error *error);

/* Writes "scheme://host:port" of a URL for messages ("?" when it is none); returns `where`. */
char *http_where(const char *url, char where[static HTTP_WHERE_SIZE]);

/*
 * True for an address that public_addresses_only lets through. `address` is numeric, IPv4 or IPv6. Source: IANA's IPv4 and
 * IPv6 Special-Purpose Address Registries (RFC 6890). IPv4 inside IPv6 (mapped, NAT64) is judged as that IPv4.
 */
bool http_address_is_public(const char *address);

/* The same for a socket address; false for any family but AF_INET and AF_INET6. */
struct sockaddr;
bool http_sockaddr_is_public(const struct sockaddr *address);

#endif
