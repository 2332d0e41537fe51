/* Inputs to jobs. A local file is opened once: what was summed is what is uploaded. */
#include "prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/sha256.h"
#include "common/store/fetch.h"

#define MOST_FILE_BYTES (INT64_C(5) << 30) /* what S3 takes in one PUT */

bool error_ends_all(enum error_code code)
{
	return code == ERROR_STORAGE_UNAVAILABLE || code == ERROR_UNAVAILABLE || code == ERROR_NOT_PERMITTED ||
	       code == ERROR_CONFIG || code == ERROR_OUT_OF_MEMORY;
}

/* True for "word://…" and "file:…"; a path that looks like one is written ./word://… */
static bool is_uri(const char *input)
{
	size_t word = strspn(input, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
	return strncmp(input, "file:", 5) == 0 || (word > 0 && strncmp(input + word, "://", 3) == 0);
}

/* The file: URI of a path, which must be there (RFC 8089; all but unreserved characters percent-encoded). */
static char *file_uri(const char *path, struct error *error)
{
	char *whole = realpath(path, NULL);
	if (!whole) {
		(void)error_set(error, errno == ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_NOT_FOUND, "%s: %s", path,
				strerror(errno));
		return NULL;
	}
	struct stat about;
	if (stat(whole, &about) != 0 || S_ISDIR(about.st_mode)) {
		(void)error_set(error, ERROR_UNSUPPORTED_FORMAT,
				"%s: is a directory; name its files, or send them by find", path);
		free(whole);
		return NULL;
	}
	struct buffer uri = { 0 };
	buffer_append_string(&uri, "file://");
	buffer_append_uri(&uri, whole, true);
	free(whole);
	char *text = buffer_take(&uri);
	if (!text)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	return text;
}

static int open_regular(const char *path, struct error *error)
{
	struct stat about;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0) {
		(void)error_set(error, ERROR_NOT_FOUND, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (fstat(file, &about) == 0 && S_ISREG(about.st_mode))
		return file;
	(void)error_set(error, ERROR_UNSUPPORTED_FORMAT, "%s: not a regular file", path);
	(void)close(file);
	return -1;
}

/* Content-addressed, so that the same file is stored once: PREFIX + first two digits + "/" + sum. */
static bool upload(const struct preparer *preparer, struct job *job, int file, int64_t bytes, struct error *error)
{
	struct buffer key = { 0 };
	struct buffer uri = { 0 };
	struct store_object there;
	struct error why = { 0 };
	bool done = false;
	buffer_printf(&key, "%s%.2s/%s", preparer->settings->upload_prefix, job->sha256, job->sha256);
	if (key.failed) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		goto out;
	}
	if (!store_head(preparer->store, NULL, key.data, &there, &why) || there.bytes != bytes) {
		if (why.code != ERROR_NONE && why.code != ERROR_NOT_FOUND) {
			(void)error_set(error, why.code, "%s", why.message);
			goto out;
		}
		if (lseek(file, 0, SEEK_SET) != 0 ||
		    !store_put(preparer->store, NULL, key.data, file, bytes, job->media_type, job->sha256, error))
			goto out;
	}
	store_uri(preparer->store, NULL, key.data, &uri);
	done = uri.failed ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory")
			  : job_set_member(job, "uri", uri.data, error);
out:
	buffer_free(&key);
	buffer_free(&uri);
	return done;
}

/* Sums and uploads the job's local file, as far as the settings want it. */
static bool read_file(const struct preparer *preparer, struct job *job, struct error *error)
{
	char hex[SHA256_HEX_SIZE];
	int64_t bytes = 0;
	char *path = fetch_file_path(job->uri, error);
	int file = path ? open_regular(path, error) : -1;
	bool read = file >= 0 && sha256_of_descriptor(file, MOST_FILE_BYTES, hex, &bytes, error);
	if (file >= 0 && !read)
		(void)error_prefix(error, "%s", path);
	if (read && bytes == 0)
		read = error_set(error, ERROR_EMPTY_DOCUMENT, "%s: there is nothing in it", path);
	if (read && job->sha256 && strcasecmp(job->sha256, hex) != 0)
		read = error_set(error, ERROR_CHECKSUM_MISMATCH, "%s: its SHA-256 is %s, not what the job says", path,
				 hex);
	bool done = read && job_set_member(job, "sha256", hex, error) &&
		    (!preparer->settings->upload || upload(preparer, job, file, bytes, error));
	if (file >= 0)
		(void)close(file);
	free(path);
	return done;
}

/* Keys of different tenants never meet: one tenant's document must not stand for another's. */
static bool make_key(const struct preparer *preparer, struct job *job, const char *uri, struct error *error)
{
	char hex[SHA256_HEX_SIZE];
	struct buffer key = { 0 };
	const char *sum = job->sha256;
	const char *kind = "sha256";
	if (preparer->settings->key_from == KEY_FROM_URI) {
		kind = "uri";
		sum = hex;
		if (!sha256_of(uri, strlen(uri), hex))
			return error_set(error, ERROR_INTERNAL, "SHA-256 failed");
	} else if (!sum) {
		return error_set(error, ERROR_BAD_JOB,
				 "sha256: --key-from sha256 needs a local file or a job line with a "
				 "sha256");
	}
	if (job->tenant)
		buffer_printf(&key, "%s/", job->tenant);
	buffer_printf(&key, "%s:", kind);
	for (; *sum; sum++) /* one spelling of each sum */
		buffer_append_char(&key, (char)(*sum >= 'A' && *sum <= 'F' ? *sum + 'a' - 'A' : *sum));
	bool set = key.failed ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory")
			      : job_set_member(job, "key", key.data, error);
	buffer_free(&key);
	return set;
}

/* What is done to a job that was read or made: file, upload, key. */
static bool complete(const struct preparer *preparer, struct job *job, struct error *error)
{
	const struct enqueue_settings *settings = preparer->settings;
	bool is_file = strncmp(job->uri, "file:", 5) == 0;
	char *named = strdup(job->uri); /* keys are made of the URI that was given, not of the uploaded one */
	bool done = named || error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	if (done && is_file && (settings->upload || (settings->key_from == KEY_FROM_SHA256 && !job->sha256)))
		done = read_file(preparer, job, error);
	if (done && !job->key && settings->key_from != KEY_FROM_NONE)
		done = make_key(preparer, job, named, error);
	free(named);
	return done;
}

bool prepare_job(const struct preparer *preparer, const char *input, size_t length, struct job *job,
		 struct error *error)
{
	struct job_template given = enqueue_template(preparer->settings);
	*job = (struct job){ 0 };
	if (*input == '{') {
		if (!job_parse_given(job, input, length, &given, error))
			return false;
	} else if (strlen(input) != length) {
		return error_set(error, ERROR_BAD_JOB, "uri: a NUL byte is in it");
	} else {
		char *uri = is_uri(input) ? strdup(input) : file_uri(input, error);
		if (!uri)
			return false;
		given.uri = uri;
		bool made = job_new(job, &given, error);
		free(uri);
		if (!made)
			return false;
	}
	if (complete(preparer, job, error))
		return true;
	char id[ULID_SIZE];
	memcpy(id, job->id, sizeof id);
	job_free(job);
	memcpy(job->id, id, sizeof id);
	return false;
}
