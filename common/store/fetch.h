/*
 * A job's document by its URI, as a file descriptor, under a policy of what a stranger's job may name:
 * r2://bucket/key from object storage, https:// from public addresses, file: only under allowed folders.
 */
#ifndef FILOT_FETCH_H
#define FILOT_FETCH_H

#include "common/json/job.h"
#include "common/store/store.h"

struct fetch_policy {
	const char *const *allowed_folders; /* file: URIs must lie under one (after symbolic links); NULL-terminated */
	bool any_file; /* a person's own command line: every file: URI and plain path, pipes (FIFOs) too */
	bool private_addresses; /* https: may reach loopback, link-local and private addresses */
	bool plain_http; /* http: as well as https: */
	int64_t most_bytes; /* 0: 512 MiB */
	int64_t time_ms; /* for one document, all tries together; 0: 10 min */
	const char *const *allowed_buckets; /* besides the default one; NULL-terminated; NULL: none */
	int attempts; /* tries for https:; 0: 3 (the store has its own) */
};

struct fetch; /* one thread's clients */

/*
 * What `policy` points to must outlive it. `store` may be NULL (no object storage configured: r2: is ERROR_STORAGE_UNAVAILABLE)
 * and stays the caller's; each fetch sets its limits to the policy's. ERROR_CONFIG: an allowed folder is not there.
 */
struct fetch *fetch_new(const struct fetch_policy *policy, struct store *store, struct error *error);
void fetch_free(struct fetch *fetch); /* NULL is fine */

/*
 * Opens the job's document (job->uri and job->sha256 are read), at its start, as a regular file opened for reading or a
 * sealed memfd, and checks size and sha256. The caller closes the descriptor. -1 with ERROR_FORBIDDEN_URI (the policy, or
 * a server that answers 401 or 403), _NOT_FOUND, _TOO_LARGE, _CHECKSUM_MISMATCH, _STORAGE_UNAVAILABLE (also when the
 * object storage refuses our key: that is no fault of the job), _TIMEOUT, _EMPTY_DOCUMENT (no bytes), _BAD_JOB (not a URI
 * of ours). Messages never hold an https: URI's path, query or user.
 */
int fetch_open(struct fetch *fetch, const struct job *job, struct error *error);

/*
 * Splits "r2://bucket/key": bucket into `bucket`, returns the percent-decoded key; the caller frees. NULL: ERROR_BAD_JOB
 * (no bucket name, no key, a '?' or '#' that is not percent-encoded, %00, not UTF-8). store_uri() writes such URIs.
 */
char *fetch_split_r2(const char *uri, char bucket[static 64], struct error *error);

/*
 * The path of a file: URI ("file:/a%20b", "file:///a", "file://localhost/a"; RFC 8089), percent-decoded; the caller frees.
 * NULL: ERROR_BAD_JOB.
 */
char *fetch_file_path(const char *uri, struct error *error);

#endif
