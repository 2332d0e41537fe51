/* GET /search: the best pages of the caller's documents. The cursor is the last hit's rank, document and page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/filot-api/documents.h"
#include "documents_search_sql.h"

#define QUERY_BYTES 512
#define HITS_DEFAULT 20
#define HITS_MOST 100

struct cursor {
	char rank[32], document[129], page[12];
};

/* RANK~PAGE~DOCUMENT, all of characters that stand in a query string as they are. */
static bool read_cursor(const char *text, struct cursor *cursor)
{
	int end = 0;
	return sscanf(text, "%31[0-9.e+-]~%9[0-9]~%128[A-Za-z0-9._:-]%n", cursor->rank, cursor->page, cursor->document,
		      &end) == 3 &&
	       !text[end] && strtod(cursor->rank, NULL) >= 0 && strtod(cursor->rank, NULL) <= 1000 &&
	       strspn(cursor->rank, "0123456789") > 0;
}

static void answer_hits(struct server_request *request, const PGresult *rows, int limit)
{
	struct buffer body = { 0 };
	int count = PQntuples(rows) <= limit ? PQntuples(rows) : limit;
	buffer_append_string(&body, "{\"hits\":[");
	for (int row = 0; row < count; row++)
		buffer_printf(&body, "%s%s", row ? "," : "", PQgetvalue(rows, row, 3));
	buffer_append_string(&body, "],\"next_cursor\":");
	if (PQntuples(rows) > count)
		buffer_printf(&body, "\"%s~%s~%s\"}", PQgetvalue(rows, count - 1, 0), PQgetvalue(rows, count - 1, 2),
			      PQgetvalue(rows, count - 1, 1));
	else
		buffer_append_string(&body, "null}");
	server_answer(request, 200, "application/json", &body);
	buffer_free(&body);
}

void documents_search(struct server_request *request, void *context)
{
	struct api_context *own = context;
	struct api_caller caller;
	struct cursor cursor;
	char most[24];
	int64_t limit;
	const char *query = server_request_query(request, "q"), *after = server_request_query(request, "cursor");
	if (!api_authenticate(request, own, &caller) || !documents_limit(request, HITS_DEFAULT, HITS_MOST, &limit))
		return;
	if (!query || !*query || strlen(query) > QUERY_BYTES) {
		problem_answer_invalid(request, "?q", "must have 1 to 512 bytes");
		return;
	}
	if (after && !read_cursor(after, &cursor)) {
		problem_answer_invalid(request, "?cursor", "must be the next_cursor of an earlier page");
		return;
	}
	(void)snprintf(most, sizeof most, "%lld", (long long)limit + 1);
	const char *const values[] = { documents_owner(&caller),
				       query,
				       after ? cursor.rank : NULL,
				       after ? cursor.document : NULL,
				       after ? cursor.page : NULL,
				       most };
	PGresult *rows = documents_query(request, own, true, documents_search_sql, 6, values);
	if (rows)
		answer_hits(request, rows, (int)limit);
	PQclear(rows);
}
