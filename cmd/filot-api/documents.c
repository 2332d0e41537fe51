/* What is there is shown: rows as JSON that PostgreSQL wrote. */
#include "cmd/filot-api/documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-api/events.h"
#include "cmd/filot-api/lookups.h"
#include "cmd/filot-api/loose.h"
#include "cmd/filot-api/outbox.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/store/fetch.h"
#include "documents_delete_sql.h"
#include "documents_list_sql.h"
#include "documents_result_pages_sql.h"
#include "documents_result_sql.h"
#include "documents_text_sql.h"

#define LIST_DEFAULT 50
#define LIST_MOST 200
#define PAGES_AT_ONCE "64"
#define ANSWER_MOST_BYTES ((size_t)256 << 20) /* of text or result: more than any document of the default limits has */
#define FILE_URL_S 300

struct documents *documents_open(const struct api_settings *settings, struct error *error)
{
	struct documents *documents = calloc(1, sizeof *documents);
	if (!documents) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory");
		return NULL;
	}
	if ((documents->lookups = lookups_new(error)) && (documents->outbox = outbox_open(settings, error)) &&
	    (documents->loose = loose_open(settings, error)) && (documents->events = events_open(settings, error)))
		return documents;
	documents_close(documents);
	return NULL;
}

void documents_drain(struct documents *documents)
{
	events_drain(documents->events);
}

void documents_close(struct documents *documents)
{
	if (!documents)
		return;
	events_close(documents->events);
	loose_close(documents->loose);
	outbox_close(documents->outbox);
	lookups_free(documents->lookups);
	free(documents);
}

/* ---- what handlers share ---- */

const char *documents_owner(const struct api_caller *caller)
{
	return caller->service ? NULL : caller->user_id;
}

PGresult *documents_query(struct server_request *request, struct api_context *context, bool again, const char *sql,
			  int count, const char *const *values)
{
	struct error error = { 0 };
	PGresult *result = pg_query_prepared(context->pg, again, sql, count, values, &error);
	if (!result)
		problem_answer_error(request, "documents_query", &error);
	return result;
}

void documents_not_found(struct server_request *request)
{
	problem_answer(request, 404, "not_found", "There is no such document.");
}

const char *documents_id(struct server_request *request)
{
	const char *id = server_request_parameter(request, "id");
	if (id && id_valid(id))
		return id;
	documents_not_found(request);
	return NULL;
}

bool documents_limit(struct server_request *request, int64_t fallback, int64_t most, int64_t *number)
{
	const char *text = server_request_query(request, "limit");
	char *end = NULL;
	*number = fallback;
	if (!text)
		return true;
	errno = 0;
	*number = strtoll(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && *number >= 1 && *number <= most)
		return true;
	char detail[64];
	(void)snprintf(detail, sizeof detail, "must be a number from 1 to %lld", (long long)most);
	problem_answer_invalid(request, "?limit", detail);
	return false;
}

bool documents_find(struct server_request *request, struct api_context *context, struct lookup *found)
{
	struct api_caller caller;
	struct error error = { 0 };
	const char *id;
	*found = (struct lookup){ 0 };
	if (!api_authenticate(request, context, &caller) || !(id = documents_id(request)))
		return false;
	if (!lookups_find(context->api->documents->lookups, context->pg, id, documents_owner(&caller), found, &error))
		problem_answer_error(request, "documents_find", &error);
	else if (!found->batch)
		documents_not_found(request);
	return found->batch != NULL;
}

static void answer_bytes(struct server_request *request, const char *media_type, struct buffer *body)
{
	server_answer(request, 200, media_type, body);
	buffer_free(body);
}

/* ---- documents ---- */

void documents_get(struct server_request *request, void *context)
{
	struct lookup found;
	if (documents_find(request, context, &found))
		server_answer_text(request, 200, "application/json", lookup_value(&found, LOOKUP_JSON));
	lookup_end(&found);
}

void documents_list(struct server_request *request, void *context)
{
	struct api_context *own = context;
	struct api_caller caller;
	char most[24];
	int64_t limit;
	const char *cursor = server_request_query(request, "cursor");
	if (!api_authenticate(request, own, &caller) || !documents_limit(request, LIST_DEFAULT, LIST_MOST, &limit))
		return;
	if (cursor && (!*cursor || strlen(cursor) > 128)) {
		problem_answer_invalid(request, "?cursor", "must be the next_cursor of an earlier page");
		return;
	}
	/* One more than asked for tells whether there is another page. */
	(void)snprintf(most, sizeof most, "%lld", (long long)limit + 1);
	const char *const values[] = { documents_owner(&caller), cursor, most };
	PGresult *rows = documents_query(request, own, true, documents_list_sql, 3, values);
	if (!rows)
		return;
	struct buffer body = { 0 };
	int count = PQntuples(rows) <= (int)limit ? PQntuples(rows) : (int)limit;
	buffer_append_string(&body, "{\"documents\":[");
	for (int row = 0; row < count; row++)
		buffer_printf(&body, "%s%s", row ? "," : "", PQgetvalue(rows, row, 1));
	buffer_append_string(&body, "],\"next_cursor\":");
	if (PQntuples(rows) > count)
		buffer_printf(&body, "\"%s\"}", PQgetvalue(rows, count - 1, 0));
	else
		buffer_append_string(&body, "null}");
	answer_bytes(request, "application/json", &body);
	PQclear(rows);
}

void documents_delete(struct server_request *request, void *context)
{
	struct api_context *own = context;
	struct api_caller caller;
	const char *id = NULL;
	if (!api_authenticate(request, own, &caller) || !(id = documents_id(request)))
		return;
	const char *const values[] = { id, documents_owner(&caller) };
	PGresult *row = documents_query(request, own, true, documents_delete_sql, 2, values);
	if (!row)
		return;
	if (PQntuples(row) == 1) {
		log_info("document_deleted", log_string("document", id), log_string("user", caller.user_id));
		if (*PQgetvalue(row, 0, 0))
			loose_wake(own->api->documents->loose);
		server_answer(request, 204, NULL, &(struct buffer){ 0 });
	} else {
		documents_not_found(request);
	}
	PQclear(row);
}

/* ---- what was read ---- */

/* 409 while there is nothing to show; true when the document's newest job is done. */
static bool is_read(struct server_request *request, const struct lookup *found)
{
	const char *state = lookup_value(found, LOOKUP_STATE);
	if (!state)
		state = "uploading";
	if (strcmp(state, "done") == 0)
		return true;
	if (strcmp(state, "failed") == 0)
		problem_answerf(request, 409, "not_read", "The document could not be read: %s",
				lookup_value(found, LOOKUP_ERROR));
	else
		problem_answerf(request, 409, "not_yet_read", "The document is not yet read: it is %s.", state);
	return false;
}

static bool fits(struct server_request *request, const struct buffer *body)
{
	if (body->length <= ANSWER_MOST_BYTES)
		return true;
	problem_answer(request, 500, "too_large", "What was read is too long for one answer.");
	return false;
}

void documents_text(struct server_request *request, void *context)
{
	struct api_context *own = context;
	char after[24] = "0";
	struct buffer body = { 0 };
	struct lookup found;
	bool good = documents_find(request, own, &found) && is_read(request, &found);
	for (int count = 1; good && count > 0;) {
		const char *const values[] = { server_request_parameter(request, "id"), NULL, after, PAGES_AT_ONCE };
		PGresult *pages = documents_query(request, own, true, documents_text_sql, 4, values);
		count = pages ? PQntuples(pages) : 0;
		good = pages != NULL;
		for (int page = 0; page < count; page++) {
			if (body.length)
				buffer_append_char(&body, '\f');
			buffer_append(&body, PQgetvalue(pages, page, 1), (size_t)PQgetlength(pages, page, 1));
			(void)snprintf(after, sizeof after, "%s", PQgetvalue(pages, page, 0));
		}
		PQclear(pages);
		good = good && fits(request, &body);
	}
	if (good)
		answer_bytes(request, "text/plain; charset=utf-8", &body);
	buffer_free(&body);
	lookup_end(&found);
}

/* Appends the page objects of a job. */
static bool append_pages(struct server_request *request, struct api_context *own, const char *job, struct buffer *body)
{
	char after[24] = "0";
	bool first = true;
	for (int count = 1; count > 0;) {
		const char *const values[] = { job, after, PAGES_AT_ONCE };
		PGresult *pages = documents_query(request, own, true, documents_result_pages_sql, 3, values);
		if (!pages)
			return false;
		count = PQntuples(pages);
		for (int page = 0; page < count; page++, first = false) {
			buffer_append_string(body, first ? "" : ",");
			buffer_append(body, PQgetvalue(pages, page, 1), (size_t)PQgetlength(pages, page, 1));
			(void)snprintf(after, sizeof after, "%s", PQgetvalue(pages, page, 0));
		}
		PQclear(pages);
		if (!fits(request, body))
			return false;
	}
	return true;
}

void documents_result(struct server_request *request, void *context)
{
	struct api_context *own = context;
	struct buffer body = { 0 };
	struct lookup found;
	if (!documents_find(request, own, &found))
		return;
	const char *const values[] = { server_request_parameter(request, "id"), NULL };
	PGresult *line = documents_query(request, own, true, documents_result_sql, 2, values);
	if (line && PQntuples(line) == 0) {
		(void)is_read(request, &found);
	} else if (line) {
		buffer_append_string(&body, PQgetvalue(line, 0, 0));
		if (append_pages(request, own, PQgetvalue(line, 0, 2), &body)) {
			buffer_append_string(&body, PQgetvalue(line, 0, 1));
			answer_bytes(request, "application/json", &body);
		}
	}
	buffer_free(&body);
	PQclear(line);
	lookup_end(&found);
}

void documents_file(struct server_request *request, void *context)
{
	struct api_context *own = context;
	char bucket[64], until[CLOCK_RFC3339_SIZE];
	struct buffer url = { 0 }, body = { 0 };
	struct error error = { 0 };
	struct lookup found;
	if (!documents_find(request, own, &found))
		return;
	const char *uri = lookup_value(&found, LOOKUP_URI), *name = lookup_value(&found, LOOKUP_NAME);
	char *key = strncmp(uri, "r2://", 5) == 0 ? fetch_split_r2(uri, bucket, &error) : NULL;
	if (!name || !*name)
		name = server_request_parameter(request, "id");
	if (!lookup_value(&found, LOOKUP_STATE)) {
		problem_answer(request, 409, "not_stored", "The document's upload is not complete.");
	} else if (!key) {
		problem_answer(request, 409, "not_stored", "The document is not in our object storage.");
	} else if (!store_presign_named(own->store, "GET", bucket, key, name, FILE_URL_S, &url, &error) || url.failed) {
		problem_answer_error(request, "document_file", &error);
	} else {
		/* A URL has no character that JSON escapes. */
		buffer_printf(&body, "{\"url\":\"%s\",\"expires_at\":\"%s\"}", url.data,
			      clock_rfc3339(clock_unix_ms() + FILE_URL_S * 1000, until));
		server_answer_header(request, "Location", url.data);
		server_answer_header(request, "Cache-Control", "private, no-store");
		server_answer(request, 302, "application/json", &body);
	}
	free(key);
	buffer_free(&url);
	buffer_free(&body);
	lookup_end(&found);
}
