/*
 * A document by its URI, under a policy.
 *
 * A file: name is looked up with O_PATH first, which touches nothing (no device, no pipe is opened by it). Then the
 * kernel says in /proc/self/fd where it really lies, and that very file, not the name again, is opened for reading:
 * links and renames in between change nothing. Everything else is loaded into a memfd, whose contents are sealed before
 * anyone sees them.
 */
#include "common/store/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/sha256.h"
#include "common/base/write_all.h"
#include "common/http/http.h"
#include "common/store/store_private.h"

#define DEFAULT_MOST_BYTES (512 * 1024 * 1024)
#define DEFAULT_TIME_MS (10 * 60 * 1000)
#define LINK_SIZE 32 /* of "/proc/self/fd/N" */

struct fetch {
	struct fetch_policy policy;
	struct store *store; /* or NULL */
	struct http *http;
	char **folders; /* the allowed ones without symbolic links, NULL-terminated; or NULL */
	int64_t most_bytes, time_ms;
};

static void folders_free(char **folders)
{
	for (char **folder = folders; folder && *folder; folder++)
		free(*folder);
	free(folders);
}

static char **folders_resolve(const char *const *allowed, struct error *error)
{
	size_t count = 0;
	while (allowed[count])
		count++;
	char **folders = calloc(count + 1, sizeof *folders);
	if (!folders) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a list of folders");
		return NULL;
	}
	for (size_t index = 0; index < count; index++) {
		folders[index] = realpath(allowed[index], NULL);
		if (!folders[index]) {
			(void)error_set(error, ERROR_CONFIG, "allowed folder %.300s: %s", allowed[index],
					strerror(errno));
			folders_free(folders);
			return NULL;
		}
	}
	return folders;
}

struct fetch *fetch_new(const struct fetch_policy *policy, struct store *store, struct error *error)
{
	struct fetch *fetch = calloc(1, sizeof *fetch);
	if (!fetch) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for fetching");
		return NULL;
	}
	fetch->policy = *policy;
	fetch->store = store;
	fetch->most_bytes = policy->most_bytes > 0 ? policy->most_bytes : DEFAULT_MOST_BYTES;
	fetch->time_ms = policy->time_ms > 0 ? policy->time_ms : DEFAULT_TIME_MS;
	fetch->http = http_new(error);
	if (!fetch->http)
		goto failed;
	if (policy->allowed_folders) {
		fetch->folders = folders_resolve(policy->allowed_folders, error);
		if (!fetch->folders)
			goto failed;
	}
	return fetch;
failed:
	fetch_free(fetch);
	return NULL;
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	http_free(fetch->http);
	folders_free(fetch->folders);
	free(fetch);
}

/* ---- URIs ---- */

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Strict: what does not stand for itself must be encoded right. The caller frees. */
static char *percent_decode(const char *text, struct error *error)
{
	char *decoded = malloc(strlen(text) + 1);
	size_t length = 0;
	if (!decoded) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a URI");
		return NULL;
	}
	for (; *text; text++) {
		char byte = *text;
		if (byte == '?' || byte == '#') {
			(void)error_set(error, ERROR_BAD_JOB, "'%c' in a name must be written as %%%02X", byte, byte);
			goto bad;
		}
		if (byte == '%') {
			int high = hex_value(text[1]);
			int low = high < 0 ? -1 : hex_value(text[2]);
			if (low < 0) {
				(void)error_set(error, ERROR_BAD_JOB,
						"'%%' without two hexadecimal digits (write it as %%25)");
				goto bad;
			}
			byte = (char)(high << 4 | low);
			text += 2;
		}
		if (!byte) {
			(void)error_set(error, ERROR_BAD_JOB, "%%00 in a name");
			goto bad;
		}
		decoded[length++] = byte;
	}
	decoded[length] = '\0';
	return decoded;
bad:
	free(decoded);
	return NULL;
}

/* What follows `scheme` in `uri`, NULL when it is another. */
static const char *after_scheme(const char *uri, const char *scheme)
{
	size_t length = strlen(scheme);
	return strncasecmp(uri, scheme, length) == 0 ? uri + length : NULL;
}

char *fetch_split_r2(const char *uri, char bucket[static 64], struct error *error)
{
	const char *rest = after_scheme(uri, "r2://");
	const char *slash = rest ? strchr(rest, '/') : NULL;
	if (!slash || slash - rest > 63) {
		(void)error_set(error, ERROR_BAD_JOB, "not r2://bucket/key");
		return NULL;
	}
	(void)snprintf(bucket, 64, "%.*s", (int)(slash - rest), rest);
	if (!store_bucket_valid(bucket)) {
		(void)error_set(error, ERROR_BAD_JOB, "\"%s\" cannot be a bucket's name", bucket);
		return NULL;
	}
	char *key = percent_decode(slash + 1, error);
	if (key && !store_key_valid(key, error)) {
		free(key);
		return NULL;
	}
	return key;
}

char *fetch_file_path(const char *uri, struct error *error)
{
	const char *path = after_scheme(uri, "file:");
	const char *authority = path ? after_scheme(path, "//") : NULL;
	if (authority)
		path = after_scheme(authority, "localhost/") ? strchr(authority, '/') : authority;
	if (!path || *path != '/') {
		(void)error_set(error, ERROR_BAD_JOB, "not file:/path of this machine");
		return NULL;
	}
	return percent_decode(path, error);
}

/* True for "word://…" and "file:…": everything else can be a plain path. */
static bool has_scheme(const char *uri)
{
	size_t word = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
	return after_scheme(uri, "file:") || (word > 0 && strncmp(uri + word, "://", 3) == 0);
}

/* ---- memfds ---- */

static int memory_new(struct error *error)
{
	int memory = memfd_create("document", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory < 0)
		(void)error_set(error, ERROR_INTERNAL, "memfd: %s", strerror(errno));
	return memory;
}

static bool memory_seal(int memory, struct error *error)
{
	return (fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0 &&
		lseek(memory, 0, SEEK_SET) == 0) ||
	       error_set(error, ERROR_INTERNAL, "memfd: %s", strerror(errno));
}

/* Loads a pipe to its end. It is open without O_NONBLOCK's usual "no writer yet is the end": poll waits for one. */
static bool pipe_load(const struct fetch *fetch, int pipe, int memory, struct error *error)
{
	const int64_t deadline_ms = clock_monotonic_ms() + fetch->time_ms;
	int64_t total = 0;
	for (;;) {
		char bytes[65536];
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		struct pollfd wait = { .fd = pipe, .events = POLLIN };
		int ready = left_ms > 0 ? poll(&wait, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX) : 0;
		if (ready == 0)
			return error_set(error, ERROR_TIMEOUT, "the pipe did not end within %lld ms",
					 (long long)fetch->time_ms);
		ssize_t got = ready < 0 ? -1 : read(pipe, bytes, sizeof bytes);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return error_set(error, ERROR_INTERNAL, "reading the pipe: %s", strerror(errno));
		if (got == 0)
			return true;
		total += got;
		if (total > fetch->most_bytes)
			return error_set(error, ERROR_TOO_LARGE, "more than %lld bytes", (long long)fetch->most_bytes);
		if (!write_all(memory, bytes, (size_t)got))
			return error_set(error, ERROR_INTERNAL, "memfd: %s", strerror(errno));
	}
}

/* ---- file: ---- */

static bool path_within(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	if (length == 1) /* "/" */
		return path[0] == '/';
	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Whether what `handle` stands for lies where it may; `link` becomes a name by which it can be opened. */
static bool handle_is_allowed(const struct fetch *fetch, int handle, char link[static LINK_SIZE])
{
	char real[PATH_MAX];
	(void)snprintf(link, LINK_SIZE, "/proc/self/fd/%d", handle);
	if (fetch->policy.any_file)
		return true;
	ssize_t length = readlink(link, real, sizeof real - 1);
	if (length < 0)
		return false;
	real[length] = '\0';
	for (char **folder = fetch->folders; folder && *folder; folder++)
		if (path_within(real, *folder))
			return true;
	return false;
}

/* Whether the nearest folder above `path` that is there is an allowed one. */
static bool parent_is_allowed(const struct fetch *fetch, const char *path)
{
	char *parent = strdup(path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	bool allowed = fetch->policy.any_file;
	for (; slash && !allowed; slash = strrchr(parent, '/')) {
		char link[LINK_SIZE];
		*slash = '\0';
		int handle = open(slash == parent ? "/" : parent, O_PATH | O_CLOEXEC);
		if (handle < 0)
			continue;
		allowed = handle_is_allowed(fetch, handle, link);
		(void)close(handle);
		break;
	}
	free(parent);
	return allowed;
}

/* A stranger's job must not learn what exists where it may not read, so such names are all "not allowed". */
static bool file_not_opened(const struct fetch *fetch, const char *path, int number, struct error *error)
{
	if (!parent_is_allowed(fetch, path))
		return error_set(error, ERROR_FORBIDDEN_URI, "this folder is not allowed");
	if (number == EMFILE || number == ENFILE || number == ENOMEM)
		return error_set(error, ERROR_INTERNAL, "%s", strerror(number));
	return error_set(error, number == EACCES || number == EPERM ? ERROR_FORBIDDEN_URI : ERROR_NOT_FOUND, "%s",
			 strerror(number));
}

/* Opens what `handle` (O_PATH) stands for, when it is a file that may be read. -1 on failure. */
static int file_open(const struct fetch *fetch, int handle, const char *path, struct error *error)
{
	char link[LINK_SIZE];
	struct stat status = { 0 };
	if (!handle_is_allowed(fetch, handle, link)) {
		(void)error_set(error, ERROR_FORBIDDEN_URI, "this folder is not allowed");
		return -1;
	}
	if (fstat(handle, &status) != 0 ||
	    !(S_ISREG(status.st_mode) || (S_ISFIFO(status.st_mode) && fetch->policy.any_file))) {
		(void)error_set(error, ERROR_FORBIDDEN_URI, "%s",
				S_ISDIR(status.st_mode) ? "a folder, not a file" : "not a regular file");
		return -1;
	}
	int file = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (file < 0) {
		(void)file_not_opened(fetch, path, errno, error);
		return -1;
	}
	if (S_ISREG(status.st_mode))
		return file;
	int memory = memory_new(error);
	if (memory >= 0 && !(pipe_load(fetch, file, memory, error) && memory_seal(memory, error))) {
		(void)close(memory);
		memory = -1;
	}
	(void)close(file);
	return memory;
}

static int open_file(const struct fetch *fetch, const char *path, struct error *error)
{
	if (!fetch->policy.any_file && !fetch->folders) {
		(void)error_set(error, ERROR_FORBIDDEN_URI, "files are not allowed here (no allowed folder is set)");
		return -1;
	}
	int handle = open(path, O_PATH | O_CLOEXEC);
	if (handle < 0) {
		(void)file_not_opened(fetch, path, errno, error);
		(void)error_prefix(error, "%.300s", path);
		return -1;
	}
	int file = file_open(fetch, handle, path, error);
	(void)close(handle);
	if (file < 0)
		(void)error_prefix(error, "%.300s", path);
	return file;
}

/* ---- r2: and https: ---- */

static bool bucket_is_allowed(const struct fetch *fetch, const char *bucket)
{
	const char *const *allowed = fetch->policy.allowed_buckets;
	if (strcmp(bucket, store_bucket(fetch->store)) == 0)
		return true;
	for (; allowed && *allowed; allowed++)
		if (strcmp(bucket, *allowed) == 0)
			return true;
	return false;
}

static bool load_r2(const struct fetch *fetch, const char *uri, int memory, struct error *error)
{
	char bucket[64], sha256[SHA256_HEX_SIZE];
	char *key = fetch_split_r2(uri, bucket, error);
	bool done = false;
	if (!key)
		return false;
	if (!fetch->store) {
		(void)error_set(error, ERROR_STORAGE_UNAVAILABLE,
				"no object storage is configured (FILOT_R2_ENDPOINT and its keys)");
	} else if (!bucket_is_allowed(fetch, bucket)) {
		(void)error_set(error, ERROR_FORBIDDEN_URI, "this bucket is not allowed");
	} else {
		struct error why = { 0 };
		store_set_limits(fetch->store, fetch->most_bytes, fetch->time_ms);
		done = store_get(fetch->store, bucket, key, memory, NULL, sha256, &why);
		/* Our own settings are at fault, not the document: it must not die of that. */
		if (why.code == ERROR_NOT_PERMITTED || why.code == ERROR_CONFIG)
			why.code = ERROR_STORAGE_UNAVAILABLE;
		if (!done)
			(void)error_set(error, why.code, "%s", why.message);
	}
	free(key);
	return done;
}

static bool judge_status(const char *uri, long status, struct error *error)
{
	char where[HTTP_WHERE_SIZE];
	if (status >= 200 && status <= 299)
		return true;
	enum error_code code = ERROR_NOT_FOUND;
	if (status == 401 || status == 403)
		code = ERROR_FORBIDDEN_URI;
	else if (status == 408)
		code = ERROR_TIMEOUT;
	else if (status == 429 || status >= 500)
		code = ERROR_STORAGE_UNAVAILABLE;
	return error_set(error, code, "%s: the server answers %ld", http_where(uri, where), status);
}

static bool load_http(const struct fetch *fetch, const char *uri, int memory, struct error *error)
{
	const struct http_request request = {
		.method = "GET",
		.url = uri,
		.upload = -1,
		.download = memory,
		.follow_redirects = true,
		.public_addresses_only = !fetch->policy.private_addresses,
		.https_only = !fetch->policy.plain_http,
		.attempts = fetch->policy.attempts > 0 ? fetch->policy.attempts : 3,
		.limits = { .total_ms = fetch->time_ms, .body_bytes = fetch->most_bytes },
	};
	struct http_response response;
	bool done = store_http_send(fetch->http, &request, &response, error) && judge_status(uri, response.status, error);
	buffer_free(&response.body);
	return done;
}

static int open_remote(const struct fetch *fetch, const char *uri, struct error *error)
{
	int memory = memory_new(error);
	if (memory < 0)
		return -1;
	bool done =
	    after_scheme(uri, "r2://") ? load_r2(fetch, uri, memory, error) : load_http(fetch, uri, memory, error);
	if (done && memory_seal(memory, error))
		return memory;
	(void)close(memory);
	return -1;
}

/* ---- all ---- */

static bool is_web(const char *uri)
{
	return after_scheme(uri, "https://") || after_scheme(uri, "http://");
}

static int open_uri(const struct fetch *fetch, const char *uri, struct error *error)
{
	if (after_scheme(uri, "r2://") || is_web(uri))
		return open_remote(fetch, uri, error);
	if (!has_scheme(uri) && fetch->policy.any_file)
		return open_file(fetch, uri, error);
	if (!after_scheme(uri, "file:")) {
		(void)error_set(error, ERROR_BAD_JOB, "not r2://bucket/key, https://… or file:/path");
		return -1;
	}
	char *path = fetch_file_path(uri, error);
	int file = path ? open_file(fetch, path, error) : -1;
	free(path);
	return file;
}

static bool check_document(const struct fetch *fetch, int file, const char *sha256, struct error *error)
{
	struct stat status;
	if (fstat(file, &status) != 0)
		return error_set(error, ERROR_INTERNAL, "%s", strerror(errno));
	if (status.st_size == 0)
		return error_set(error, ERROR_EMPTY_DOCUMENT, "it has no bytes");
	if (status.st_size > fetch->most_bytes)
		return error_set(error, ERROR_TOO_LARGE, "%lld bytes, more than %lld", (long long)status.st_size,
				 (long long)fetch->most_bytes);
	if (!sha256)
		return true;
	char sum[SHA256_HEX_SIZE];
	int64_t length;
	if (!sha256_of_descriptor(file, fetch->most_bytes, sum, &length, error))
		return false;
	if (strcasecmp(sum, sha256) != 0)
		return error_set(error, ERROR_CHECKSUM_MISMATCH, "its SHA-256 is %s, not %.64s", sum, sha256);
	return lseek(file, 0, SEEK_SET) == 0 || error_set(error, ERROR_INTERNAL, "%s", strerror(errno));
}

int fetch_open(struct fetch *fetch, const struct job *job, struct error *error)
{
	int file = open_uri(fetch, job->uri, error);
	if (file >= 0 && !check_document(fetch, file, job->sha256, error)) {
		char where[HTTP_WHERE_SIZE];
		bool web = is_web(job->uri);
		(void)error_prefix(error, "%.300s", web ? http_where(job->uri, where) : job->uri);
		(void)close(file);
		file = -1;
	}
	return file;
}
