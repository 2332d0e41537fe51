/*
 * BULI2's decisions. The signature is looked at before anything of the body is, the replay guard is the row that the
 * decision is recorded with, and what comes twice, late, in the wrong order or for nobody is answered 200, so that BULI2
 * does not send it for ever.
 */
#include <string.h>

#include "cmd/filot-api/api.h"
#include "cmd/filot-api/verification.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/sha256.h"
#include "common/buli2/signature.h"

#include "callback_take_sql.h"

#define WINDOW_MS (5 * 60 * 1000)
#define LONGEST_DECISION_ID 256

/* Whether BULI2 signed this, now; answers when not. */
static bool believe(struct server_request *request, const struct api_context *context, int64_t *sent_ms)
{
	size_t length;
	const char *body = server_request_body(request, &length);
	const char *const secrets[] = { context->settings->buli2_signature_secret,
					context->settings->buli2_signature_secret_previous };
	if (!secrets[0]) {
		problem_answer(request, 503, "callbacks_off", "FILOT_BULI2_SIGNATURE_SECRET is not set");
		return false;
	}
	switch (buli2_verify(secrets, 2, server_request_header(request, BULI2_TIMESTAMP_HEADER),
			     server_request_header(request, BULI2_SIGNATURE_HEADER), body, length, clock_unix_ms(), WINDOW_MS,
			     sent_ms)) {
	case BULI2_SIGNED:
		return true;
	case BULI2_SIGNED_EARLIER:
		problem_answer(request, 401, "stale_signature", "the timestamp is more than five minutes from now");
		return false;
	default:
		problem_answer(request, 401, "bad_signature", "the signature is missing or wrong");
		return false;
	}
}

static bool decision_valid(const char *text)
{
	return text && (strcmp(text, "approved") == 0 || strcmp(text, "rejected") == 0 || strcmp(text, "review") == 0);
}

/*
 * A final decision stays: who asked may have acted on it, and deliveries that are late or out of order must not take it back.
 * One that says the opposite is not lost on the operator, though.
 */
static void tell_contradiction(const char *id, const char *verification, const char *decision, const char *outcome,
			       const char *state)
{
	bool final = strcmp(state, "approved") == 0 || strcmp(state, "rejected") == 0;
	if (final && strcmp(outcome, "ignored") == 0 && strcmp(decision, "review") != 0 && strcmp(decision, state) != 0)
		log_warning("decision_contradicts", log_string("callback", id), log_string("verification", verification),
			    log_string("decision", decision), log_string("stands", state));
}

static void take(struct server_request *request, struct api_context *context, const json_t *decision, int64_t sent_ms)
{
	const char *id, *verification, *what = json_string_value(json_object_get(decision, "decision"));
	char sent[CLOCK_RFC3339_SIZE], sum[SHA256_HEX_SIZE], bytes[SHA256_HEX_SIZE + 2];
	struct error error = { 0 };
	size_t length;
	const char *body = server_request_body(request, &length);
	if (!api_member(request, decision, "id", true, 1, LONGEST_DECISION_ID, &id) ||
	    !api_member(request, decision, "verification", true, 1, 128, &verification))
		return;
	if (!decision_valid(what)) {
		problem_answer_invalid(request, "#/decision", "must be approved, rejected or review");
		return;
	}
	if (!sha256_of(body, length, sum)) {
		problem_answer(request, 500, "internal", NULL);
		return;
	}
	(void)snprintf(bytes, sizeof bytes, "\\x%s", sum);
	const char *values[] = { id, verification, clock_rfc3339(sent_ms, sent), bytes, body, what };
	PGresult *result = pg_query(context->pg, true, callback_take_sql, 6, values, &error);
	if (!result) {
		problem_answer_error(request, "callback_take", &error);
		return;
	}
	const char *outcome = PQgetvalue(result, 0, 0);
	log_info("callback", log_string("callback", id), log_string("verification", verification),
		 log_string("decision", what), log_string("outcome", outcome));
	tell_contradiction(id, verification, what, outcome, PQgetvalue(result, 0, 1));
	metrics_count(context->api->metrics, METRIC_BULI2_CALLBACKS, 1, outcome);
	api_answer_json(request, 200, json_pack("{s:s}", "outcome", outcome));
	PQclear(result);
}

void callbacks_buli2(struct server_request *request, void *worker_context)
{
	struct api_context *context = worker_context;
	int64_t sent_ms = 0;
	if (!believe(request, context, &sent_ms)) {
		metrics_count(context->api->metrics, METRIC_BULI2_CALLBACKS, 1, "refused");
		return;
	}
	json_t *decision = api_body(request);
	if (decision)
		take(request, context, decision, sent_ms);
	json_decref(decision);
}
