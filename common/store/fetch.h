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
	bool any_file; /* a person's own command line: every file: URI and plain path */
	bool private_addresses; /* https: may reach loopback, link-local and private addresses */
	bool plain_http; /* http: as well as https: */
	int64_t most_bytes;
	int64_t time_ms;
	const char *const *allowed_buckets; /* NULL: the default bucket only */
};

struct fetch; /* one thread's clients */

/* `store` may be NULL (no object storage configured: r2: is ERROR_CONFIG) and stays the caller's. */
struct fetch *fetch_new(const struct fetch_policy *policy, struct store *store, struct error *error);
void fetch_free(struct fetch *fetch);

/*
 * Opens the job's document read-only, at its start, as a regular file or a sealed memfd, and checks size and sha256.
 * The caller closes the descriptor. -1 with ERROR_FORBIDDEN_URI, _NOT_FOUND, _TOO_LARGE, _CHECKSUM_MISMATCH,
 * _STORAGE_UNAVAILABLE, _TIMEOUT, _EMPTY_DOCUMENT (no bytes), _BAD_JOB (not a URI of ours).
 */
int fetch_open(struct fetch *fetch, const struct job *job, struct error *error);

/* Splits "r2://bucket/key" in place of copies: bucket into `bucket`, returns the (percent-decoded) key; the caller frees. */
char *fetch_split_r2(const char *uri, char bucket[static 64], struct error *error);

/* The path of a file: URI ("file:/a%20b", "file:///a"), percent-decoded; the caller frees. NULL: ERROR_BAD_JOB. */
char *fetch_file_path(const char *uri, struct error *error);

#endif
