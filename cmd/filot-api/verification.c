/* The two requests about verifications. The evaluation itself is evaluator.c's, whenever the documents are read. */
#include "cmd/filot-api/verification.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/filot-api/api.h"
#include "common/base/sha256.h"
#include "common/base/ulid.h"
#include "common/verify/evaluate.h"
#include "verification_begin_sql.h"
#include "verification_by_key_sql.h"
#include "verification_get_sql.h"

#define MOST_DOCUMENTS 20
#define LONGEST_ID 128
#define LONGEST_ROLE 64

/* One item of "documents": an id, or {"document": id, "role": text}. Made the latter in `list`. */
static bool take_document(struct server_request *request, json_t *item, size_t index, json_t *list)
{
	char pointer[64];
	const char *id = json_string_value(json_is_object(item) ? json_object_get(item, "document") : item);
	json_t *role = json_is_object(item) ? json_object_get(item, "role") : NULL;
	size_t other;
	json_t *earlier;
	(void)snprintf(pointer, sizeof pointer, "#/documents/%zu", index);
	if (!id || !api_visible_ascii(id, LONGEST_ID)) {
		problem_answer_invalid(request, pointer, "must be a document's id, or an object with document and role");
		return false;
	}
	const char *role_text = json_string_value(role);
	if (role && !json_is_null(role) && (!role_text || strlen(role_text) != json_string_length(role) ||
					    !api_visible_ascii(role_text, LONGEST_ROLE))) {
		problem_answer_invalid(request, pointer, "role must be 1 to 64 visible ASCII characters");
		return false;
	}
	json_array_foreach(list, other, earlier)
		if (strcmp(json_string_value(json_object_get(earlier, "document")), id) == 0) {
			problem_answer_invalid(request, pointer, "is there twice");
			return false;
		}
	if (json_array_append_new(list, json_pack("{s:s, s:s?}", "document", id, "role", role_text)) == 0)
		return true;
	problem_answer(request, 500, "internal", NULL);
	return false;
}

/* The documents of the body as a new array, NULL when it answered already. */
static json_t *take_documents(struct server_request *request, const json_t *body)
{
	const json_t *given = json_object_get(body, "documents");
	size_t count = json_array_size(given);
	if (!json_is_array(given) || count < 1 || count > MOST_DOCUMENTS) {
		problem_answer_invalid(request, "#/documents", "must be an array of 1 to 20 documents");
		return NULL;
	}
	json_t *list = json_array();
	for (size_t index = 0; list && index < count; index++)
		if (!take_document(request, json_array_get(given, index), index, list)) {
			json_decref(list);
			return NULL;
		}
	if (!list)
		problem_answer(request, 500, "internal", NULL);
	return list;
}

static bool claim_valid(struct server_request *request, const json_t *claimed)
{
	char pointer[256];
	const char *member = NULL;
	struct error why = { 0 };
	if (!json_is_object(claimed)) {
		problem_answer_invalid(request, "#/claimed", "must be an object");
		return false;
	}
	if (verify_claim_valid(claimed, &member, &why))
		return true;
	(void)snprintf(pointer, sizeof pointer, "#/claimed%s%.100s", member ? "/" : "", member ? member : "");
	problem_answer_invalid(request, pointer, why.message);
	return false;
}

/* The verification with `status`; 404 when there is none for this caller. */
static void answer_verification(struct server_request *request, struct api_context *context,
				const struct api_caller *caller, const char *id, int status)
{
	struct error error = { 0 };
	struct buffer body = { 0 };
	bool reviews = strcmp(caller->role, "admin") == 0 || strcmp(caller->role, "reviewer") == 0;
	const char *values[] = { id, caller->service ? NULL : caller->user_id, reviews ? "true" : "false",
				 *caller->tenant ? caller->tenant : NULL };
	PGresult *result = pg_query(context->pg, true, verification_get_sql, 4, values, &error);
	if (!result) {
		problem_answer_error(request, "verification_get", &error);
		return;
	}
	if (PQntuples(result) == 1) {
		const char *text = PQgetvalue(result, 0, 0);
		buffer_append(&body, text, strlen(text) - 1); /* up to its closing brace */
		if (!PQgetisnull(result, 0, 1))
			buffer_printf(&body, ",\"checks\":%s", PQgetvalue(result, 0, 1));
		buffer_append_char(&body, '}');
		server_answer(request, status, "application/json", &body);
	} else {
		problem_answer(request, 404, "not_found", "there is no such verification");
	}
	PQclear(result);
}

/* The key was used: by the same request, which gets the same answer, or by another one. */
static void answer_existing(struct server_request *request, struct api_context *context, const struct api_caller *caller,
			    const char *key, const char *sha256)
{
	struct error error = { 0 };
	const char *values[] = { caller->service ? NULL : caller->user_id, key };
	PGresult *result = pg_query(context->pg, true, verification_by_key_sql, 2, values, &error);
	if (!result)
		problem_answer_error(request, "verification_by_key", &error);
	else if (PQntuples(result) != 1)
		problem_answer(request, 409, "conflict", "the same request is under way; send it again");
	else if (strcmp(PQgetvalue(result, 0, 1), sha256) != 0)
		problem_answer(request, 422, "idempotency_key_reused", "this Idempotency-Key came with another request before");
	else
		answer_verification(request, context, caller, PQgetvalue(result, 0, 0), 200);
	PQclear(result);
}

static void begin(struct server_request *request, struct api_context *context, const struct api_caller *caller,
		  const char *key, const char *claimed, const char *documents, const char *sha256)
{
	char id[ULID_SIZE], location[64];
	struct error error = { 0 };
	const char *values[] = { ulid_new(id), *caller->tenant ? caller->tenant : NULL,
				 caller->service ? NULL : caller->user_id, key, claimed, sha256, documents,
				 context->settings->temporal.endpoint ? "true" : "false" };
	/* Sent again after a lost answer it would find its own row; without a key that makes no second one: the id is ours. */
	PGresult *result = pg_query(context->pg, true, verification_begin_sql, 8, values, &error);
	const char *said = result && PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "";
	if (!result) {
		problem_answer_error(request, "verification_begin", &error);
	} else if (strcmp(said, "missing") == 0) {
		problem_answerf(request, 404, "document_not_found", "there is no document %s", PQgetvalue(result, 0, 1));
	} else if (strcmp(said, "exists") == 0 && key) {
		answer_existing(request, context, caller, key, sha256);
	} else {
		(void)snprintf(location, sizeof location, "/verification/%s", id);
		server_answer_header(request, "Location", location);
		answer_verification(request, context, caller, id, 201);
	}
	PQclear(result);
}

void verification_evaluate(struct server_request *request, void *context)
{
	struct api_caller caller;
	const char *key;
	json_t *body = NULL, *documents = NULL;
	char *claimed_text = NULL, *documents_text = NULL, *whole = NULL;
	char sha256[SHA256_HEX_SIZE];
	if (!api_authenticate(request, context, &caller) || !api_idempotency_key(request, &key) || !(body = api_body(request)))
		return;
	json_t *claimed = json_object_get(body, "claimed");
	if (!claim_valid(request, claimed) || !(documents = take_documents(request, body)))
		goto out;
	claimed_text = json_dumps(claimed, JSON_COMPACT);
	documents_text = json_dumps(documents, JSON_COMPACT);
	whole = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
	if (claimed_text && documents_text && whole && sha256_of(whole, strlen(whole), sha256))
		begin(request, context, &caller, key, claimed_text, documents_text, sha256);
	else
		problem_answer(request, 500, "internal", NULL);
out:
	free(claimed_text);
	free(documents_text);
	free(whole);
	json_decref(documents);
	json_decref(body);
}

void verification_get(struct server_request *request, void *context)
{
	struct api_caller caller;
	if (!api_authenticate(request, context, &caller))
		return;
	answer_verification(request, context, &caller, server_request_parameter(request, "id"), 200);
}
