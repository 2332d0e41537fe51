/* The progress line. Log lines wipe it by themselves (log.c) and the next update draws it again. */
#include "common/base/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"

void progress_open(struct progress *progress, const char *what, int64_t total)
{
	*progress = (struct progress){ .what = what, .total = total, .terminal = isatty(STDERR_FILENO) == 1 };
}

void progress_update(struct progress *progress, int64_t done, int64_t failed)
{
	int64_t now_ms = progress->terminal ? clock_monotonic_ms() : 0;
	if (!progress->terminal || now_ms < progress->next_ms)
		return;
	progress->next_ms = now_ms + 100;
	progress->shown = true;
	fprintf(stderr, "\r\033[K%" PRId64, done);
	if (progress->total)
		fprintf(stderr, " of %" PRId64, progress->total);
	fprintf(stderr, " %s", progress->what);
	if (failed)
		fprintf(stderr, ", %" PRId64 " failed", failed);
	(void)fflush(stderr);
}

void progress_close(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
