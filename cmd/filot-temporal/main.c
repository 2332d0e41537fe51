/* filot-temporal: start verification workflows in Temporal and signal them. See filot-temporal(1). */
#include <sysexits.h>
#include <unistd.h>

#include "cmd/filot-temporal/service.h"
#include "common/base/lines.h"
#include "common/base/stop.h"
#include "common/http/http.h"
#include "common/temporal/event.h"

/* One event line; *failed when it was not taken. */
static bool take_line(struct temporal_client *client, const char *text, size_t length, size_t number, bool *failed,
		      struct error *error)
{
	struct temporal_line line;
	struct temporal_answer answer = { .outcome = TEMPORAL_REFUSED };
	*failed = true;
	if (!temporal_line_parse(&line, text, length, &answer.why)) {
		(void)error_prefix(&answer.why, "line %zu", number);
		return receipt_print(NULL, NULL, &answer, error);
	}
	bool good = !client || temporal_tell(client, line.event, line.verification, line.state, line.data, &answer, error);
	*failed = client && answer.outcome != TEMPORAL_DONE && answer.outcome != TEMPORAL_ALREADY;
	good = good && receipt_print(temporal_event_names[line.event], line.verification, client ? &answer : NULL, error);
	temporal_line_free(&line);
	return good;
}

static bool run_lines(const struct tell_settings *settings, bool *failed, struct error *error)
{
	struct temporal_client client = { 0 };
	struct lines lines;
	char *text;
	size_t length;
	bool good = true, one = false;
	bool on = settings->temporal.place.endpoint != NULL;
	if (on && !temporal_client_open(&client, &settings->temporal, error))
		return false;
	lines_open(&lines, STDIN_FILENO, TEMPORAL_LONGEST_LINE_BYTES);
	while (good) {
		enum lines_status status = lines_next(&lines, &text, &length, &stop_requests, error);
		if (status == LINES_END || status == LINES_FAILED) {
			good = status == LINES_END;
			break;
		}
		if (status == LINES_TOO_LONG) {
			struct temporal_answer answer = { .outcome = TEMPORAL_REFUSED };
			(void)error_set(&answer.why, ERROR_BAD_JOB, "line %zu: longer than 1 MiB", lines.number);
			one = true;
			good = receipt_print(NULL, NULL, &answer, error);
		} else if (length) {
			good = take_line(on ? &client : NULL, text, length, lines.number, &one, error);
		}
		*failed = *failed || one;
	}
	lines_free(&lines);
	temporal_client_close(&client);
	return good;
}

int main(int argc, char **argv)
{
	struct tell_settings settings;
	struct options options;
	struct error error = { 0 };
	const struct command command = tell_command(&settings);
	bool failed = false, good = true;
	int status = EX_OK;
	switch (options_parse(&command, &options, argc, argv, &error)) {
	case OPTIONS_DONE:
		break;
	case OPTIONS_FAILED:
		status = options_exit(&command, &error);
		break;
	default:
		stop_install();
		good = tell_settings_check(&settings, &options.operands, &error) && http_setup(&error) &&
		       (settings.from_queue ? service_run(&settings, &error) : run_lines(&settings, &failed, &error));
		status = !good ? options_exit(&command, &error) : failed ? 1 : EX_OK;
	}
	options_free(&options, &command);
	return status;
}
