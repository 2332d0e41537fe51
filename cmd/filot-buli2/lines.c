/* The filter: a line in, a receipt out. */
#include "cmd/filot-buli2/lines.h"

#include <unistd.h>

#include "cmd/filot-buli2/sender.h"
#include "common/base/lines.h"
#include "common/base/stop.h"

/* While the breaker is open nothing is sent: the line goes to the retry set, due when the breaker lets it through. */
static bool put_off(struct sender *sender, const struct buli2_request *request, int64_t wait_ms,
		    struct buli2_receipt *receipt, struct error *error)
{
	struct buffer line = { 0 };
	bool owned;
	buli2_request_write(request, &line);
	*receipt = (struct buli2_receipt){ .delivery = request->delivery, .verification = request->verification,
					   .end = BULI2_RETRY };
	(void)error_set(&receipt->error, ERROR_UNAVAILABLE, "BULI2 is down: the circuit breaker is open");
	bool good = line.failed ? error_set(error, ERROR_OUT_OF_MEMORY, "out of memory")
				: buli2_queue_retry(sender->queue, NULL, line.data, wait_ms, &receipt->due_ms, &owned, error);
	buffer_free(&line);
	return good;
}

static bool take_line(struct sender *sender, struct output *output, const char *line, size_t length, size_t number,
		      struct error *error)
{
	struct buli2_request request;
	struct buli2_receipt receipt = { .end = BULI2_REFUSED };
	struct buli2_looked looked = { 0 };
	if (!buli2_request_parse(&request, line, length, &receipt.error)) {
		(void)error_prefix(&receipt.error, "line %zu", number);
		return output_receipt(output, &receipt, error);
	}
	bool good = !sender->queue || buli2_queue_look(sender->queue, &looked, error);
	if (good && looked.breaker_ms > 0)
		good = put_off(sender, &request, looked.breaker_ms, &receipt, error);
	else if (good)
		good = sender_deliver(sender, &request, NULL, &receipt, error);
	good = good && output_receipt(output, &receipt, error);
	buli2_request_free(&request);
	return good;
}

bool lines_run(const struct delivery_settings *settings, struct output *output, struct error *error)
{
	struct sender sender;
	struct lines lines;
	char *line;
	size_t length;
	bool good = sender_open(&sender, settings, 0, error);
	if (!good)
		return false;
	lines_open(&lines, STDIN_FILENO, BULI2_LONGEST_LINE_BYTES);
	while (good) {
		enum lines_status status = lines_next(&lines, &line, &length, &stop_requests, error);
		if (status == LINES_END || status == LINES_FAILED) {
			good = status == LINES_END;
			break;
		}
		if (status == LINES_TOO_LONG) {
			struct buli2_receipt receipt = { .end = BULI2_REFUSED };
			(void)error_set(&receipt.error, ERROR_BAD_JOB, "line %zu: longer than 1 MiB", lines.number);
			good = output_receipt(output, &receipt, error);
		} else if (length) {
			good = take_line(&sender, output, line, length, lines.number, error);
		}
	}
	lines_free(&lines);
	sender_close(&sender);
	return good;
}
