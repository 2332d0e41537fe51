/* A table of names, units and values; then the same table twice: as the directive, and as members. */
#include "cmd/filot-healthd/emf.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/json_text.h"

struct metric {
	const char *name, *unit;
	bool known;
	double value;
};

/* Totals fall only when their Redis lost them. */
static double grown(int64_t now, int64_t before)
{
	return now > before ? (double)(now - before) : 0;
}

static void write_value(struct buffer *line, double value)
{
	if (value == (double)(int64_t)value)
		buffer_printf(line, "%" PRId64, (int64_t)value);
	else
		buffer_printf(line, "%.3f", value);
}

void emf_write(const struct figures *f, const struct figures_totals *last, const char *service, bool healthy,
	       struct buffer *line)
{
	const struct figures_totals *now = &f->totals, *then = last ? last : now;
	bool queue = f->queue_known, buli2 = f->buli2_known, totals = f->totals_known;
	const struct metric metrics[] = {
		{ "Healthy", "Count", true, healthy ? 1 : 0 },
		{ "QueueDepth", "Count", queue, (double)f->waiting_all },
		{ "QueueInFlight", "Count", queue, (double)f->in_flight },
		{ "OldestJobAge", "Seconds", queue, (double)f->oldest_ms / 1000 },
		{ "DelayedJobs", "Count", queue, (double)f->delayed },
		{ "DeadJobs", "Count", queue, (double)f->dead },
		{ "BacklogPerWorker", "Count", queue, f->backlog_per_worker },
		{ "Workers", "Count", queue, (double)f->workers },
		{ "Buli2RetryQueue", "Count", buli2, (double)f->buli2_retry },
		{ "Buli2Dead", "Count", buli2, (double)f->buli2_dead },
		{ "JobsDone", "Count", totals, grown(now->jobs_done, then->jobs_done) },
		{ "JobsFailed", "Count", totals, grown(now->jobs_failed, then->jobs_failed) },
		{ "PagesDone", "Count", totals, grown(now->pages, then->pages) },
		{ "ApiRequests", "Count", totals, grown(now->api_requests, then->api_requests) },
		{ "Api5xx", "Count", totals, grown(now->api_5xx, then->api_5xx) },
		{ "DiskUsedPercent", "Percent", f->disk_used_percent >= 0, f->disk_used_percent },
	};
	buffer_printf(line,
		      "{\"_aws\":{\"Timestamp\":%" PRId64 ",\"CloudWatchMetrics\":[{\"Namespace\":\"FiLot\","
		      "\"Dimensions\":[[\"Service\"]],\"Metrics\":[",
		      f->at_ms);
	for (size_t index = 0, told = 0; index < sizeof metrics / sizeof *metrics; index++)
		if (metrics[index].known)
			buffer_printf(line, "%s{\"Name\":\"%s\",\"Unit\":\"%s\"}", told++ ? "," : "", metrics[index].name,
				      metrics[index].unit);
	buffer_append_string(line, "]}]},\"Service\":");
	json_text_string(line, service, strlen(service));
	for (size_t index = 0; index < sizeof metrics / sizeof *metrics; index++)
		if (metrics[index].known) {
			buffer_printf(line, ",\"%s\":", metrics[index].name);
			write_value(line, metrics[index].value);
		}
	buffer_append_string(line, "}\n");
}
