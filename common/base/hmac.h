/* HMAC-SHA256 (RFC 2104, FIPS 198-1) by OpenSSL, and the comparison that takes as long for any two sums. */
#ifndef FILOT_HMAC_H
#define FILOT_HMAC_H

#include <stdbool.h>
#include <stddef.h>

#define HMAC_SHA256_BYTES 32
#define HMAC_SHA256_HEX_SIZE 65

struct hmac_piece {
	const void *bytes;
	size_t length;
};

/* Of the pieces one after another. False when OpenSSL fails (no memory). */
bool hmac_sha256(const void *key, size_t key_length, const struct hmac_piece *pieces, size_t count,
		 unsigned char sum[static HMAC_SHA256_BYTES]);

/* The same as lower case hexadecimal text. */
bool hmac_sha256_hex(const void *key, size_t key_length, const struct hmac_piece *pieces, size_t count,
		     char hex[static HMAC_SHA256_HEX_SIZE]);

/* True when both have these bytes; the time tells nothing about where they differ. */
bool hmac_equal(const void *one, const void *other, size_t length);

#endif
