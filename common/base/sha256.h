/* SHA-256 as lower case hexadecimal text, over bytes at once or piece by piece (OpenSSL's EVP). */
#ifndef FILOT_SHA256_H
#define FILOT_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

#define SHA256_HEX_SIZE 65

struct sha256; /* one running sum */

struct sha256 *sha256_new(struct error *error);
bool sha256_add(struct sha256 *sum, const void *bytes, size_t length);
/* Writes the sum of all added bytes and frees `sum`. False when OpenSSL failed. */
bool sha256_finish(struct sha256 *sum, char hex[static SHA256_HEX_SIZE]);
void sha256_free(struct sha256 *sum); /* NULL is fine */

bool sha256_of(const void *bytes, size_t length, char hex[static SHA256_HEX_SIZE]);

/* Sum and length of everything that `descriptor` gives from its position on, at most `most_bytes` (else ERROR_TOO_LARGE). */
bool sha256_of_descriptor(int descriptor, int64_t most_bytes, char hex[static SHA256_HEX_SIZE], int64_t *length,
			  struct error *error);

/* A sum's 32 bytes as text. */
void sha256_hex(const unsigned char *digest, char hex[static SHA256_HEX_SIZE]);

/* True for 64 hexadecimal digits of either case. */
bool sha256_valid(const char *hex);

#endif
