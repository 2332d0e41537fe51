/* filot-buli2: deliver verification requests to BULI2, never losing one. See filot-buli2(1). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/filot-buli2/admin.h"
#include "cmd/filot-buli2/lines.h"
#include "cmd/filot-buli2/service.h"
#include "common/base/stop.h"
#include "common/http/http.h"
#include "common/redis/metrics_publish.h"

/* As a service or from cron; its figures are published. */
static bool run_service(const struct delivery_settings *settings, struct output *output, struct error *error)
{
	struct metrics_publish_settings publishing = { .redis_url = settings->redis_url, .redis_ca = settings->redis_ca,
						       .queue_name = settings->jobs_queue_name, .command = "filot-buli2" };
	publishing.metrics = output->metrics = metrics_new(error);
	struct metrics_publisher *publisher = output->metrics ? metrics_publisher_start(&publishing, error) : NULL;
	output->process = publisher ? metrics_publisher_process(publisher) : "";
	bool good = publisher && service_run(settings, output, error);
	metrics_publisher_stop(publisher);
	metrics_free(output->metrics);
	output->metrics = NULL;
	return good;
}

static bool run(const struct delivery_settings *settings, const char *place, int *status, struct error *error)
{
	struct output output;
	int64_t refused = 0;
	bool good;
	*status = EX_OK;
	if (settings->list || settings->requeue_dead || settings->drop_dead) {
		good = settings->list ? admin_list(settings, place, &refused, error)
				      : admin_end_dead(settings, &refused, error);
		if (good && (fflush(stdout) != 0 || ferror(stdout)))
			good = error_set(error, ERROR_INTERNAL, "standard output: %s", strerror(errno));
		*status = refused ? 1 : EX_OK;
		return good;
	}
	output_open(&output);
	good = settings->from_queue || settings->drain ? run_service(settings, &output, error)
						       : lines_run(settings, &output, error);
	/* A daemon that was asked to end did its work; a run that is over tells how it went. */
	if (!settings->from_queue &&
	    output.counts[BULI2_DEAD] + output.counts[BULI2_FAILED] + output.counts[BULI2_REFUSED])
		*status = 1;
	output_close(&output);
	return good;
}

int main(int argc, char **argv)
{
	struct delivery_settings settings;
	struct options options;
	struct error error = { 0 };
	const struct command command = delivery_command(&settings);
	const char *place;
	int status = EX_OK;
	switch (options_parse(&command, &options, argc, argv, &error)) {
	case OPTIONS_DONE:
		break;
	case OPTIONS_FAILED:
		status = options_exit(&command, &error);
		break;
	default:
		stop_install();
		if (!delivery_settings_check(&settings, &options.operands, &place, &error) || !http_setup(&error) ||
		    !run(&settings, place, &status, &error))
			status = options_exit(&command, &error);
	}
	options_free(&options, &command);
	return status;
}
