/* Content Security Policy Level 3, hash sources: the Base64 of the SHA-256 of an element's text. */
#include "common/http/page.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

bool page_hash(const char *text, size_t length, char source[static PAGE_SOURCE_SIZE], struct error *error)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int sum_bytes = 0;
	char base64[48];
	if (!EVP_Digest(text, length, sum, &sum_bytes, EVP_sha256(), NULL) ||
	    EVP_EncodeBlock((unsigned char *)base64, sum, (int)sum_bytes) != 44)
		return error_set(error, ERROR_INTERNAL, "OpenSSL has no SHA-256");
	(void)snprintf(source, PAGE_SOURCE_SIZE, "'sha256-%s'", base64);
	return true;
}

/* That of the page's only element of that name. */
static bool hash_element(const char *html, const char *open, const char *close, char source[static PAGE_SOURCE_SIZE],
			 struct error *error)
{
	const char *begin = strstr(html, open);
	const char *end = begin ? strstr(begin, close) : NULL;
	if (!end)
		return error_set(error, ERROR_INTERNAL, "the page has no %s", open);
	begin += strlen(open);
	return page_hash(begin, (size_t)(end - begin), source, error);
}

bool page_policy(const char *html, char policy[static PAGE_POLICY_SIZE], struct error *error)
{
	char script[PAGE_SOURCE_SIZE], style[PAGE_SOURCE_SIZE];
	if (!hash_element(html, "<script>", "</script>", script, error) ||
	    !hash_element(html, "<style>", "</style>", style, error))
		return false;
	(void)snprintf(policy, PAGE_POLICY_SIZE,
		       "default-src 'none'; script-src %s; style-src %s; connect-src 'self'; img-src data:; base-uri 'none'; "
		       "form-action 'none'; frame-ancestors 'none'",
		       script, style);
	return true;
}
