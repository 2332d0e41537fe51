/*
 * Uploads that go past us: POST /documents with JSON answers with a presigned URL, to which the client puts the bytes, and
 * POST /documents/{id}/complete looks at what is there: its length, its sum, what it is. It looks at a copy, which becomes
 * the document, because the URL is good for a while longer and what was looked at must not change any more.
 */
#include "cmd/filot-api/documents_announce.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/filot-api/loose.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/ocr/media.h"
#include "common/store/fetch.h"
#include "documents_copy_failed_sql.h"
#include "documents_copy_sql.h"
#include "documents_renew_sql.h"
#include "documents_upload_sql.h"

#define URL_S 3600
#define UPLOAD_S "7200" /* a PUT that began when the URL was still good must have ended */
#define READ_MS (INT64_C(30) * 60 * 1000)

/* A member that is a whole number, as text. */
static bool size_member(struct creation *creation, const json_t *body, char text[static 24])
{
	const json_t *member = json_object_get(body, "size_bytes");
	int64_t most = creation->context->settings->upload_bytes;
	text[0] = '\0';
	if (!member || json_is_null(member))
		return true;
	if (!json_is_integer(member) || json_integer_value(member) < 1) {
		problem_answer_invalid(creation->request, "#/size_bytes", "must be a number of bytes");
		return false;
	}
	if (json_integer_value(member) > most) {
		problem_answerf(creation->request, 413, "too_large", "A document has at most %lld bytes.",
				(long long)most);
		return false;
	}
	(void)snprintf(text, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(member));
	return true;
}

/* The sum's digits in lower case. */
static bool sum_member(struct creation *creation, const json_t *body, char sum[static SHA256_HEX_SIZE])
{
	const char *text;
	sum[0] = '\0';
	if (!api_member(creation->request, body, "sha256", false, 64, 64, &text))
		return false;
	if (text && !sha256_valid(text)) {
		problem_answer_invalid(creation->request, "#/sha256", "must be 64 hexadecimal digits");
		return false;
	}
	for (size_t at = 0; text && at < SHA256_HEX_SIZE; at++)
		sum[at] = (char)(text[at] >= 'A' && text[at] <= 'F' ? text[at] + 32 : text[at]);
	return true;
}

static bool renew(struct creation *creation)
{
	const char *const values[] = { creation->uri.data, UPLOAD_S };
	PGresult *row = documents_query(creation->request, creation->context, true, documents_renew_sql, 2, values);
	bool held = row && PQntuples(row) == 1;
	if (row && !held)
		problem_answer(creation->request, 409, "upload_lost", "The upload has expired: begin a new one.");
	PQclear(row);
	return held;
}

static void answer_url(struct creation *creation)
{
	char bucket[64], until[CLOCK_RFC3339_SIZE], location[160];
	struct buffer url = { 0 }, body = { 0 };
	struct error error = { 0 };
	char *key = fetch_split_r2(creation->uri.data, bucket, &error);
	if (!key || !store_presign(creation->context->store, "PUT", bucket, key, URL_S, &url, &error) || url.failed) {
		problem_answer_error(creation->request, "document_announce", &error);
	} else {
		buffer_printf(&body,
			      "{\"id\":\"%s\",\"status\":\"uploading\",\"upload\":{\"method\":\"PUT\",\"url\":\"%s\","
			      "\"expires_at\":\"%s\"},\"complete\":\"/documents/%s/complete\"}",
			      creation->document, url.data, clock_rfc3339(clock_unix_ms() + URL_S * 1000, until),
			      creation->document);
		(void)snprintf(location, sizeof location, "/documents/%s", creation->document);
		server_answer_header(creation->request, "Location", location);
		server_answer_header(creation->request, "Cache-Control", "private, no-store");
		server_answer(creation->request, 201, "application/json", &body);
	}
	free(key);
	buffer_free(&url);
	buffer_free(&body);
}

static void announce(struct creation *creation, const char *size, const char *sha256)
{
	char wanted[SHA256_HEX_SIZE], sum[SHA256_HEX_SIZE];
	struct buffer text = { 0 };
	buffer_printf(&text, "announce\n%s\n%s\n%s", creation->name, size, sha256);
	bool summed = !text.failed && sha256_of(text.data, text.length, wanted);
	buffer_free(&text);
	if (!summed) {
		problem_answer_error(creation->request, "document_announce",
				     &(const struct error){ .code = ERROR_OUT_OF_MEMORY });
		return;
	}
	enum begun begun = creation_begin(creation, wanted, *size ? size : NULL, *sha256 ? sha256 : NULL, UPLOAD_S, sum);
	if (begun == BEGUN_STORED)
		creation_answer(creation, 201, wanted);
	else if (begun == BEGUN_WAITING && !*sum)
		creation_answer_busy(creation);
	else if (begun == BEGUN_WAITING && strcmp(sum, wanted) != 0)
		problem_answer(creation->request, 422, "idempotency_key_reused",
			       "This Idempotency-Key was used with another request.");
	else if (begun == BEGUN_NEW || (begun == BEGUN_WAITING && renew(creation)))
		answer_url(creation);
}

void documents_announce(struct creation *creation)
{
	char size[24], sha256[SHA256_HEX_SIZE];
	const char *name = NULL;
	json_t *body = creation_json(creation);
	if (body && api_member(creation->request, body, "name", false, 1, 1024, &name) &&
	    size_member(creation, body, size) && sum_member(creation, body, sha256) &&
	    creation_set(creation, name, NULL, NULL))
		announce(creation, size, sha256);
	json_decref(body);
}

/* ---- complete ---- */

static void answer_object(struct creation *creation, const struct error *error)
{
	if (error->code == ERROR_NOT_FOUND)
		problem_answer(creation->request, 409, "not_uploaded", "Nothing was put to the upload's URL yet.");
	else if (error->code == ERROR_UNSUPPORTED_FORMAT)
		problem_answer(creation->request, 415, "unsupported_format", error->message);
	else if (error->code == ERROR_EMPTY_DOCUMENT)
		problem_answer(creation->request, 422, "empty_document", error->message);
	else
		problem_answer_error(creation->request, "document_complete", error);
}

/* What is in storage, to its last byte: its length, sum and kind. False: answered. */
static bool look_at_object(struct creation *creation, const char *bucket, const char *key, struct store_object *object,
			   char sha256[static SHA256_HEX_SIZE], enum media *media)
{
	struct store *store = creation->context->store;
	struct buffer start = { 0 };
	struct error error = { 0 };
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	store_set_limits(store, creation->context->settings->upload_bytes, READ_MS);
	bool done = nowhere >= 0 ? store_get(store, bucket, key, nowhere, object, sha256, &error) :
				   error_set(&error, ERROR_INTERNAL, "/dev/null: %s", strerror(errno));
	store_set_limits(store, 0, 0);
	if (done && !object->bytes)
		done = error_set(&error, ERROR_EMPTY_DOCUMENT, "the document has no bytes");
	done = done && store_get_start(store, bucket, key, MEDIA_PREFIX_BYTES, &start, &error) &&
	       media_find(start.data, start.length, media, &error);
	if (nowhere >= 0)
		(void)close(nowhere);
	buffer_free(&start);
	if (done)
		return true;
	answer_object(creation, &error);
	return false;
}

static bool as_announced(struct creation *creation, const PGresult *row, const struct store_object *object,
			 const char *sha256)
{
	if (!PQgetisnull(row, 0, 1) && strtoll(PQgetvalue(row, 0, 1), NULL, 10) != object->bytes) {
		problem_answerf(creation->request, 422, "wrong_size", "What was put has %lld bytes, not %s.",
				(long long)object->bytes, PQgetvalue(row, 0, 1));
		return false;
	}
	if (!PQgetisnull(row, 0, 2) && strcmp(PQgetvalue(row, 0, 2), sha256) != 0) {
		problem_answer(creation->request, 422, "checksum_mismatch", "What was put has another SHA-256.");
		return false;
	}
	return true;
}

/* The copy was not taken: it goes. */
static void drop_copy(struct creation *creation, const char *uri)
{
	struct error error = { 0 };
	PGresult *result = pg_query(creation->context->pg, true, documents_copy_failed_sql, 1, &uri, &error);
	if (!result)
		log_warning("copy_not_dropped", log_string("document", creation->document), log_failure(&error));
	PQclear(result);
	loose_wake(creation->context->api->documents->loose);
}

/* Copies the object to a key that nobody has a URL for. False: answered. */
static bool copy_object(struct creation *creation, const char *bucket, const char *from, const char *to, const char *uri)
{
	struct error error = { 0 };
	const char *const values[] = { creation->document, uri, UPLOAD_S };
	struct store_object object;
	if (!store_head(creation->context->store, bucket, from, &object, &error)) {
		answer_object(creation, &error);
		return false;
	}
	if (object.bytes > creation->context->settings->upload_bytes) {
		problem_answerf(creation->request, 413, "too_large", "A document has at most %lld bytes.",
				(long long)creation->context->settings->upload_bytes);
		return false;
	}
	PGresult *row = documents_query(creation->request, creation->context, true, documents_copy_sql, 3, values);
	PQclear(row);
	if (!row)
		return false;
	if (store_copy(creation->context->store, bucket, from, to, &error))
		return true;
	answer_object(creation, &error);
	drop_copy(creation, uri);
	return false;
}

static void complete(struct creation *creation, const PGresult *row)
{
	char bucket[64], sha256[SHA256_HEX_SIZE], to[200], upload[ULID_SIZE];
	struct store_object object = { 0 };
	struct error error = { 0 };
	struct buffer copy = { 0 };
	enum media media;
	buffer_clear(&creation->uri);
	buffer_append_string(&creation->uri, PQgetvalue(row, 0, 0));
	if (!renew(creation))
		return;
	char *key = fetch_split_r2(PQgetvalue(row, 0, 0), bucket, &error);
	(void)snprintf(to, sizeof to, "documents/%s/%s", creation->document, ulid_new(upload));
	store_uri(creation->context->store, bucket, to, &copy);
	if (!key || copy.failed) {
		problem_answer_error(creation->request, "document_complete", &error);
	} else if (copy_object(creation, bucket, key, to, copy.data)) {
		creation->copy = copy.data;
		if (look_at_object(creation, bucket, to, &object, sha256, &media) &&
		    as_announced(creation, row, &object, sha256))
			creation_store(creation, 200, object.bytes, sha256, media_types[media], NULL);
		else
			drop_copy(creation, copy.data);
	}
	free(key);
	buffer_free(&copy);
}

void documents_complete(struct server_request *request, void *context)
{
	struct creation creation;
	const char *id = NULL, *lang, *priority;
	json_t *body = NULL;
	PGresult *row = NULL;
	if (!creation_open(&creation, request, context) || !(id = documents_id(request)) ||
	    !(body = creation_json(&creation)) || !api_member(request, body, "lang", false, 1, 128, &lang) ||
	    !api_member(request, body, "priority", false, 1, 8, &priority) ||
	    !creation_set(&creation, NULL, lang, priority))
		goto out;
	(void)snprintf(creation.document, sizeof creation.document, "%s", id);
	const char *const values[] = { id, documents_owner(&creation.caller) };
	row = documents_query(request, context, true, documents_upload_sql, 2, values);
	if (!row)
		goto out;
	if (PQntuples(row) != 1)
		documents_not_found(request);
	else if (strcmp(PQgetvalue(row, 0, 3), "t") == 0)
		creation_answer(&creation, 200, NULL);
	else
		complete(&creation, row);
out:
	PQclear(row);
	json_decref(body);
	creation_close(&creation);
}
