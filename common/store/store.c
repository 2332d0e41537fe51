/*
 * Objects by path-style URLs: endpoint/bucket/key. libcurl signs the requests; what it signs is the path exactly as we
 * wrote it, so the key is encoded here in S3's canonical form, and the payload's sum goes along as a header of ours, so
 * that every libcurl signs the same.
 */
#include "common/store/store.h"

#include <ctype.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/json_text.h"
#include "common/http/http.h"
#include "common/store/sigv4.h"
#include "common/store/store_private.h"

#define KEY_LONGEST_BYTES 1024
#define PRESIGN_LONGEST_S (7 * 24 * 60 * 60)
#define PRESIGNED_REQUEST_S (60 * 60) /* longer than any request with its tries */
#define MEDIA_TYPE_LONGEST 255	      /* RFC 6838: 127 + 1 + 127 */

struct store {
	struct http *http;
	char *endpoint; /* scheme://host[:port][/path], no '/' at its end */
	char *origin;	/* scheme://host[:port] of it, the port only when it is not the scheme's own (as in the Host
			   header) */
	char *access_key, *secret_key, *bucket, *region;
	int attempts;
	struct http_limits settings_limits, limits;
};

bool store_bucket_valid(const char *bucket)
{
	static const char ends[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t length = strlen(bucket);
	return length >= 1 && length <= 63 && strchr(ends, bucket[0]) && strchr(ends, bucket[length - 1]) &&
	       strspn(bucket, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_") == length;
}

bool store_key_valid(const char *key, struct error *error)
{
	size_t length = strlen(key);
	if (!length)
		return error_set(error, ERROR_BAD_JOB, "an object's key must not be empty");
	if (length > KEY_LONGEST_BYTES)
		return error_set(error, ERROR_BAD_JOB, "an object's key must not have more than %d bytes",
				 KEY_LONGEST_BYTES);
	for (size_t position = 0; position < length;) {
		size_t step = json_text_utf8_length(key + position, length - position);
		if (!step)
			return error_set(error, ERROR_BAD_JOB, "an object's key must be UTF-8");
		position += step;
	}
	return true;
}

/* Splits the endpoint; http and https only, nothing after the path. */
static bool store_set_endpoint(struct store *store, const char *endpoint, struct error *error)
{
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, *query = NULL;
	bool done = false;
	CURLU *url = curl_url();
	if (!url || !strstr(endpoint, "://") || curl_url_set(url, CURLUPART_URL, endpoint, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0) ||
	    curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK ||
	    curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_OK) {
		(void)error_set(error, ERROR_CONFIG, "object storage: the endpoint must be https://host[:port]");
		goto out;
	}
	(void)curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
	store->endpoint = strndup(endpoint, uri_base_length(endpoint));
	if (asprintf(&store->origin, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "") < 0)
		store->origin = NULL;
	done = (store->endpoint && store->origin) ||
	       error_set(error, ERROR_OUT_OF_MEMORY, "no memory for an object storage client");
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_free(query);
	curl_url_cleanup(url);
	return done;
}

static bool store_check(const struct store_settings *settings, struct error *error)
{
	const struct {
		const char *name, *value;
	} needed[] = { { "endpoint", settings->endpoint },
		       { "access key", settings->access_key },
		       { "secret key", settings->secret_key },
		       { "bucket", settings->bucket } };
	for (size_t index = 0; index < sizeof needed / sizeof *needed; index++)
		if (!needed[index].value || !*needed[index].value)
			return error_set(error, ERROR_CONFIG, "object storage: the %s is not set", needed[index].name);
	if (!store_bucket_valid(settings->bucket))
		return error_set(error, ERROR_CONFIG, "object storage: \"%.64s\" cannot be a bucket's name",
				 settings->bucket);
	const char *region = settings->region;
	if (region &&
	    strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != strlen(region))
		return error_set(error, ERROR_CONFIG, "object storage: \"%.64s\" cannot be a region", region);
	return true;
}

struct store *store_new(const struct store_settings *settings, struct error *error)
{
	if (!store_check(settings, error))
		return NULL;
	struct store *store = calloc(1, sizeof *store);
	if (!store) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for an object storage client");
		return NULL;
	}
	store->access_key = strdup(settings->access_key);
	store->secret_key = strdup(settings->secret_key);
	store->bucket = strdup(settings->bucket);
	store->region = strdup(settings->region && *settings->region ? settings->region : "auto");
	store->attempts = settings->attempts > 0 ? settings->attempts : 3;
	store->limits = store->settings_limits = settings->limits;
	if (!store->access_key || !store->secret_key || !store->bucket || !store->region) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for an object storage client");
		goto failed;
	}
	if (!store_set_endpoint(store, settings->endpoint, error))
		goto failed;
	store->http = http_new(error);
	if (store->http)
		return store;
failed:
	store_free(store);
	return NULL;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	http_free(store->http);
	if (store->secret_key)
		OPENSSL_cleanse(store->secret_key, strlen(store->secret_key));
	free(store->endpoint);
	free(store->origin);
	free(store->access_key);
	free(store->secret_key);
	free(store->bucket);
	free(store->region);
	free(store);
}

const char *store_bucket(const struct store *store)
{
	return store->bucket;
}

void store_set_limits(struct store *store, int64_t body_bytes, int64_t total_ms)
{
	store->limits.body_bytes = body_bytes > 0 ? body_bytes : store->settings_limits.body_bytes;
	store->limits.total_ms = total_ms > 0 ? total_ms : store->settings_limits.total_ms;
}

/* ---- what an answer says ---- */

const char *store_xml_text(const char *xml, const char *name, char *text, size_t size)
{
	char open[32], close[32];
	text[0] = '\0';
	(void)snprintf(open, sizeof open, "<%s>", name);
	(void)snprintf(close, sizeof close, "</%s>", name);
	const char *begin = xml ? strstr(xml, open) : NULL;
	const char *end = begin ? strstr(begin, close) : NULL;
	if (!end)
		return NULL;
	begin += strlen(open);
	size_t count = 0;
	for (; begin < end && count + 1 < size; begin++)
		text[count++] = (unsigned char)*begin < ' ' || *begin == 127 ? ' ' : *begin;
	text[count] = '\0';
	return end + strlen(close);
}

enum error_code store_code_of_status(long status, const char *s3_code)
{
	static const struct {
		const char *s3_code;
		enum error_code code;
	} known[] = {
		{ "XAmzContentSHA256Mismatch", ERROR_CHECKSUM_MISMATCH },
		{ "BadDigest", ERROR_CHECKSUM_MISMATCH },
		{ "AuthorizationHeaderMalformed", ERROR_CONFIG }, /* the region */
		{ "PermanentRedirect", ERROR_CONFIG },
		{ "EntityTooLarge", ERROR_TOO_LARGE },
		{ "RequestTimeout", ERROR_TIMEOUT },
	};
	for (size_t index = 0; index < sizeof known / sizeof *known; index++)
		if (strcmp(known[index].s3_code, s3_code) == 0)
			return known[index].code;
	switch (status) {
	case 401:
	case 403:
		return ERROR_NOT_PERMITTED;
	case 404:
		return ERROR_NOT_FOUND;
	case 408:
		return ERROR_TIMEOUT;
	case 413:
		return ERROR_TOO_LARGE;
	case 429:
		return ERROR_STORAGE_UNAVAILABLE;
	default:
		return status >= 500 ? ERROR_STORAGE_UNAVAILABLE : ERROR_INTERNAL;
	}
}

/* A status outside 2xx as an error. */
static bool store_judge(const struct http_response *response, struct error *error)
{
	if (response->status >= 200 && response->status <= 299)
		return true;
	char s3_code[64], message[200];
	(void)store_xml_text(response->body.data, "Code", s3_code, sizeof s3_code);
	(void)store_xml_text(response->body.data, "Message", message, sizeof message);
	return error_set(error, store_code_of_status(response->status, s3_code), "HTTP %ld%s%s%s%s", response->status,
			 *s3_code ? " " : "", s3_code, *message ? ": " : "", message);
}

/* ---- requests ---- */

bool store_http_send(struct http *http, const struct http_request *request, struct http_response *response,
		     struct error *error)
{
	struct error why = { 0 };
	if (http_send(http, request, response, &why))
		return true;
	return error_set(error, why.code == ERROR_UNAVAILABLE ? ERROR_STORAGE_UNAVAILABLE : why.code, "%s", why.message);
}


/* store_presign with further parameters; the key is "" for the bucket itself. */
static bool presign(struct store *store, const char *method, const char *bucket, const char *key, const char *query,
		    int64_t expires_s, struct buffer *url, struct error *error)
{
	struct buffer path = { 0 };
	buffer_append_string(&path, strchrnul(strstr(store->endpoint, "://") + 3, '/'));
	buffer_printf(&path, "/%s%s", bucket, *key ? "/" : "");
	buffer_append_uri(&path, key, true);
	bool done = !path.failed && sigv4_presign(&(const struct sigv4_request){ .method = method,
										 .origin = store->origin,
										 .path = path.data,
										 .query = query,
										 .access_key = store->access_key,
										 .secret_key = store->secret_key,
										 .region = store->region,
										 .time_unix_s = clock_unix_ms() / 1000,
										 .expires_s = expires_s },
						  url, error);
	if (path.failed)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "presigned URL: no memory");
	buffer_free(&path);
	return done;
}

static bool has_dot_segment(const char *key)
{
	for (const char *segment = key;; segment++) {
		size_t length = strcspn(segment, "/");
		size_t dots = strspn(segment, ".");
		if (dots == length && (dots == 1 || dots == 2))
			return true;
		segment += length;
		if (!*segment)
			return false;
	}
}

/*
 * The URL of an object. Newer libcurls cannot sign one with "." or ".." as a segment of its key, and they differ in how
 * they sign queries (see http.h): such a request is signed in its query, as a presigned URL is, and its payload's sum is
 * not checked by the server.
 */
static bool object_url(struct store *store, const char *bucket, const char *key, const struct operation *operation,
		       bool *presigned, struct buffer *url, struct error *error)
{
	*presigned = operation->query || has_dot_segment(key);
	if (*presigned)
		return presign(store, operation->method, bucket, key, operation->query, PRESIGNED_REQUEST_S, url, error);
	buffer_printf(url, "%s/%s/", store->endpoint, bucket);
	buffer_append_uri(url, key, true);
	return !url->failed || error_set(error, ERROR_OUT_OF_MEMORY, "object storage: no memory for a request");
}

bool store_send(struct store *store, const char *bucket, const char *key, const struct operation *operation,
		struct http_response *response, struct error *error)
{
	char headers[2][320];
	const char *header_list[4] = { NULL };
	size_t header_count = 0;
	struct buffer url = { 0 };
	bool presigned;
	*response = (struct http_response){ 0 };
	bucket = bucket ? bucket : store->bucket;
	if (!store_bucket_valid(bucket))
		return error_set(error, ERROR_BAD_JOB, "\"%.64s\" cannot be a bucket's name", bucket);
	if ((*key || !operation->query) && !store_key_valid(key, error))
		return false;
	bool done = object_url(store, bucket, key, operation, &presigned, &url, error);
	if (!presigned) {
		(void)snprintf(headers[0], sizeof headers[0], "x-amz-content-sha256: %s", operation->payload_sha256);
		header_list[header_count++] = headers[0];
	}
	if (operation->content_type) {
		(void)snprintf(headers[1], sizeof headers[1], "Content-Type: %s", operation->content_type);
		header_list[header_count++] = headers[1];
	}
	if (operation->header)
		header_list[header_count++] = operation->header;
	const struct http_signature signature = { .access_key = store->access_key,
						  .secret_key = store->secret_key,
						  .region = store->region,
						  .service = "s3" };
	const struct http_request request = {
		.method = operation->method,
		.url = url.data,
		.headers = header_list,
		.signature = presigned ? NULL : &signature,
		.upload = operation->upload,
		.upload_bytes = operation->upload_bytes,
		.body = operation->body,
		.body_length = operation->body ? (int64_t)strlen(operation->body) : 0,
		.download = operation->download,
		.attempts = store->attempts,
		.limits = store->limits,
	};
	done = done && store_http_send(store->http, &request, response, error) && store_judge(response, error);
	if (!done)
		(void)error_prefix(error, "%s r2://%s/%.200s", operation->method, bucket, key);
	buffer_free(&url);
	return done;
}

/* S3 puts its ETags in quotes. */
static void object_of(const struct http_response *response, struct store_object *object)
{
	if (!object)
		return;
	const char *etag = response->etag;
	size_t length = strlen(etag);
	if (length >= 2 && etag[0] == '"' && etag[length - 1] == '"') {
		etag++;
		length -= 2;
	}
	*object = (struct store_object){ .bytes = response->bytes };
	(void)snprintf(object->etag, sizeof object->etag, "%.*s", (int)length, etag);
	(void)snprintf(object->content_type, sizeof object->content_type, "%s", response->content_type);
}

bool store_get(struct store *store, const char *bucket, const char *key, int descriptor, struct store_object *object,
	       char sha256[static 65], struct error *error)
{
	struct http_response response;
	bool done =
	    store_send(store, bucket, key,
		       &(const struct operation){
			   .method = "GET", .payload_sha256 = EMPTY_SHA256, .upload = -1, .download = descriptor },
		       &response, error);
	if (done) {
		object_of(&response, object);
		memcpy(sha256, response.sha256, sizeof response.sha256);
	}
	buffer_free(&response.body);
	return done;
}

bool store_get_memory(struct store *store, const char *bucket, const char *key, struct buffer *bytes,
		      struct store_object *object, struct error *error)
{
	struct http_response response;
	bool done = store_send(
	    store, bucket, key,
	    &(const struct operation){ .method = "GET", .payload_sha256 = EMPTY_SHA256, .upload = -1, .download = -1 },
	    &response, error);
	if (done) {
		object_of(&response, object);
		buffer_append(bytes, response.body.data, response.body.length);
		done =
		    !bytes->failed || error_set(error, ERROR_OUT_OF_MEMORY, "object storage: no memory for an object");
	}
	buffer_free(&response.body);
	return done;
}

bool store_get_start(struct store *store, const char *bucket, const char *key, int64_t most_bytes, struct buffer *bytes,
		     struct error *error)
{
	char range[64];
	struct http_response response;
	(void)snprintf(range, sizeof range, "Range: bytes=0-%lld", (long long)most_bytes - 1);
	bool done = store_send(store, bucket, key,
			       &(const struct operation){ .method = "GET",
							  .payload_sha256 = EMPTY_SHA256,
							  .header = range,
							  .upload = -1,
							  .download = -1 },
			       &response, error);
	if (done) {
		buffer_append(bytes, response.body.data, response.body.length);
		done =
		    !bytes->failed || error_set(error, ERROR_OUT_OF_MEMORY, "object storage: no memory for an object");
	}
	buffer_free(&response.body);
	return done;
}

bool store_copy(struct store *store, const char *bucket, const char *from, const char *to, struct error *error)
{
	char code[64];
	struct buffer header = { 0 };
	struct http_response response = { 0 };
	if (!store_key_valid(from, error))
		return false;
	buffer_printf(&header, "x-amz-copy-source: /%s/", bucket ? bucket : store->bucket);
	buffer_append_uri(&header, from, true);
	bool done = header.failed ? error_set(error, ERROR_OUT_OF_MEMORY, "object storage: no memory for a request") :
				    store_send(store, bucket, to,
					       &(const struct operation){ .method = "PUT",
									  .content_type = "application/octet-stream",
									  .payload_sha256 = EMPTY_SHA256,
									  .header = header.data,
									  .upload = -1,
									  .body = "",
									  .download = -1 },
					       &response, error);
	if (done && response.body.data && strstr(response.body.data, "<Error>")) { /* it may come after a 200 */
		(void)store_xml_text(response.body.data, "Code", code, sizeof code);
		done = error_set(error, store_code_of_status(500, code), "PUT r2://%s/%.200s: %s",
				 bucket ? bucket : store->bucket, to, code);
	}
	buffer_free(&header);
	buffer_free(&response.body);
	return done;
}

bool store_put(struct store *store, const char *bucket, const char *key, int descriptor, int64_t bytes,
	       const char *content_type, const char *sha256, struct error *error)
{
	if (sha256 && !sha256_valid(sha256))
		return error_set(error, ERROR_INTERNAL, "object storage: not a SHA-256 sum");
	if (content_type && (strlen(content_type) > MEDIA_TYPE_LONGEST || content_type[strcspn(content_type, "\r\n")]))
		return error_set(error, ERROR_BAD_JOB, "a media type must be one line of at most %d bytes",
				 MEDIA_TYPE_LONGEST);
	char sum[SHA256_HEX_SIZE] = "UNSIGNED-PAYLOAD";
	for (size_t index = 0; sha256 && index < sizeof sum; index++)
		sum[index] = (char)tolower((unsigned char)sha256[index]);
	struct http_response response;
	bool done = store_send(store, bucket, key,
			       &(const struct operation){ .method = "PUT",
							  .content_type = content_type,
							  .payload_sha256 = sum,
							  .upload = descriptor,
							  .upload_bytes = bytes,
							  .download = -1 },
			       &response, error);
	buffer_free(&response.body);
	return done;
}

bool store_head(struct store *store, const char *bucket, const char *key, struct store_object *object,
		struct error *error)
{
	struct http_response response;
	bool done = store_send(
	    store, bucket, key,
	    &(const struct operation){ .method = "HEAD", .payload_sha256 = EMPTY_SHA256, .upload = -1, .download = -1 },
	    &response, error);
	if (done)
		object_of(&response, object);
	buffer_free(&response.body);
	return done;
}

bool store_delete(struct store *store, const char *bucket, const char *key, struct error *error)
{
	struct http_response response;
	bool done = store_send(store, bucket, key,
			       &(const struct operation){
				   .method = "DELETE", .payload_sha256 = EMPTY_SHA256, .upload = -1, .download = -1 },
			       &response, error);
	buffer_free(&response.body);
	return done;
}

/* ---- URLs ---- */

bool store_presign(struct store *store, const char *method, const char *bucket, const char *key, int64_t expires_s,
		   struct buffer *url, struct error *error)
{
	return store_presign_named(store, method, bucket, key, NULL, expires_s, url, error);
}

bool store_presign_named(struct store *store, const char *method, const char *bucket, const char *key,
			 const char *file_name, int64_t expires_s, struct buffer *url, struct error *error)
{
	bucket = bucket ? bucket : store->bucket;
	if (!store_bucket_valid(bucket))
		return error_set(error, ERROR_BAD_JOB, "\"%.64s\" cannot be a bucket's name", bucket);
	if (!store_key_valid(key, error))
		return false;
	if (expires_s < 1 || expires_s > PRESIGN_LONGEST_S)
		return error_set(error, ERROR_USAGE, "a presigned URL holds for 1 to %d seconds", PRESIGN_LONGEST_S);
	struct buffer disposition = { 0 }, query = { 0 };
	if (file_name) {
		buffer_append_string(&disposition, "attachment; filename*=UTF-8''");
		buffer_append_uri(&disposition, file_name, false);
		buffer_append_string(&query, "response-content-disposition=");
		buffer_append_uri(&query, disposition.failed ? "" : disposition.data, false);
	}
	bool done = disposition.failed || query.failed ?
			error_set(error, ERROR_OUT_OF_MEMORY, "presigned URL: no memory") :
			presign(store, method, bucket, key, file_name ? query.data : NULL, expires_s, url, error);
	buffer_free(&disposition);
	buffer_free(&query);
	return done;
}

void store_uri(const struct store *store, const char *bucket, const char *key, struct buffer *uri)
{
	buffer_printf(uri, "r2://%s/", bucket ? bucket : store->bucket);
	buffer_append_uri(uri, key, true);
}
