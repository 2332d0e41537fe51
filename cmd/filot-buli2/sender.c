/*
 * The order that loses nothing: the row says that a try begins, BULI2 is asked, the row says how it ended, and only then
 * the entry in Redis goes. A sender that dies in between leaves the entry, and the request is sent once more with the same
 * idempotency key; once the row says delivered, it is not.
 */
#include "cmd/filot-buli2/sender.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/process_name.h"

static void make_name(struct sender *sender, int number)
{
	char process[101];
	const char *name = sender->settings->sender ? sender->settings->sender : process_name(process, sizeof process);
	(void)snprintf(sender->name, sizeof sender->name, "%.100s-%d", name, number);
}

static bool open_queue(struct sender *sender, struct error *error)
{
	const struct delivery_settings *settings = sender->settings;
	const struct redis_settings connection = { .url = settings->redis_url, .ca = settings->redis_ca,
						   .client_name = "filot-buli2", .reconnect_ms = 10 * 1000 };
	const struct buli2_queue_settings names = { .name = settings->queue_name, .sender = sender->name,
						    .visibility_ms = settings->visibility_ms,
						    .dead_keep_ms = settings->dead_keep_ms,
						    .breaker_failures = settings->breaker_failures,
						    .breaker_base_ms = settings->breaker_base_ms,
						    .breaker_cap_ms = settings->breaker_cap_ms };
	sender->redis = redis_new(&connection, error);
	if (!sender->redis || !redis_connect(sender->redis, settings->wait_ms, error))
		return false;
	sender->queue = buli2_queue_new(&names, sender->redis, error);
	return sender->queue != NULL;
}

static bool open_database(struct sender *sender, struct error *error)
{
	const struct delivery_settings *settings = sender->settings;
	const struct pg_settings database = { .url = settings->database_url, .application_name = "filot-buli2",
					      .connect_ms = 5000, .statement_ms = 10 * 1000, .reconnect_ms = 10 * 1000 };
	sender->pg = pg_new(&database, error);
	return sender->pg && pg_connect(sender->pg, settings->wait_ms, error);
}

bool sender_open(struct sender *sender, const struct delivery_settings *settings, int number, struct error *error)
{
	const struct buli2_settings buli2 = { .url = settings->api_url, .api_key = settings->api_key,
					      .signature_secret = settings->signature_secret,
					      .callback_url = settings->callback_url,
					      .connect_ms = settings->connect_ms, .total_ms = settings->timeout_ms };
	*sender = (struct sender){ .settings = settings };
	make_name(sender, number);
	if (buli2_client_open(&sender->client, &buli2, error) && (!settings->redis_url || open_queue(sender, error)) &&
	    (!settings->database_url || open_database(sender, error)))
		return true;
	sender_close(sender);
	return false;
}

void sender_close(struct sender *sender)
{
	buli2_client_close(&sender->client);
	buli2_queue_free(sender->queue);
	redis_free(sender->redis);
	pg_free(sender->pg);
	*sender = (struct sender){ 0 };
}

/* Whether to send at all. *go false: the receipt says why not. */
static bool begin(struct sender *sender, struct buli2_request *request, const char *entry,
		  struct buli2_receipt *receipt, bool *go, struct error *error)
{
	enum deliveries_begun begun = DELIVERIES_UNKNOWN;
	bool owned;
	int64_t attempt = 0;
	*go = true;
	receipt->attempt = request->attempts + 1;
	if (sender->pg && !deliveries_begin(sender->pg, request, sender->name, sender->settings->visibility_ms * 3 / 4, &begun, &attempt,
			  error))
		return false;
	if (begun == DELIVERIES_TAKEN)
		receipt->attempt = attempt;
	if (begun == DELIVERIES_TAKEN || (begun == DELIVERIES_UNKNOWN && request->has_payload))
		return true;
	*go = false;
	receipt->end = BULI2_SKIPPED;
	receipt->attempt = 0;
	if (begun == DELIVERIES_UNKNOWN && !entry) {
		receipt->end = BULI2_REFUSED;
		(void)error_set(&receipt->error, ERROR_NOT_FOUND, "delivery %s is not known, and there is no payload",
				request->delivery);
	}
	/* One that is held stays where it is until its row is done: its holder may be dead. */
	return begun == DELIVERIES_HELD || !entry || buli2_queue_done(sender->queue, entry, &owned, error);
}

static void tell_breaker(struct sender *sender, const struct buli2_answer *answer)
{
	struct error why = { 0 };
	bool changed = false, asks = answer->status == 429 || (answer->status == 503 && answer->retry_after_ms > 0);
	enum buli2_health health = asks ? BULI2_ASKS_TO_WAIT : answer->unwell ? BULI2_UNWELL : BULI2_WELL;
	int64_t open_ms = 0, asked_ms = answer->retry_after_ms;
	if (asks && !asked_ms)
		asked_ms = sender->settings->breaker_base_ms;
	if (!sender->queue)
		return;
	/* The breaker spares BULI2; a delivery does not depend on it. */
	if (!buli2_queue_report(sender->queue, health, asked_ms, &changed, &open_ms, &why))
		log_warning("breaker_unknown", log_failure(&why));
	else if (changed && health == BULI2_WELL)
		log_info("breaker_closed");
	else if (changed)
		log_warning("breaker_opened", log_integer("ms", open_ms), log_string("why", answer->why.message));
}

/* What the answer means for the request: DELIVERED, RETRY (due in *delay_ms), FAILED or DEAD. */
static enum buli2_end judge(const struct sender *sender, const struct buli2_answer *answer, int64_t attempt,
			    int64_t *delay_ms)
{
	const struct delivery_settings *settings = sender->settings;
	if (answer->verdict == BULI2_TAKEN)
		return BULI2_DELIVERED;
	if (answer->verdict == BULI2_FINAL || attempt >= settings->max_attempts)
		return BULI2_DEAD;
	int64_t exponent = attempt - 1 < 30 ? attempt - 1 : 30;
	*delay_ms = clock_backoff_ms((int)exponent, settings->backoff_base_ms, settings->backoff_cap_ms);
	if (*delay_ms < answer->retry_after_ms)
		*delay_ms = answer->retry_after_ms;
	return sender->queue || sender->pg ? BULI2_RETRY : BULI2_FAILED;
}

static bool end_in_queue(struct sender *sender, const struct buli2_request *request, const char *entry,
			 const struct buli2_answer *answer, int64_t delay_ms, struct buli2_receipt *receipt,
			 struct error *error)
{
	struct buffer line = { 0 };
	bool owned = true, good;
	receipt->due_ms = clock_unix_ms() + delay_ms;
	if (!sender->queue)
		return true;
	if (receipt->end == BULI2_DELIVERED)
		return !entry || buli2_queue_done(sender->queue, entry, &owned, error);
	buli2_request_write(request, &line);
	if (line.failed || (answer->body.failed))
		good = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	else if (receipt->end == BULI2_RETRY)
		good = buli2_queue_retry(sender->queue, entry, line.data, delay_ms, &receipt->due_ms, &owned, error);
	else
		good = buli2_queue_bury(sender->queue, entry, line.data, &answer->why, answer->status,
					answer->body.data, &owned, error);
	buffer_free(&line);
	return good;
}

static bool end(struct sender *sender, struct buli2_request *request, const char *entry,
		const struct buli2_answer *answer, struct buli2_receipt *receipt, struct error *error)
{
	int64_t delay_ms = 0;
	receipt->end = judge(sender, answer, receipt->attempt, &delay_ms);
	receipt->http_status = answer->status;
	if (receipt->end != BULI2_DELIVERED)
		receipt->error = answer->why;
	if (receipt->end == BULI2_FAILED)
		return true;
	const struct deliveries_end row = { .end = receipt->end, .http_status = answer->status,
					.why = receipt->end == BULI2_DELIVERED ? NULL : answer->why.message,
					.answer = receipt->end == BULI2_DELIVERED ? answer->body.data : NULL,
					.delay_ms = delay_ms,
					/* Without a queue the row alone knows of the retry, so it is due with it. */
					.again_ms = sender->queue ? sender->settings->again_ms : 0 };
	return (!sender->pg || deliveries_end(sender->pg, request->delivery, &row, error)) &&
	       end_in_queue(sender, request, entry, answer, delay_ms, receipt, error);
}

bool sender_deliver(struct sender *sender, struct buli2_request *request, const char *entry,
		    struct buli2_receipt *receipt, struct error *error)
{
	struct buli2_answer answer = { 0 };
	bool go;
	*receipt = (struct buli2_receipt){ .delivery = request->delivery, .verification = request->verification };
	if (!begin(sender, request, entry, receipt, &go, error))
		return false;
	if (!go)
		return true;
	int64_t start_ms = clock_monotonic_ms();
	bool good = buli2_request_set_attempts(request, receipt->attempt, error) &&
		    buli2_post(&sender->client, request, &answer, error);
	receipt->ms = clock_monotonic_ms() - start_ms;
	if (good) {
		tell_breaker(sender, &answer);
		good = end(sender, request, entry, &answer, receipt, error);
	}
	buffer_free(&answer.body);
	if (good)
		log_write(receipt->end == BULI2_DELIVERED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "delivery",
			  (const struct log_field[]){
			      log_string("delivery", request->delivery), log_string("verification", request->verification),
			      log_string("status", buli2_end_names[receipt->end]), log_integer("attempt", receipt->attempt),
			      log_integer("http_status", receipt->http_status), log_integer("ms", receipt->ms),
			      log_string("why", receipt->error.code ? receipt->error.message : NULL), { .name = NULL } });
	return good;
}

bool sender_refuse(struct sender *sender, const struct buli2_claim *claim, const struct error *why, struct error *error)
{
	bool owned;
	return buli2_queue_bury(sender->queue, claim->entry, claim->line.data ? claim->line.data : "", why, 0, NULL, &owned,
				error);
}
