/* The rows of an upload, and the answers that both ways of uploading have in common. */
#include "cmd/filot-api/creation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-api/loose.h"
#include "cmd/filot-api/outbox.h"
#include "common/base/log.h"
#include "documents_abandon_sql.h"
#include "documents_begin_sql.h"
#include "documents_created_sql.h"
#include "documents_store_sql.h"

#define BEGIN_TRIES 5

static bool set_key(struct creation *creation, const char *document)
{
	char upload[ULID_SIZE];
	(void)snprintf(creation->document, sizeof creation->document, "%s", document);
	(void)snprintf(creation->key, sizeof creation->key, "documents/%s/%s", document, ulid_new(upload));
	buffer_clear(&creation->uri);
	store_uri(creation->context->store, NULL, creation->key, &creation->uri);
	return !creation->uri.failed;
}

bool creation_open(struct creation *creation, struct server_request *request, struct api_context *context)
{
	char document[ULID_SIZE];
	*creation = (struct creation){ .request = request, .context = context, .lang = "eng", .priority = "normal" };
	if (!api_authenticate(request, context, &creation->caller))
		return false;
	if (!api_idempotency_key(request, &creation->idempotency_key))
		return false;
	if (set_key(creation, ulid_new(document)))
		return true;
	problem_answer_error(request, "document_create", &(const struct error){ .code = ERROR_OUT_OF_MEMORY });
	return false;
}

void creation_close(struct creation *creation)
{
	buffer_free(&creation->uri);
}

bool creation_set(struct creation *creation, const char *name, const char *lang, const char *priority)
{
	bool known = false;
	if (name)
		form_plain_name(name, strlen(name), creation->name, sizeof creation->name);
	if (lang && !job_lang_valid(lang)) {
		problem_answer_invalid(creation->request, "lang", "must be Tesseract's language names, joined by '+'");
		return false;
	}
	if (lang)
		(void)snprintf(creation->lang, sizeof creation->lang, "%s", lang);
	for (int index = 0; priority && index < JOB_PRIORITY_COUNT; index++)
		known = known || strcmp(priority, job_priority_names[index]) == 0;
	if (priority && !known) {
		problem_answer_invalid(creation->request, "priority", "must be high, normal or low");
		return false;
	}
	if (priority && strcmp(priority, "high") == 0 && strcmp(creation->caller.role, "user") == 0) {
		problem_answer(creation->request, 403, "forbidden", "High priority is not for this account.");
		return false;
	}
	if (priority)
		(void)snprintf(creation->priority, sizeof creation->priority, "%s", priority);
	return true;
}

static const char *or_null(const char *text)
{
	return text && *text ? text : NULL;
}

/* One look. *again: another request with this key came first. */
static enum begun begin(struct creation *creation, const char *const *values, char sum[static SHA256_HEX_SIZE],
			bool *again)
{
	enum begun begun = BEGUN_NOT;
	*again = false;
	PGresult *row = documents_query(creation->request, creation->context, true, documents_begin_sql, 10, values);
	if (!row)
		return BEGUN_NOT;
	const char *outcome = PQntuples(row) == 1 ? PQgetvalue(row, 0, 0) : "again";
	if (strcmp(outcome, "again") == 0) {
		*again = true;
	} else if (strcmp(outcome, "deleted") == 0) {
		problem_answer(creation->request, 409, "deleted",
			       "The document that was made with this Idempotency-Key has been deleted.");
	} else {
		begun = strcmp(outcome, "begun") == 0  ? BEGUN_NEW :
			strcmp(outcome, "stored") == 0 ? BEGUN_STORED : BEGUN_WAITING;
		(void)snprintf(creation->document, sizeof creation->document, "%s", PQgetvalue(row, 0, 1));
		(void)snprintf(sum, SHA256_HEX_SIZE, "%s", PQgetvalue(row, 0, 3));
		if (begun == BEGUN_WAITING) {
			buffer_clear(&creation->uri);
			buffer_append_string(&creation->uri, PQgetvalue(row, 0, 2));
		}
	}
	PQclear(row);
	return begun;
}

enum begun creation_begin(struct creation *creation, const char *request_sha256, const char *size, const char *sha256,
			  const char *expires_s, char sum[static SHA256_HEX_SIZE])
{
	const char *const values[] = { creation->document,
				       or_null(creation->caller.tenant),
				       documents_owner(&creation->caller),
				       creation->idempotency_key,
				       creation->uri.data,
				       or_null(creation->name),
				       request_sha256,
				       size,
				       sha256,
				       expires_s };
	for (int attempt = 0; attempt < BEGIN_TRIES; attempt++) {
		bool again;
		enum begun begun = begin(creation, values, sum, &again);
		if (!again)
			return begun;
	}
	creation_answer_busy(creation);
	return BEGUN_NOT;
}

void creation_answer_busy(struct creation *creation)
{
	server_answer_header(creation->request, "Retry-After", "5");
	problem_answer(creation->request, 409, "in_progress", "Another request with this Idempotency-Key is under way.");
}

void creation_abandon(struct creation *creation)
{
	const char *const values[] = { creation->document, creation->uri.data };
	struct error error = { 0 };
	PGresult *result = pg_query(creation->context->pg, true, documents_abandon_sql, 2, values, &error);
	if (!result)
		log_warning("upload_not_abandoned", log_string("document", creation->document), log_failure(&error));
	PQclear(result);
	loose_wake(creation->context->api->documents->loose);
}

void creation_answer(struct creation *creation, int status, const char *wanted)
{
	const char *const values[] = { creation->document };
	PGresult *row =
	    documents_query(creation->request, creation->context, true, documents_created_sql, 1, values);
	if (!row)
		return;
	if (PQntuples(row) != 1) {
		documents_not_found(creation->request); /* deleted just now */
	} else if (wanted && strcmp(wanted, PQgetvalue(row, 0, 1)) != 0) {
		problem_answer(creation->request, 422, "idempotency_key_reused",
			       "This Idempotency-Key was used with another request.");
	} else {
		char location[160];
		(void)snprintf(location, sizeof location, "/documents/%s", creation->document);
		server_answer_header(creation->request, "Location", location);
		server_answer_text(creation->request, status, "application/json", PQgetvalue(row, 0, 0));
	}
	PQclear(row);
}

/* The job line for the queue: its tenant shares the queue fairly, so each user without one counts as one. */
static bool write_job(struct creation *creation, const char *sha256, const char *media_type,
		      char id[static ULID_SIZE], struct buffer *line, struct error *error)
{
	char key[8 + ULID_SIZE];
	struct job job;
	const char *tenant = or_null(creation->caller.tenant);
	int priority = 0;
	while (priority < JOB_PRIORITY_COUNT - 1 && strcmp(creation->priority, job_priority_names[priority]) != 0)
		priority++;
	const struct job_template given = { .document = creation->document,
					    .uri = creation->copy ? creation->copy : creation->uri.data,
					    .sha256 = sha256,
					    .media_type = media_type,
					    .lang = creation->lang,
					    .tenant = tenant ? tenant : or_null(creation->caller.user_id),
					    .priority = (enum job_priority)priority };
	if (!job_new(&job, &given, error))
		return false;
	(void)snprintf(key, sizeof key, "api:%s", job.id);
	bool done = job_set_member(&job, "key", key, error);
	if (done) {
		memcpy(id, job.id, sizeof job.id);
		job_write(&job, line);
		done = !line->failed || error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a job");
	}
	job_free(&job);
	return done;
}

void creation_store(struct creation *creation, int status, int64_t bytes, const char *sha256, const char *media_type,
		    const char *request_sha256)
{
	char id[ULID_SIZE], size[24];
	struct buffer line = { 0 };
	struct error error = { 0 };
	PGresult *row = NULL;
	(void)snprintf(size, sizeof size, "%lld", (long long)bytes);
	if (!write_job(creation, sha256, media_type, id, &line, &error)) {
		problem_answer_error(creation->request, "document_job", &error);
		creation_abandon(creation);
		goto out;
	}
	const char *const values[] = { creation->document,
				       creation->uri.data,
				       size,
				       sha256,
				       media_type,
				       or_null(creation->name),
				       request_sha256,
				       id,
				       creation->lang,
				       creation->priority,
				       line.data,
				       creation->context->settings->queue_name,
				       creation->copy ? creation->copy : creation->uri.data };
	/* When its answer is lost, it is unknown whether the document is there: nothing is abandoned, its time runs out. */
	row = documents_query(creation->request, creation->context, true, documents_store_sql, 13, values);
	if (!row)
		goto out;
	if (strcmp(PQgetvalue(row, 0, 0), "stored") == 0) {
		outbox_wake(creation->context->api->documents->outbox);
		log_info("document_stored", log_string("request", server_request_id(creation->request)),
			 log_string("document", creation->document), log_string("job", id), log_integer("bytes", bytes),
			 log_string("media_type", media_type));
		creation_answer(creation, status, NULL);
	} else {
		problem_answer(creation->request, 409, "upload_lost",
			       "The upload took too long, or its document was deleted meanwhile.");
	}
out:
	PQclear(row);
	buffer_free(&line);
}

void creation_answer_read(struct creation *creation, const struct error *error)
{
	if (error->code == ERROR_TOO_LARGE)
		problem_answer(creation->request, 413, "too_large", error->message);
	else if (error->code == ERROR_TIMEOUT)
		problem_answer(creation->request, 408, "timeout", "The body came too slowly.");
	else
		problem_answer(creation->request, 400, "incomplete", "The body did not come to its end.");
}

json_t *creation_json(struct creation *creation)
{
	char bytes[CREATION_JSON_BYTES + 1];
	size_t length = 0, got = 1;
	struct error error = { 0 };
	while (got && length < sizeof bytes) {
		if (!server_request_read(creation->request, bytes + length, sizeof bytes - length, &got, &error)) {
			creation_answer_read(creation, &error);
			return NULL;
		}
		length += got;
	}
	if (length > CREATION_JSON_BYTES) {
		problem_answerf(creation->request, 413, "too_large", "More than %d bytes of JSON.", CREATION_JSON_BYTES);
		return NULL;
	}
	if (!length)
		return json_object();
	json_error_t why;
	json_t *value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &why);
	if (!value) {
		problem_answerf(creation->request, 400, "bad_json", "The body is not JSON: line %d: %s", why.line, why.text);
	} else if (!json_is_object(value)) {
		problem_answer_invalid(creation->request, "#", "must be an object");
		json_decref(value);
		value = NULL;
	}
	return value;
}
