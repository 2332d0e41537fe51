/*
 * One request by libcurl's easy interface, tried again when that may help.
 *
 * A struct http has two easy handles, because each keeps its own open connections: a request that may reach public
 * addresses only must never go out over a connection that another request opened to a private one. All options are set
 * anew for each request (curl_easy_reset keeps connections), so nothing of one request leaks into the next.
 */
#include "common/http/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"

#define ERROR_BODY_BYTES (64 * 1024)
#define REDIRECTS 5
#define BACKOFF_BASE_MS 250
#define BACKOFF_CAP_MS 8000

struct http {
	CURL *handles[2];	   /* any address, public addresses only */
	char *ca_file, *ca_folder; /* of the environment, or NULL */
};

/* One try of one request; what libcurl's callbacks see. */
struct transfer {
	const struct http_request *request;
	struct http_response *response;
	struct http_limits limits;
	CURL *curl;
	struct curl_slist *headers;
	struct sha256 *sum;
	int64_t deadline_ms;
	int64_t upload_start, upload_sent;
	int io_error; /* errno of a descriptor */
	bool upload_short, too_large, out_of_memory;
	bool error_body_full; /* an error's body went on for too long: the answer counts, the rest is not read */
	bool address_refused, address_tried; /* on the way to the present host */
	char refused[INET6_ADDRSTRLEN];
	char detail[CURL_ERROR_SIZE];
	char where[HTTP_WHERE_SIZE];
};

bool http_setup(struct error *error)
{
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
	return code == CURLE_OK || error_set(error, ERROR_INTERNAL, "libcurl: %s", curl_easy_strerror(code));
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

struct http *http_new(struct error *error)
{
	struct http *http = calloc(1, sizeof *http);
	if (!http)
		goto out_of_memory;
	const char *ca_file = environment("SSL_CERT_FILE"), *ca_folder = environment("SSL_CERT_DIR");
	if (!ca_file)
		ca_file = environment("CURL_CA_BUNDLE");
	http->ca_file = ca_file ? strdup(ca_file) : NULL;
	http->ca_folder = ca_folder ? strdup(ca_folder) : NULL;
	http->handles[0] = curl_easy_init();
	http->handles[1] = curl_easy_init();
	if (http->handles[0] && http->handles[1] && (http->ca_file || !ca_file) && (http->ca_folder || !ca_folder))
		return http;
out_of_memory:
	http_free(http);
	(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for an HTTP client");
	return NULL;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->handles[0]);
	curl_easy_cleanup(http->handles[1]);
	free(http->ca_file);
	free(http->ca_folder);
	free(http);
}

char *http_where(const char *url, char where[static HTTP_WHERE_SIZE])
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	CURLU *parsed = curl_url();
	if (parsed && curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		(void)curl_url_get(parsed, CURLUPART_PORT, &port, 0);
		(void)snprintf(where, HTTP_WHERE_SIZE, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
	} else {
		(void)snprintf(where, HTTP_WHERE_SIZE, "?");
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parsed);
	return where;
}

struct http *http_new_for(const char *url, const char *setting, char where[static HTTP_WHERE_SIZE], struct error *error)
{
	if (strcmp(http_where(url, where), "?") != 0)
		return http_new(error);
	(void)error_set(error, ERROR_CONFIG, "%s is not a URL", setting);
	return NULL;
}

/* ---- what libcurl calls ---- */

/* A status line begins an answer: of a redirect, perhaps, after which another host's addresses are tried. */
static size_t on_header(char *line, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	if (size * count > 5 && memcmp(line, "HTTP/", 5) == 0)
		transfer->address_refused = transfer->address_tried = false;
	return size * count;
}

static long status_of(CURL *curl)
{
	long status = 0;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool descriptor_write(struct transfer *transfer, const char *bytes, size_t length)
{
	while (length) {
		ssize_t written = write(transfer->request->download, bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			transfer->io_error = errno;
			return false;
		}
		bytes += written;
		length -= (size_t)written;
	}
	return true;
}

/* Anything but `size * count` as the return value ends the transfer with CURLE_WRITE_ERROR. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	struct http_response *response = transfer->response;
	size_t length = size * count;
	long status = status_of(transfer->curl);
	if (status < 200 || status > 299) {
		size_t room = ERROR_BODY_BYTES - response->body.length;
		buffer_append(&response->body, bytes, length < room ? length : room);
		transfer->error_body_full = length > room;
		return transfer->error_body_full ? 0 : length;
	}
	curl_off_t announced = -1;
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
	if (announced > transfer->limits.body_bytes ||
	    (int64_t)length > transfer->limits.body_bytes - response->bytes) {
		transfer->too_large = true;
		return 0;
	}
	if (!sha256_add(transfer->sum, bytes, length))
		return 0;
	if (transfer->request->download >= 0) {
		if (!descriptor_write(transfer, bytes, length))
			return 0;
	} else {
		buffer_append(&response->body, bytes, length);
		if (response->body.failed) {
			transfer->out_of_memory = true;
			return 0;
		}
	}
	response->bytes += (int64_t)length;
	return length;
}

static size_t on_upload(char *room, size_t size, size_t count, void *context)
{
	struct transfer *transfer = context;
	int64_t left = transfer->request->upload_bytes - transfer->upload_sent;
	size_t length = size * count;
	if ((int64_t)length > left)
		length = (size_t)left;
	if (!length)
		return 0;
	ssize_t got;
	do
		got = pread(transfer->request->upload, room, length, transfer->upload_start + transfer->upload_sent);
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		transfer->io_error = got < 0 ? errno : 0;
		transfer->upload_short = got == 0;
		return CURL_READFUNC_ABORT;
	}
	transfer->upload_sent += got;
	return (size_t)got;
}

static int on_upload_seek(void *context, curl_off_t offset, int origin)
{
	struct transfer *transfer = context;
	if (origin != SEEK_SET || offset < 0 || offset > transfer->request->upload_bytes)
		return CURL_SEEKFUNC_FAIL;
	transfer->upload_sent = offset;
	return CURL_SEEKFUNC_OK;
}

/* The address here is the one that will be connected to: whatever name or redirect led to it. */
static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = context;
	(void)purpose;
	if (transfer->request->public_addresses_only && !http_sockaddr_is_public(&address->addr)) {
		const void *number = (const char *)&address->addr + (address->family == AF_INET6
									 ? offsetof(struct sockaddr_in6, sin6_addr)
									 : offsetof(struct sockaddr_in, sin_addr));
		if (!inet_ntop(address->family, number, transfer->refused, sizeof transfer->refused))
			(void)snprintf(transfer->refused, sizeof transfer->refused, "of family %d", address->family);
		transfer->address_refused = true;
		return CURL_SOCKET_BAD;
	}
	transfer->address_tried = true;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- one try ---- */

static int64_t or_default(int64_t value, int64_t fallback)
{
	return value > 0 ? value : fallback;
}

static struct http_limits limits_of(const struct http_request *request)
{
	return (struct http_limits){
		.connect_ms = or_default(request->limits.connect_ms, 10 * 1000),
		.total_ms = or_default(request->limits.total_ms, 10 * 60 * 1000),
		.stall_ms = or_default(request->limits.stall_ms, 30 * 1000),
		.body_bytes = or_default(request->limits.body_bytes, 512 * 1024 * 1024),
	};
}

static bool is_method(const struct http_request *request, const char *method)
{
	return strcmp(request->method, method) == 0;
}

/* Method and body. Each setter adds what libcurl says to `bad`, which is looked at once. */
static unsigned set_body(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	CURL *curl = transfer->curl;
	unsigned bad = 0;
	if (request->upload >= 0) {
		bad |= curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		bad |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_upload);
		bad |= curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
		bad |= curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_upload_seek);
		bad |= curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
		bad |= curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->upload_bytes);
	} else if (request->body) {
		bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
		bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
	} else if (is_method(request, "HEAD")) {
		bad |= curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	if (!is_method(request, "HEAD") && !is_method(request, "GET"))
		bad |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	return bad;
}

static unsigned set_limits(struct transfer *transfer)
{
	CURL *curl = transfer->curl;
	int64_t left_ms = transfer->deadline_ms - clock_monotonic_ms();
	unsigned bad = 0;
	bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->limits.connect_ms);
	bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(left_ms > 1 ? left_ms : 1));
	bad |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
	bad |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)((transfer->limits.stall_ms + 999) / 1000));
	bad |= curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* no SIGALRM: there are threads */
	return bad;
}

/*
 * What may be reached, and how it is trusted. The path goes out as it was given; only for a signed request curl is not
 * told so, because from 8.14 on it refuses to sign then (such a path has nothing that curl would change, see http.h).
 */
static unsigned set_policy(struct transfer *transfer, const struct http *http)
{
	const struct http_request *request = transfer->request;
	const char *schemes = request->https_only ? "https" : "http,https";
	CURL *curl = transfer->curl;
	unsigned bad = 0;
	bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, schemes);
	bad |= curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
	bad |= curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, request->signature ? 0L : 1L);
	if (request->follow_redirects && !request->signature) {
		bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
		bad |= curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS);
	}
	bad |= curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	bad |= curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
	/* A proxy would connect where we cannot see it, or where only we can. */
	if (request->public_addresses_only || request->no_proxy)
		bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (http->ca_file)
		bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
	if (http->ca_folder)
		bad |= curl_easy_setopt(curl, CURLOPT_CAPATH, http->ca_folder);
	return bad;
}

static unsigned set_signature(CURL *curl, const struct http_signature *signature)
{
	char scheme[160];
	(void)snprintf(scheme, sizeof scheme, "aws:amz:%s:%s", signature->region, signature->service);
	unsigned bad = 0;
	bad |= curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, scheme);
	bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, signature->access_key);
	bad |= curl_easy_setopt(curl, CURLOPT_PASSWORD, signature->secret_key);
	return bad;
}

static unsigned set_headers(struct transfer *transfer)
{
	const char *const *header = transfer->request->headers;
	for (; header && *header; header++) {
		struct curl_slist *longer = curl_slist_append(transfer->headers, *header);
		if (!longer)
			return 1;
		transfer->headers = longer;
	}
	return curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, transfer->headers);
}

static bool transfer_prepare(struct transfer *transfer, const struct http *http, struct error *error)
{
	const struct http_request *request = transfer->request;
	CURL *curl = transfer->curl;
	unsigned bad = 0;
	curl_easy_reset(curl);
	bad |= curl_easy_setopt(curl, CURLOPT_URL, request->url);
	bad |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "filot/" FILOT_VERSION);
	bad |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->detail);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	bad |= curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L * 1024);
	bad |= set_body(transfer);
	bad |= set_limits(transfer);
	bad |= set_policy(transfer, http);
	bad |= set_headers(transfer);
	if (request->signature)
		bad |= set_signature(curl, request->signature);
	if (bad)
		return error_set(error, ERROR_INTERNAL, "%s: libcurl refused an option", transfer->where);
	transfer->sum = sha256_new(error);
	return transfer->sum != NULL;
}

static void copy_header(CURL *curl, const char *name, char *text, size_t size)
{
	struct curl_header *header;
	if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		(void)snprintf(text, size, "%s", header->value);
}

static bool transfer_answer(struct transfer *transfer, struct error *error)
{
	struct http_response *response = transfer->response;
	response->status = status_of(transfer->curl);
	copy_header(transfer->curl, "Content-Type", response->content_type, sizeof response->content_type);
	copy_header(transfer->curl, "ETag", response->etag, sizeof response->etag);
	copy_header(transfer->curl, "Date", response->date, sizeof response->date);
	if (is_method(transfer->request, "HEAD")) {
		curl_off_t announced = -1;
		(void)curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
		response->bytes = announced;
	}
	bool done = sha256_finish(transfer->sum, response->sha256);
	transfer->sum = NULL;
	if (!done)
		return error_set(error, ERROR_INTERNAL, "SHA-256: OpenSSL refused");
	if (response->body.failed)
		return error_set(error, ERROR_OUT_OF_MEMORY, "%s: no memory for the answer", transfer->where);
	return true;
}

/* Timeouts of libcurl are one code: tell a host that does not answer from a transfer that is too slow. */
static bool transfer_timed_out(const struct transfer *transfer, struct error *error)
{
	curl_off_t connected_us = 0;
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
	if (clock_monotonic_ms() >= transfer->deadline_ms)
		return error_set(error, ERROR_TIMEOUT, "%s: not done within %lld ms", transfer->where,
				 (long long)transfer->limits.total_ms);
	if (connected_us == 0)
		return error_set(error, ERROR_UNAVAILABLE, "%s: no connection within %lld ms", transfer->where,
				 (long long)transfer->limits.connect_ms);
	return error_set(error, ERROR_TIMEOUT, "%s: less than 1 KiB/s for %lld ms", transfer->where,
			 (long long)transfer->limits.stall_ms);
}

/* Words the failure; *again says whether another try may help. Always returns false. */
static bool transfer_failed(const struct transfer *transfer, CURLcode code, bool *again, struct error *error)
{
	const char *where = transfer->where;
	*again = false;
	if (transfer->too_large)
		return error_set(error, ERROR_TOO_LARGE, "%s: the body has more than %lld bytes", where,
				 (long long)transfer->limits.body_bytes);
	if (transfer->upload_short)
		return error_set(error, ERROR_INTERNAL, "%s: the file became shorter while it was sent", where);
	if (transfer->io_error)
		return error_set(error, ERROR_INTERNAL, "%s: %s the file: %s", where,
				 transfer->request->download >= 0 ? "writing" : "reading",
				 strerror(transfer->io_error));
	if (transfer->address_refused && !transfer->address_tried)
		return error_set(error, ERROR_FORBIDDEN_URI, "%s: leads to %s, which is not a public address", where,
				 transfer->refused);
	const char *detail = transfer->detail[0] ? transfer->detail : curl_easy_strerror(code);
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
		return error_set(error, ERROR_FORBIDDEN_URI, "%s: only %s is allowed, also after redirects", where,
				 transfer->request->https_only ? "https" : "http and https");
	case CURLE_TOO_MANY_REDIRECTS:
		return error_set(error, ERROR_FORBIDDEN_URI, "%s: more than %d redirects", where, REDIRECTS);
	case CURLE_URL_MALFORMAT:
		return error_set(error, ERROR_BAD_JOB, "not a URL that can be fetched");
	case CURLE_LOGIN_DENIED:
		return error_set(error, ERROR_BAD_JOB, "%s: a URL with a user or password in it is not fetched", where);
	case CURLE_OUT_OF_MEMORY:
		return error_set(error, ERROR_OUT_OF_MEMORY, "%s: no memory", where);
	case CURLE_SSL_CACERT_BADFILE:
		return error_set(error, ERROR_CONFIG, "%s: %s", where, detail);
	case CURLE_PEER_FAILED_VERIFICATION:
		return error_set(error, ERROR_UNAVAILABLE, "%s: certificate: %s", where, detail);
	case CURLE_WRITE_ERROR:
		if (transfer->out_of_memory)
			return error_set(error, ERROR_OUT_OF_MEMORY, "%s: no memory for the body", where);
		return error_set(error, ERROR_INTERNAL, "%s: %s", where, detail);
	case CURLE_OPERATION_TIMEDOUT:
		*again = true;
		return transfer_timed_out(transfer, error);
	default:
		*again = true;
		return error_set(error, ERROR_UNAVAILABLE, "%s: %s", where, detail);
	}
}

static bool status_is_transient(long status)
{
	return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* One try. *again says whether another may help, *wait_ms how long the server asks us to wait. */
static bool http_try(struct http *http, struct transfer *transfer, bool *again, int64_t *wait_ms, struct error *error)
{
	bool done = false;
	*again = false;
	*wait_ms = 0;
	transfer->curl = http->handles[transfer->request->public_addresses_only];
	buffer_free(&transfer->response->body);
	*transfer->response = (struct http_response){ 0 };
	if (!transfer_prepare(transfer, http, error))
		goto out;
	CURLcode code = curl_easy_perform(transfer->curl);
	if (code != CURLE_OK && !(transfer->error_body_full && code == CURLE_WRITE_ERROR)) {
		(void)transfer_failed(transfer, code, again, error);
		goto out;
	}
	done = transfer_answer(transfer, error);
	*again = done && status_is_transient(transfer->response->status);
	curl_off_t retry_after_s = 0;
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
	if (retry_after_s > 0)
		*wait_ms = (retry_after_s < 86400 ? retry_after_s : 86400) * 1000;
	transfer->response->retry_after_ms = *wait_ms;
out:
	/* The handle outlives what these point to. */
	if (transfer->curl)
		curl_easy_reset(transfer->curl);
	curl_slist_free_all(transfer->headers);
	sha256_free(transfer->sum);
	return done;
}

/* ---- tries ---- */

/* Takes back what a failed try had written. False: the descriptor cannot do that, so a second try would write it twice.
 */
static bool download_rewind(const struct http_request *request, off_t start)
{
	return request->download < 0 || (start >= 0 && ftruncate(request->download, start) == 0 &&
					 lseek(request->download, start, SEEK_SET) == start);
}

bool http_send(struct http *http, const struct http_request *request, struct http_response *response,
	       struct error *error)
{
	const struct http_limits limits = limits_of(request);
	const int64_t deadline_ms = clock_monotonic_ms() + limits.total_ms;
	const off_t start = request->download >= 0 ? lseek(request->download, 0, SEEK_CUR) : 0;
	const off_t upload_start = request->upload >= 0 ? lseek(request->upload, 0, SEEK_CUR) : 0;
	*response = (struct http_response){ 0 };
	if (upload_start < 0)
		return error_set(error, ERROR_INTERNAL, "what is uploaded must be a file: %s", strerror(errno));
	for (int attempt = 0;; attempt++) {
		struct transfer transfer = { .request = request,
					     .response = response,
					     .limits = limits,
					     .deadline_ms = deadline_ms,
					     .upload_start = upload_start };
		bool again;
		int64_t wait_ms;
		(void)http_where(request->url, transfer.where);
		bool done = http_try(http, &transfer, &again, &wait_ms, error);
		bool wrote = response->bytes > 0;
		if (!done) {
			buffer_free(&response->body);
			*response = (struct http_response){ 0 };
		}
		bool clean = done || download_rewind(request, start) || !wrote;
		int64_t backoff_ms = clock_backoff_ms(attempt, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
		if (wait_ms < backoff_ms)
			wait_ms = backoff_ms;
		if (!again || !clean || attempt + 1 >= request->attempts ||
		    clock_monotonic_ms() + wait_ms >= deadline_ms)
			return done;
		log_info("http_retry", log_string("host", transfer.where), log_integer("try", attempt + 1),
			 log_integer("status", response->status),
			 log_string("why", done || !error ? NULL : error->message), log_integer("wait_ms", wait_ms));
		clock_sleep_ms(wait_ms);
	}
}
