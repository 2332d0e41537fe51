/* SHA-256 through OpenSSL. */
#include "common/base/sha256.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* EVP_MD_CTX under a name of ours, so that callers need no OpenSSL header. */
struct sha256 *sha256_new(struct error *error)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(context);
		(void)error_set(error, ERROR_INTERNAL, "SHA-256: OpenSSL refused");
		return NULL;
	}
	return (struct sha256 *)context;
}

bool sha256_add(struct sha256 *sum, const void *bytes, size_t length)
{
	return EVP_DigestUpdate((EVP_MD_CTX *)sum, bytes, length) == 1;
}

void sha256_hex(const unsigned char *digest, char hex[static SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t index = 0; index < 32; index++) {
		hex[2 * index] = digits[digest[index] >> 4];
		hex[2 * index + 1] = digits[digest[index] & 15];
	}
	hex[64] = '\0';
}

bool sha256_finish(struct sha256 *sum, char hex[static SHA256_HEX_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	bool done = EVP_DigestFinal_ex((EVP_MD_CTX *)sum, digest, NULL) == 1;
	if (done)
		sha256_hex(digest, hex);
	sha256_free(sum);
	return done;
}

void sha256_free(struct sha256 *sum)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)sum);
}

bool sha256_of(const void *bytes, size_t length, char hex[static SHA256_HEX_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	sha256_hex(digest, hex);
	return true;
}

bool sha256_of_descriptor(int descriptor, int64_t most_bytes, char hex[static SHA256_HEX_SIZE], int64_t *length,
			  struct error *error)
{
	struct sha256 *sum = sha256_new(error);
	if (!sum)
		return false;
	*length = 0;
	for (;;) {
		char bytes[65536];
		ssize_t count = read(descriptor, bytes, sizeof bytes);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0) {
			sha256_free(sum);
			return error_set(error, ERROR_INTERNAL, "reading: %s", strerror(errno));
		}
		if (count == 0)
			break;
		*length += count;
		if (*length > most_bytes) {
			sha256_free(sum);
			return error_set(error, ERROR_TOO_LARGE, "more than %lld bytes", (long long)most_bytes);
		}
		if (!sha256_add(sum, bytes, (size_t)count)) {
			sha256_free(sum);
			return error_set(error, ERROR_INTERNAL, "SHA-256: OpenSSL refused");
		}
	}
	return sha256_finish(sum, hex) || error_set(error, ERROR_INTERNAL, "SHA-256: OpenSSL refused");
}

bool sha256_valid(const char *hex)
{
	return strspn(hex, "0123456789abcdefABCDEF") == 64 && hex[64] == '\0';
}
