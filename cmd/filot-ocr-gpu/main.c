/* filot-ocr-gpu: read documents, as a filter over files and job lines or as a worker on the queue. */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/http/http.h"
#include "consumer.h"
#include "devices.h"
#include "filter.h"
#include "settings.h"

static int run_filter(const struct command *command, const struct ocr_settings *settings,
		      const struct string_list *operands)
{
	struct filter_counts counts = { 0 };
	struct error error = { 0 };
	if (!filter_run(settings, operands, &counts, &error))
		return options_exit(command, &error);
	return counts.failed ? 1 : EX_OK;
}

static int run_consumer(const struct command *command, const struct ocr_settings *settings)
{
	struct error error = { 0 };
	return consumer_run(settings, &error) ? EX_OK : options_exit(command, &error);
}

int main(int argc, char **argv)
{
	struct ocr_settings settings;
	struct options options;
	struct error error = { 0 };
	const struct command command = ocr_command(&settings);
	int status;
	switch (options_parse(&command, &options, argc, argv, &error)) {
	case OPTIONS_DONE:
		status = EX_OK;
		break;
	case OPTIONS_FAILED:
		status = options_exit(&command, &error);
		break;
	default:
		stop_install();
		if (settings.no_sandbox)
			log_warning("no_sandbox", log_string("message", "documents are decoded without Landlock and seccomp"));
		if (!ocr_settings_check(&settings, options.operands.count, &error) || !http_setup(&error))
			status = options_exit(&command, &error);
		else if (settings.list_devices)
			status = devices_print(&settings, &error) ? EX_OK : options_exit(&command, &error);
		else if (settings.from_queue)
			status = run_consumer(&command, &settings);
		else
			status = run_filter(&command, &settings, &options.operands);
	}
	options_free(&options, &command);
	return status;
}
