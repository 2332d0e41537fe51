/* One POST /documents or its completion: shared by documents_create.c (bytes through us) and documents_announce.c (PUT). */
#ifndef FILOT_API_CREATION_H
#define FILOT_API_CREATION_H

#include "cmd/filot-api/documents.h"
#include "common/base/sha256.h"
#include "common/base/ulid.h"
#include "common/http/form.h"
#include "common/json/job.h"

#define CREATION_JSON_BYTES (16 * 1024)

struct creation {
	struct server_request *request;
	struct api_context *context;
	struct api_caller caller;
	const char *idempotency_key; /* or NULL */
	char document[129], key[200];
	struct buffer uri; /* r2://bucket/key, key is "documents/DOCUMENT/ULID" */
	const char *copy; /* the uri of the object that the document takes instead; NULL: uri */
	/* what was asked for */
	char name[FORM_FILE_NAME_SIZE]; /* "": none */
	char lang[129], priority[16];
	char request_sha256[SHA256_HEX_SIZE];
};

enum begun {
	BEGUN_NOT, /* answered */
	BEGUN_NEW,
	BEGUN_STORED, /* the key's document is there */
	BEGUN_WAITING /* its upload is under way; `document` and `uri` are its */
};

/* Authenticates and reads Idempotency-Key. False: answered. Close it in either case. */
bool creation_open(struct creation *creation, struct server_request *request, struct api_context *context);
void creation_close(struct creation *creation);

/* Sets name, lang and priority (NULL: the default), checked; false: 422 or 403 was answered. */
bool creation_set(struct creation *creation, const char *name, const char *lang, const char *priority);

/* The rows of a new document; request_sha256, size and sha256 may be NULL. *sum: the earlier request's, for the others. */
enum begun creation_begin(struct creation *creation, const char *request_sha256, const char *size, const char *sha256,
			  const char *expires_s, char sum[static SHA256_HEX_SIZE]);

/* The document takes its object, the job is made and sent, and 201 or `status` answered; or what went wrong. */
void creation_store(struct creation *creation, int status, int64_t bytes, const char *sha256, const char *media_type,
		    const char *request_sha256);

/* Answers with the stored document: `wanted` (NULL: any) is the sum that its request must have had, else 422. */
void creation_answer(struct creation *creation, int status, const char *wanted);

/* The document goes, and what is in storage. */
void creation_abandon(struct creation *creation);

void creation_answer_busy(struct creation *creation); /* 409 with Retry-After */

/* A body of JSON, or nothing at all (an empty object). NULL: answered. */
json_t *creation_json(struct creation *creation);

/* 408, 413 or nobody hears it: the client's body failed. */
void creation_answer_read(struct creation *creation, const struct error *error);

#endif
