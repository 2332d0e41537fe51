/*
 * POST /documents with the bytes: as they are, or as multipart/form-data with one file. Nothing of it is held but a part
 * (upload.h). With an Idempotency-Key whose document is there already, the bytes are read and only summed, to see whether
 * this is the same request: then it gets the same answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-api/documents_announce.h"
#include "cmd/filot-api/upload.h"
#include "common/base/clock.h"
#include "documents_renew_sql.h"

#define READ_BYTES (64 * 1024)
#define UPLOAD_S "300" /* without a sign of life an upload is over then, and its key can be used again */
#define RENEW_MS 60000
#define FIELD_BYTES 1500
#define FIELD_COUNT 3

/* What becomes of a failure. */
enum blame { BLAME_OURS, BLAME_READ, BLAME_ANSWERED };

struct taking {
	struct creation creation;
	struct upload upload;
	int64_t renewed_ms;
	enum blame blame;
	/* of a form */
	struct form form;
	int part; /* index of the field that comes, FIELD_COUNT: the file, -1: one that is passed over */
	bool file_seen;
	char file_name[FORM_FILE_NAME_SIZE];
	struct buffer fields[FIELD_COUNT];
};

static const char *const field_names[FIELD_COUNT] = { "name", "lang", "priority" };

/* Tells the other processes that this upload lives. */
static bool keep(void *context, struct error *error)
{
	struct taking *taking = context;
	const char *const values[] = { taking->creation.uri.data, UPLOAD_S };
	if (clock_monotonic_ms() < taking->renewed_ms + RENEW_MS)
		return true;
	PGresult *row = pg_query(taking->creation.context->pg, true, documents_renew_sql, 2, values, error);
	bool held = row && PQntuples(row) == 1;
	if (row && !held) {
		problem_answer(taking->creation.request, 409, "upload_lost", "The upload took too long.");
		taking->blame = BLAME_ANSWERED;
		(void)error_set(error, ERROR_TIMEOUT, "the upload took too long");
	}
	taking->renewed_ms = clock_monotonic_ms();
	PQclear(row);
	return held;
}

static bool refuse(struct taking *taking, int status, const char *code, const char *detail, struct error *error)
{
	problem_answer(taking->creation.request, status, code, detail);
	taking->blame = BLAME_ANSWERED;
	return error_set(error, ERROR_BAD_INPUT, "%s", detail);
}

static bool take_bytes(struct taking *taking, const char *bytes, size_t length, struct error *error)
{
	int64_t most = taking->creation.context->settings->upload_bytes;
	if ((int64_t)length > most - taking->upload.bytes)
		return refuse(taking, 413, "too_large", "The document has more bytes than are allowed.", error);
	/* Between parts, too: a slow client's part may take longer than an upload without a sign of life lasts. */
	return (!taking->upload.store || keep(taking, error)) && upload_write(&taking->upload, bytes, length, error);
}

/* ---- a form's parts ---- */

static bool on_begin(void *context, const struct form_part *part, struct error *error)
{
	struct taking *taking = context;
	taking->part = -1;
	if (part->file && *part->file_name) {
		if (taking->file_seen)
			return refuse(taking, 422, "one_file", "One request takes one file.", error);
		taking->file_seen = true;
		taking->part = FIELD_COUNT;
		(void)snprintf(taking->file_name, sizeof taking->file_name, "%s", part->file_name);
	}
	for (int index = 0; !part->file && index < FIELD_COUNT; index++)
		if (strcmp(part->name, field_names[index]) == 0) {
			buffer_clear(&taking->fields[index]);
			taking->part = index;
		}
	return true;
}

static bool on_data(void *context, const char *bytes, size_t length, struct error *error)
{
	struct taking *taking = context;
	if (taking->part == FIELD_COUNT)
		return take_bytes(taking, bytes, length, error);
	if (taking->part < 0)
		return true;
	struct buffer *field = &taking->fields[taking->part];
	if (length > FIELD_BYTES - field->length || memchr(bytes, '\0', length))
		return refuse(taking, 422, "invalid", "A field of the form is too long.", error);
	buffer_append(field, bytes, length);
	return !field->failed || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a form");
}

static bool on_end(void *context, struct error *error)
{
	(void)context;
	(void)error;
	return true;
}

static const char *field(const struct taking *taking, int index)
{
	return taking->fields[index].length ? taking->fields[index].data : NULL;
}

static bool finish_form(struct taking *taking, struct error *error)
{
	const char *name = field(taking, 0) ? field(taking, 0) : taking->file_name;
	if (!form_finish(&taking->form, error))
		return refuse(taking, 400, "bad_form", error->message, error);
	if (!taking->file_seen)
		return refuse(taking, 422, "no_file", "The form has no file.", error);
	if (creation_set(&taking->creation, name, field(taking, 1), field(taking, 2)))
		return true;
	taking->blame = BLAME_ANSWERED;
	return error_set(error, ERROR_BAD_INPUT, "refused");
}

/* ---- the body ---- */

static bool feed(struct taking *taking, bool form, const char *bytes, size_t length, struct error *error)
{
	if (!form)
		return take_bytes(taking, bytes, length, error);
	if (form_feed(&taking->form, bytes, length, error))
		return true;
	if (error->code == ERROR_BAD_INPUT && taking->blame != BLAME_ANSWERED)
		return refuse(taking, 400, "bad_form", error->message, error);
	return false;
}

static bool take_body(struct taking *taking, bool form, struct error *error)
{
	char *bytes = malloc(READ_BYTES);
	size_t length = 1;
	bool good = bytes || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a document");
	while (good && length) {
		good = server_request_read(taking->creation.request, bytes, READ_BYTES, &length, error);
		if (!good)
			taking->blame = BLAME_READ;
		else if (length)
			good = feed(taking, form, bytes, length, error);
	}
	free(bytes);
	return good && (!form || finish_form(taking, error)) && upload_finish(&taking->upload, error);
}

static void answer_failure(struct taking *taking, const struct error *error)
{
	struct server_request *request = taking->creation.request;
	if (taking->blame == BLAME_ANSWERED)
		return;
	if (taking->blame == BLAME_READ)
		creation_answer_read(&taking->creation, error);
	else if (error->code == ERROR_UNSUPPORTED_FORMAT)
		problem_answer(request, 415, "unsupported_format", error->message);
	else if (error->code == ERROR_EMPTY_DOCUMENT)
		problem_answer(request, 422, "empty_document", error->message);
	else
		problem_answer_error(request, "document_upload", error);
}

static bool request_sum(const struct taking *taking, char sum[static SHA256_HEX_SIZE])
{
	const struct creation *creation = &taking->creation;
	struct buffer text = { 0 };
	buffer_printf(&text, "upload\n%s\n%s\n%s\n%s", taking->upload.sha256, creation->name, creation->lang,
		      creation->priority);
	bool done = !text.failed && sha256_of(text.data, text.length, sum);
	buffer_free(&text);
	return done;
}

static void take(struct taking *taking, bool form, bool replay)
{
	struct creation *creation = &taking->creation;
	char sum[SHA256_HEX_SIZE];
	struct error error = { 0 };
	int64_t announced = server_request_content_length(creation->request);
	taking->upload.store = replay ? NULL : creation->context->store;
	taking->upload.key = creation->key;
	taking->upload.keep = keep;
	taking->upload.context = taking;
	taking->renewed_ms = clock_monotonic_ms();
	bool good = upload_open(&taking->upload, announced > 0 ? announced : creation->context->settings->upload_bytes,
				&error) &&
		    take_body(taking, form, &error);
	if (good && !request_sum(taking, sum))
		good = error_set(&error, ERROR_OUT_OF_MEMORY, "no memory for a sum");
	if (!good)
		answer_failure(taking, &error);
	upload_close(&taking->upload);
	if (good && replay)
		creation_answer(creation, 201, sum);
	else if (good)
		creation_store(creation, 201, taking->upload.bytes, taking->upload.sha256,
			       media_types[taking->upload.media], sum);
	else if (!replay)
		creation_abandon(creation);
}

/* What may come as it is: documents by their type, and bytes of no type. */
static bool raw_type(const char *type)
{
	return !*type || strcmp(type, "application/octet-stream") == 0 || strcmp(type, "application/pdf") == 0 ||
	       strncmp(type, "image/", 6) == 0;
}

static bool open_form(struct taking *taking)
{
	char boundary[FORM_BOUNDARY_SIZE];
	struct error error = { 0 };
	const char *type = server_request_header(taking->creation.request, "Content-Type");
	const struct form_sink sink = { taking, on_begin, on_data, on_end };
	if (!form_boundary(type ? type : "", boundary, &error)) {
		problem_answer(taking->creation.request, 400, "bad_form", error.message);
		return false;
	}
	form_open(&taking->form, boundary, &sink);
	return true;
}

/* What can be said before a byte is read. False: answered. */
static bool acceptable(struct taking *taking, const char *type, bool form)
{
	struct server_request *request = taking->creation.request;
	if (!form && !raw_type(type)) {
		problem_answerf(request, 415, "unsupported_media_type",
				"Send a document, multipart/form-data with a file, or JSON for an upload's URL.");
		return false;
	}
	if (!form && server_request_content_length(request) > taking->creation.context->settings->upload_bytes) {
		problem_answerf(request, 413, "too_large", "A document has at most %lld bytes.",
				(long long)taking->creation.context->settings->upload_bytes);
		return false;
	}
	if (form)
		return open_form(taking);
	return creation_set(&taking->creation, server_request_query(request, "name"), server_request_query(request, "lang"),
			    server_request_query(request, "priority"));
}

static void create(struct taking *taking)
{
	char sum[SHA256_HEX_SIZE];
	const char *type = server_request_media_type(taking->creation.request);
	bool form = strcmp(type, "multipart/form-data") == 0;
	if (strcmp(type, "application/json") == 0) {
		documents_announce(&taking->creation);
		return;
	}
	if (!acceptable(taking, type, form))
		return;
	enum begun begun = creation_begin(&taking->creation, NULL, NULL, NULL, UPLOAD_S, sum);
	if (begun == BEGUN_WAITING)
		creation_answer_busy(&taking->creation);
	else if (begun != BEGUN_NOT)
		take(taking, form, begun == BEGUN_STORED);
}

void documents_create(struct server_request *request, void *context)
{
	struct error error = { .code = ERROR_OUT_OF_MEMORY };
	struct taking *taking = calloc(1, sizeof *taking);
	if (!taking) {
		problem_answer_error(request, "document_create", &error);
		return;
	}
	taking->upload.file = -1;
	if (creation_open(&taking->creation, request, context))
		create(taking);
	creation_close(&taking->creation);
	form_close(&taking->form);
	for (int index = 0; index < FIELD_COUNT; index++)
		buffer_free(&taking->fields[index]);
	free(taking);
}
