/* GET /documents/{id}/events: looks, answers with a stream, and hands it to the thread of events.c. */
#include <stdlib.h>

#include "cmd/filot-api/documents.h"
#include "cmd/filot-api/events.h"
#include "cmd/filot-api/lookups.h"
#include "common/base/buffer.h"
#include "documents_states_sql.h"

static void follow(struct server_request *request, struct api_context *own, const PGresult *row)
{
	const struct event_state state = { .document = PQgetvalue(row, 0, 0),
					   .job = PQgetvalue(row, 0, 1),
					   .state = PQgetvalue(row, 0, 2),
					   .attempt = strtoll(PQgetvalue(row, 0, 3), NULL, 10),
					   .pages = strtoll(PQgetvalue(row, 0, 4), NULL, 10),
					   .code = PQgetvalue(row, 0, 5),
					   .message = PQgetvalue(row, 0, 6) };
	server_answer_header(request, "Cache-Control", "no-store");
	server_answer_header(request, "X-Accel-Buffering", "no"); /* nginx would hold events back */
	struct server_stream *stream = server_answer_stream(request, 200, "text/event-stream");
	if (stream)
		events_follow(own->api->documents->events, stream, &state,
			      server_request_header(request, "Last-Event-ID"));
}

void documents_events(struct server_request *request, void *context)
{
	struct api_context *own = context;
	struct lookup found;
	struct buffer array = { 0 };
	if (!documents_find(request, own, &found))
		return;
	buffer_printf(&array, "{\"%s\"}", server_request_parameter(request, "id"));
	if (array.failed) {
		problem_answer_error(request, "document_events", &(const struct error){ .code = ERROR_OUT_OF_MEMORY });
	} else {
		const char *const values[] = { array.data };
		PGresult *row = documents_query(request, own, true, documents_states_sql, 1, values);
		if (row && PQntuples(row) == 1)
			follow(request, own, row);
		else if (row)
			documents_not_found(request);
		PQclear(row);
	}
	buffer_free(&array);
	lookup_end(&found);
}
