/* Presigned URLs. */
#include "common/store/sigv4.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/hmac.h"
#include "common/base/sha256.h"

/* HMAC(HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), "s3"), "aws4_request"), text), in hexadecimal. */
static bool sign(const struct sigv4_request *request, const char *date, const char *text,
		 char hex[static SHA256_HEX_SIZE])
{
	const char *const steps[] = { date, request->region, "s3", "aws4_request", text };
	unsigned char digest[HMAC_SHA256_BYTES];
	struct buffer key = { 0 };
	buffer_append_string(&key, "AWS4");
	buffer_append_string(&key, request->secret_key);
	bool done = !key.failed;
	for (size_t step = 0; done && step < sizeof steps / sizeof *steps; step++) {
		const struct hmac_piece piece = { steps[step], strlen(steps[step]) };
		done = hmac_sha256(step ? (const char *)digest : key.data, step ? sizeof digest : key.length, &piece, 1, digest);
	}
	if (done)
		sha256_hex(digest, hex);
	if (key.data)
		OPENSSL_cleanse(key.data, key.length);
	OPENSSL_cleanse(digest, sizeof digest);
	buffer_free(&key);
	return done;
}

bool sigv4_presign(const struct sigv4_request *request, struct buffer *url, struct error *error)
{
	char time[32], date[16], sum[SHA256_HEX_SIZE], signature[SHA256_HEX_SIZE];
	struct buffer scope = { 0 }, query = { 0 }, canonical = { 0 }, text = { 0 };
	struct tm utc;
	time_t now = (time_t)request->time_unix_s;
	bool done = false;
	if (!gmtime_r(&now, &utc) || !strftime(time, sizeof time, "%Y%m%dT%H%M%SZ", &utc) ||
	    !strftime(date, sizeof date, "%Y%m%d", &utc))
		return error_set(error, ERROR_INTERNAL, "presigned URL: not a time: %lld", (long long)now);
	buffer_printf(&scope, "%s/%s/s3/aws4_request", date, request->region);

	/* The parameters stand in the order of their names, as the canonical form wants them: lower case after "X-". */
	buffer_append_string(&query, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
	buffer_append_uri(&query, request->access_key, false);
	buffer_append_string(&query, "%2F");
	buffer_append_uri(&query, scope.failed ? "" : scope.data, false);
	buffer_printf(&query, "&X-Amz-Date=%s&X-Amz-Expires=%lld&X-Amz-SignedHeaders=host%s%s", time,
		      (long long)request->expires_s, request->query ? "&" : "", request->query ? request->query : "");

	const char *host = strstr(request->origin, "://");
	if (query.failed || scope.failed)
		goto out;
	buffer_printf(&canonical, "%s\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", request->method, request->path,
		      query.data, host ? host + 3 : request->origin);
	if (canonical.failed || !sha256_of(canonical.data, canonical.length, sum))
		goto out;
	buffer_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", time, scope.data, sum);
	if (text.failed || !sign(request, date, text.data, signature))
		goto out;
	buffer_printf(url, "%s%s?%s&X-Amz-Signature=%s", request->origin, request->path, query.data, signature);
	done = !url->failed;
out:
	buffer_free(&scope);
	buffer_free(&query);
	buffer_free(&canonical);
	buffer_free(&text);
	return done || error_set(error, ERROR_OUT_OF_MEMORY, "presigned URL: no memory, or OpenSSL refused");
}
