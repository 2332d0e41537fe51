/* Problem details: a handful of members, written as text. */
#include "common/http/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/json_text.h"
#include "common/base/log.h"

#define PROBLEM_TYPE "application/problem+json"

const char *problem_title(int status)
{
	static const struct {
		int status;
		const char *title;
	} titles[] = { { 400, "Bad Request" },
		       { 401, "Unauthorized" },
		       { 403, "Forbidden" },
		       { 404, "Not Found" },
		       { 405, "Method Not Allowed" },
		       { 406, "Not Acceptable" },
		       { 408, "Request Timeout" },
		       { 409, "Conflict" },
		       { 410, "Gone" },
		       { 411, "Length Required" },
		       { 412, "Precondition Failed" },
		       { 413, "Content Too Large" },
		       { 415, "Unsupported Media Type" },
		       { 422, "Unprocessable Content" },
		       { 429, "Too Many Requests" },
		       { 431, "Request Header Fields Too Large" },
		       { 500, "Internal Server Error" },
		       { 501, "Not Implemented" },
		       { 502, "Bad Gateway" },
		       { 503, "Service Unavailable" },
		       { 504, "Gateway Timeout" },
		       { 505, "HTTP Version Not Supported" } };
	for (size_t index = 0; index < sizeof titles / sizeof *titles; index++)
		if (titles[index].status == status)
			return titles[index].title;
	return "Error";
}

static void member(struct buffer *body, const char *name, const char *value)
{
	if (!value)
		return;
	buffer_printf(body, ",\"%s\":", name);
	json_text_string(body, value, strlen(value));
}

static void begin(struct buffer *body, struct server_request *request, int status, const char *code, const char *detail)
{
	buffer_printf(body, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d", problem_title(status), status);
	member(body, "detail", detail);
	member(body, "code", code);
	member(body, "request_id", server_request_id(request));
}

void problem_answer(struct server_request *request, int status, const char *code, const char *detail)
{
	struct buffer body = { 0 };
	begin(&body, request, status, code, detail);
	buffer_append_string(&body, "}\n");
	server_answer(request, status, PROBLEM_TYPE, &body);
}

void problem_answerf(struct server_request *request, int status, const char *code, const char *format, ...)
{
	char detail[512];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(detail, sizeof detail, format, arguments);
	va_end(arguments);
	problem_answer(request, status, code, detail);
}

void problem_answer_invalid(struct server_request *request, const char *pointer, const char *detail)
{
	struct buffer body = { 0 };
	begin(&body, request, 422, "invalid", detail);
	buffer_append_string(&body, ",\"errors\":[{\"pointer\":");
	json_text_string(&body, pointer, strlen(pointer));
	member(&body, "detail", detail);
	buffer_append_string(&body, "}]}\n");
	server_answer(request, 422, PROBLEM_TYPE, &body);
}

void problem_answer_error(struct server_request *request, const char *event, const struct error *error)
{
	log_event(error_is_transient(error->code) ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, event,
		  log_string("request", server_request_id(request)), log_failure(error));
	switch (error->code) {
	case ERROR_UNAVAILABLE:
	case ERROR_STORAGE_UNAVAILABLE:
	case ERROR_TRY_AGAIN:
	case ERROR_OUT_OF_MEMORY:
		server_answer_header(request, "Retry-After", "5");
		problem_answer(request, 503, "unavailable", "a service that this needs is away; try again");
		break;
	case ERROR_TOO_LARGE:
		problem_answer(request, 413, "too_large", NULL);
		break;
	case ERROR_TIMEOUT:
		problem_answer(request, 504, "timeout", NULL);
		break;
	default:
		problem_answer(request, 500, "internal", "the request id names it in our logs");
	}
}
