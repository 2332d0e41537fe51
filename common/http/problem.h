/*
 * Errors as problem details (RFC 9457): application/problem+json
 * {"type":"about:blank","title":"Not Found","status":404,"detail":…,"code":"not_found","request_id":…}.
 */
#ifndef FILOT_HTTP_PROBLEM_H
#define FILOT_HTTP_PROBLEM_H

#include "common/base/error.h"
#include "common/http/server.h"

/*
 * Answers with a problem. `code` is a stable snake_case word for programs, `detail` a sentence for people (no secret, one
 * line) or NULL. Put WWW-Authenticate, Retry-After, Allow with server_answer_header before.
 */
void problem_answer(struct server_request *request, int status, const char *code, const char *detail);
void problem_answerf(struct server_request *request, int status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A problem of one member of the request's body or query (422): adds "errors":[{"pointer":"#/email","detail":…}]. */
void problem_answer_invalid(struct server_request *request, const char *pointer, const char *detail);

/*
 * The problem for an error of ours: unavailable, storage_unavailable and try_again are 503 with Retry-After, too_large
 * 413, timeout 504 (408 when the client was slow: answer that yourself), the rest 500; logged once as `event`, and what is
 * not the client's business is not told.
 */
void problem_answer_error(struct server_request *request, const char *event, const struct error *error);

/* "Not Found" for 404; never NULL. */
const char *problem_title(int status);

#endif
