/* filot-smoke: prove that production works, from outside, a canary document included. See filot-smoke(1). */
#include <sysexits.h>

#include "cmd/filot-smoke/report.h"
#include "common/base/stop.h"

static bool run(const struct smoke_settings *settings, int *status, struct error *error)
{
	struct smoke smoke;
	struct report report = { 0 };
	bool good = smoke_open(&smoke, settings, error) && report_open(&report, &smoke, error);
	if (good) {
		for (enum smoke_check_id id = 0; id < SMOKE_CHECK_COUNT; id++)
			if (smoke.results[id].chosen) {
				smoke_run(&smoke, id);
				report_check(&report, id);
			}
		good = report_close(&report, error);
		*status = stop_requests ? EX_TEMPFAIL : report.counts[SMOKE_FAIL] ? 1 : EX_OK;
	}
	smoke_close(&smoke);
	return good;
}

int main(int argc, char **argv)
{
	struct smoke_settings settings;
	struct options options;
	struct error error = { 0 };
	const struct command command = smoke_command(&settings);
	int status = EX_OK;
	switch (options_parse(&command, &options, argc, argv, &error)) {
	case OPTIONS_DONE:
		break;
	case OPTIONS_FAILED:
		status = options_exit(&command, &error);
		break;
	default:
		stop_install();
		if (!smoke_settings_check(&settings, &options.operands, &error) || !http_setup(&error) ||
		    !run(&settings, &status, &error))
			status = options_exit(&command, &error);
	}
	options_free(&options, &command);
	return status;
}
