/*
 * Object storage and fetching from the command line, for system tests: common/store/ as the commands use it, one call a
 * run. Settings come from FILOT_R2_… of the environment.
 *
 *   drive_store [OPTIONS] put KEY FILE | get KEY FILE | head KEY | delete KEY | presign METHOD KEY SECONDS | uri KEY
 *   drive_store [OPTIONS] parts KEY FILE  in parts of 5 MiB; cut KEY FILE the same, but never completed
 *   drive_store [OPTIONS] abort KEY | start KEY BYTES | save KEY NAME (a presigned GET for a browser)
 *   drive_store [OPTIONS] fetch URI…      writes each document to standard output
 *
 * A failure is "code: message" on standard error and the exit status of that code.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/sha256.h"
#include "common/store/fetch.h"
#include "common/store/store.h"

struct drive {
	struct store *store;
	struct store_settings settings;
	struct fetch_policy policy;
	const char *bucket, *sha256, *content_type;
};

static bool put(struct drive *drive, const char *key, const char *path, struct error *error)
{
	struct stat status;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &status) != 0)
		return error_set(error, ERROR_NOT_FOUND, "%s", path);
	bool done = store_put(drive->store, drive->bucket, key, file, status.st_size, drive->content_type,
			      drive->sha256, error);
	(void)close(file);
	return done;
}

static bool get(struct drive *drive, const char *key, const char *path, struct error *error)
{
	struct store_object object;
	char sha256[SHA256_HEX_SIZE];
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0)
		return error_set(error, ERROR_INTERNAL, "%s", path);
	bool done = store_get(drive->store, drive->bucket, key, file, &object, sha256, error);
	(void)close(file);
	if (done)
		printf("%lld %s %s\n", (long long)object.bytes, sha256, object.content_type);
	return done;
}

/* The same document by store_get_memory, so that both ways are seen to give the same. */
static bool get_memory(struct drive *drive, const char *key, struct error *error)
{
	struct buffer bytes = { 0 };
	bool done = store_get_memory(drive->store, drive->bucket, key, &bytes, NULL, error);
	if (done)
		(void)fwrite(bytes.data, 1, bytes.length, stdout);
	buffer_free(&bytes);
	return done;
}

static bool head(struct drive *drive, const char *key, struct error *error)
{
	struct store_object object;
	if (!store_head(drive->store, drive->bucket, key, &object, error))
		return false;
	printf("%lld %s %s\n", (long long)object.bytes, object.etag, object.content_type);
	return true;
}

static bool url(struct drive *drive, const char *method, const char *key, const char *seconds, struct error *error)
{
	struct buffer text = { 0 };
	bool done = true;
	if (method)
		done =
		    store_presign(drive->store, method, drive->bucket, key, strtoll(seconds, NULL, 10), &text, error);
	else
		store_uri(drive->store, drive->bucket, key, &text);
	if (done)
		puts(text.data);
	buffer_free(&text);
	return done;
}

#define PART_BYTES (5 << 20)

static bool parts(struct drive *drive, const char *key, const char *path, bool complete, struct error *error)
{
	struct stat status;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &status) != 0)
		return error_set(error, ERROR_NOT_FOUND, "%s", path);
	struct store_parts *upload =
	    store_parts_begin(drive->store, drive->bucket, key, drive->content_type, error);
	bool done = upload != NULL;
	for (int64_t at = 0; done && at < status.st_size; at += PART_BYTES) {
		int64_t left = status.st_size - at;
		done = lseek(file, at, SEEK_SET) == at &&
		       store_parts_put(upload, file, left < PART_BYTES ? left : PART_BYTES, error);
	}
	(void)close(file);
	if (done && !complete)
		_exit(0); /* as who is killed */
	done = done && store_parts_complete(upload, error);
	store_parts_free(upload);
	return done;
}

static bool start(struct drive *drive, const char *key, const char *most, struct error *error)
{
	struct buffer bytes = { 0 };
	bool done = store_get_start(drive->store, drive->bucket, key, strtoll(most, NULL, 10), &bytes, error);
	if (done && bytes.length)
		(void)fwrite(bytes.data, 1, bytes.length, stdout);
	buffer_free(&bytes);
	return done;
}

static bool save(struct drive *drive, const char *key, const char *name, struct error *error)
{
	struct buffer text = { 0 };
	bool done = store_presign_named(drive->store, "GET", drive->bucket, key, name, 60, &text, error);
	if (done)
		puts(text.data);
	buffer_free(&text);
	return done;
}

static bool fetch(struct drive *drive, char **uris, struct error *error)
{
	struct fetch *client = fetch_new(&drive->policy, drive->store, error);
	bool done = client != NULL;
	for (; done && *uris; uris++) {
		int file = fetch_open(client, &(const struct job){ .uri = *uris, .sha256 = drive->sha256 }, error);
		done = file >= 0;
		char bytes[65536];
		ssize_t count;
		while (done && (count = read(file, bytes, sizeof bytes)) > 0)
			(void)fwrite(bytes, 1, (size_t)count, stdout);
		if (done)
			(void)close(file);
	}
	fetch_free(client);
	return done;
}

static bool options(struct drive *drive, int argc, char **argv)
{
	static const char *folders[8], *buckets[8];
	static const struct option known[] = { { "bucket", required_argument, NULL, 'b' },
					       { "sha256", required_argument, NULL, 's' },
					       { "type", required_argument, NULL, 't' },
					       { "most", required_argument, NULL, 'm' },
					       { "time", required_argument, NULL, 'T' },
					       { "stall", required_argument, NULL, 'S' },
					       { "connect", required_argument, NULL, 'c' },
					       { "attempts", required_argument, NULL, 'a' },
					       { "allow-file", required_argument, NULL, 'f' },
					       { "allow-bucket", required_argument, NULL, 'B' },
					       { "any-file", no_argument, NULL, 'F' },
					       { "private", no_argument, NULL, 'p' },
					       { "plain", no_argument, NULL, 'P' },
					       { 0 } };
	size_t folder = 0, bucket = 0;
	for (int option; (option = getopt_long(argc, argv, "+", known, NULL)) != -1;) {
		int64_t number = optarg ? strtoll(optarg, NULL, 10) : 0;
		switch (option) {
		case 'b':
			drive->bucket = optarg;
			break;
		case 's':
			drive->sha256 = optarg;
			break;
		case 't':
			drive->content_type = optarg;
			break;
		case 'm':
			drive->settings.limits.body_bytes = drive->policy.most_bytes = number;
			break;
		case 'T':
			drive->settings.limits.total_ms = drive->policy.time_ms = number;
			break;
		case 'S':
			drive->settings.limits.stall_ms = number;
			break;
		case 'c':
			drive->settings.limits.connect_ms = number;
			break;
		case 'a':
			drive->settings.attempts = drive->policy.attempts = (int)number;
			break;
		case 'f':
			folders[folder++ % 7] = optarg;
			break;
		case 'B':
			buckets[bucket++ % 7] = optarg;
			break;
		case 'F':
			drive->policy.any_file = true;
			break;
		case 'p':
			drive->policy.private_addresses = true;
			break;
		case 'P':
			drive->policy.plain_http = true;
			break;
		default:
			return false;
		}
	}
	drive->policy.allowed_folders = folder ? folders : NULL;
	drive->policy.allowed_buckets = bucket ? buckets : NULL;
	return true;
}

static bool command(struct drive *drive, int argc, char **argv, struct error *error)
{
	const char *name = argc > 0 ? argv[0] : "";
	if (strcmp(name, "put") == 0 && argc == 3)
		return put(drive, argv[1], argv[2], error);
	if (strcmp(name, "get") == 0 && argc == 3)
		return strcmp(argv[2], "-") == 0 ? get_memory(drive, argv[1], error)
						 : get(drive, argv[1], argv[2], error);
	if (strcmp(name, "head") == 0 && argc == 2)
		return head(drive, argv[1], error);
	if (strcmp(name, "delete") == 0 && argc == 2)
		return store_delete(drive->store, drive->bucket, argv[1], error);
	if ((strcmp(name, "parts") == 0 || strcmp(name, "cut") == 0) && argc == 3)
		return parts(drive, argv[1], argv[2], *name == 'p', error);
	if (strcmp(name, "abort") == 0 && argc == 2)
		return store_parts_abort_all(drive->store, drive->bucket, argv[1], error);
	if (strcmp(name, "start") == 0 && argc == 3)
		return start(drive, argv[1], argv[2], error);
	if (strcmp(name, "save") == 0 && argc == 3)
		return save(drive, argv[1], argv[2], error);
	if (strcmp(name, "presign") == 0 && argc == 4)
		return url(drive, argv[1], argv[2], argv[3], error);
	if (strcmp(name, "uri") == 0 && argc == 2)
		return url(drive, NULL, argv[1], NULL, error);
	if (strcmp(name, "fetch") == 0 && argc >= 2)
		return fetch(drive, argv + 1, error);
	return error_set(error, ERROR_USAGE, "unknown command; see the top of drive_store.c");
}

int main(int argc, char **argv)
{
	struct error error = { 0 };
	struct drive drive = { .settings = { .endpoint = getenv("FILOT_R2_ENDPOINT"),
					     .access_key = getenv("FILOT_R2_ACCESS_KEY"),
					     .secret_key = getenv("FILOT_R2_SECRET_KEY"),
					     .bucket = getenv("FILOT_R2_BUCKET"),
					     .region = getenv("FILOT_R2_REGION") } };
	log_open("drive_store", LOG_LEVEL_INFO);
	bool done = options(&drive, argc, argv) || error_set(&error, ERROR_USAGE, "unknown option");
	if (done && http_setup(&error)) {
		/* fetch works without object storage, everything else says what is missing */
		bool storage = drive.settings.endpoint || optind >= argc || strcmp(argv[optind], "fetch") != 0;
		drive.store = storage ? store_new(&drive.settings, &error) : NULL;
		done = (drive.store || !storage) && command(&drive, argc - optind, argv + optind, &error);
	}
	store_free(drive.store);
	if (!done)
		(void)fprintf(stderr, "%s: %s\n", error_code_name(error.code), error.message);
	return done ? 0 : error_exit_status(error.code);
}
