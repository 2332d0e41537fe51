/* Content Security Policy Level 3, hash sources: the Base64 of the SHA-256 of an element's text. */
#include "common/http/page.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* "'sha256-BASE64'" of the text of the page's only element of that name. */
static bool hash_element(const char *html, const char *open, const char *close, char source[static 64], struct error *error)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int sum_bytes = 0;
	char base64[48];
	const char *begin = strstr(html, open);
	const char *end = begin ? strstr(begin, close) : NULL;
	if (!end)
		return error_set(error, ERROR_INTERNAL, "the page has no %s", open);
	begin += strlen(open);
	if (!EVP_Digest(begin, (size_t)(end - begin), sum, &sum_bytes, EVP_sha256(), NULL) ||
	    EVP_EncodeBlock((unsigned char *)base64, sum, (int)sum_bytes) != 44)
		return error_set(error, ERROR_INTERNAL, "OpenSSL has no SHA-256");
	(void)snprintf(source, 64, "'sha256-%s'", base64);
	return true;
}

bool page_policy(const char *html, char policy[static PAGE_POLICY_SIZE], struct error *error)
{
	char script[64], style[64];
	if (!hash_element(html, "<script>", "</script>", script, error) ||
	    !hash_element(html, "<style>", "</style>", style, error))
		return false;
	(void)snprintf(policy, PAGE_POLICY_SIZE,
		       "default-src 'none'; script-src %s; style-src %s; connect-src 'self'; img-src data:; base-uri 'none'; "
		       "form-action 'none'; frame-ancestors 'none'",
		       script, style);
	return true;
}
