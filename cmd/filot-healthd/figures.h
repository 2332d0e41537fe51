/* What one look at the system told, as plain numbers: for samples, EMF lines and the page. */
#ifndef HEALTHD_FIGURES_H
#define HEALTHD_FIGURES_H

#include "common/json/job.h"

/* Counted since ever, by all processes. */
struct figures_totals {
	int64_t jobs_done, jobs_failed, jobs_retried, pages, api_requests, api_5xx;
};

struct figures {
	int64_t at_ms; /* Unix */
	bool queue_known, buli2_known, totals_known;
	int64_t waiting[JOB_PRIORITY_COUNT], waiting_all;
	int64_t in_flight, oldest_ms, delayed, overdue, dead; /* oldest_ms 0: none waits */
	int64_t workers, slots, busy;
	double backlog_per_worker, finished_per_s, pages_per_s;
	int64_t buli2_requests, buli2_retry, buli2_dead;
	struct figures_totals totals;
	double disk_used_percent; /* of the fullest; -1: not known */
};

#endif
