/* One write(2) a line, so that lines of several processes on one pipe stay whole. */
#include "cmd/filot-buli2/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/write_all.h"

void output_open(struct output *output)
{
	*output = (struct output){ 0 };
	(void)pthread_mutex_init(&output->lock, NULL);
}

void output_close(struct output *output)
{
	(void)pthread_mutex_destroy(&output->lock);
}

bool output_receipt(struct output *output, const struct buli2_receipt *receipt, struct error *error)
{
	struct buffer line = { 0 };
	char status[16] = "";
	buli2_receipt_write(&line, receipt);
	if (receipt->http_status)
		(void)snprintf(status, sizeof status, "%ld", receipt->http_status);
	metrics_count(output->metrics, METRIC_BULI2_DELIVERIES, 1, buli2_end_names[receipt->end], status);
	if (receipt->http_status)
		metrics_time_us(output->metrics, METRIC_BULI2_SECONDS, receipt->ms * 1000);
	(void)pthread_mutex_lock(&output->lock);
	bool written = !line.failed && write_all(STDOUT_FILENO, line.data, line.length);
	int why = errno;
	output->counts[receipt->end]++;
	if (!written)
		output->failed = true;
	(void)pthread_mutex_unlock(&output->lock);
	buffer_free(&line);
	return written || error_set(error, ERROR_INTERNAL, "writing standard output: %s", strerror(why));
}
