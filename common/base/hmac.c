/* OpenSSL's EVP_MAC, which is what its deprecated HMAC calls became. */
#include "common/base/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "common/base/sha256.h"

bool hmac_sha256(const void *key, size_t key_length, const struct hmac_piece *pieces, size_t count,
		 unsigned char sum[static HMAC_SHA256_BYTES])
{
	char digest[] = "SHA256";
	const OSSL_PARAM settings[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
					OSSL_PARAM_construct_end() };
	EVP_MAC *method = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = method ? EVP_MAC_CTX_new(method) : NULL;
	size_t length = 0;
	/* OpenSSL takes NULL for "the key of before", so an empty key needs an address, too. */
	bool good = context && EVP_MAC_init(context, key_length ? key : (const void *)"", key_length, settings) == 1;
	for (size_t index = 0; good && index < count; index++)
		good = !pieces[index].length || EVP_MAC_update(context, pieces[index].bytes, pieces[index].length) == 1;
	good = good && EVP_MAC_final(context, sum, &length, HMAC_SHA256_BYTES) == 1 && length == HMAC_SHA256_BYTES;
	EVP_MAC_CTX_free(context);
	EVP_MAC_free(method);
	return good;
}

bool hmac_sha256_hex(const void *key, size_t key_length, const struct hmac_piece *pieces, size_t count,
		     char hex[static HMAC_SHA256_HEX_SIZE])
{
	unsigned char sum[HMAC_SHA256_BYTES];
	if (!hmac_sha256(key, key_length, pieces, count, sum))
		return false;
	sha256_hex(sum, hex);
	return true;
}

bool hmac_equal(const void *one, const void *other, size_t length)
{
	return CRYPTO_memcmp(one, other, length) == 0;
}
