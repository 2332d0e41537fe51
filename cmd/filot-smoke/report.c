/* Lines are written as they come, so that who waits sees how far it is. */
#include "cmd/filot-smoke/report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/json_text.h"

#define DOUBLE_LINE "========================================"
#define SINGLE_LINE "----------------------------------------"

static const char *const status_words[] = { [SMOKE_PASS] = "pass", [SMOKE_FAIL] = "fail", [SMOKE_SKIP] = "skip" };

static const char *overall(const struct report *report)
{
	return report->counts[SMOKE_FAIL] ? "failed" : "passed";
}

static void write_time(int64_t unix_ms, char text[static 32])
{
	struct tm utc;
	time_t seconds = (time_t)(unix_ms / 1000);
	if (!gmtime_r(&seconds, &utc) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc))
		(void)snprintf(text, 32, "?");
}

/* ---- for people ---- */

static void people_open(const struct report *report)
{
	char time[32];
	write_time(report->begin_unix_ms, time);
	printf(DOUBLE_LINE "\n  FiLot Production Smoke Tests\n" DOUBLE_LINE "\nAPI URL:    %s\nTimestamp:  %s\n" DOUBLE_LINE "\n",
	       report->smoke->settings->api_url, time);
}

static void people_check(struct report *report, const struct smoke_check *check, const struct smoke_result *result)
{
	static const char *const words[] = { [SMOKE_PASS] = "PASS", [SMOKE_FAIL] = "FAIL", [SMOKE_SKIP] = "SKIP" };
	bool verbose = report->smoke->settings->verbose;
	if (check->phase != report->phase)
		printf("\nPhase %d: %s\n" SINGLE_LINE "\n", check->phase + 1, smoke_phase_names[check->phase]);
	printf("[%s] %s", words[result->status], check->name);
	if (*result->text && (verbose || result->status != SMOKE_PASS))
		printf(" - %s", result->text);
	if (verbose && result->tries)
		printf(" (%" PRId64 " ms%s)", result->ms, result->tries > 1 ? ", not at the first try" : "");
	putchar('\n');
}

static void people_close(const struct report *report)
{
	printf("\n" DOUBLE_LINE "\n  Smoke Test Summary\n" DOUBLE_LINE "\n  Passed:  %d\n  Failed:  %d\n  Skipped: %d\n" DOUBLE_LINE
	       "\n  OVERALL: %s\n",
	       report->counts[SMOKE_PASS], report->counts[SMOKE_FAIL], report->counts[SMOKE_SKIP],
	       report->counts[SMOKE_FAIL] ? "FAILED" : "PASSED");
}

/* ---- TAP 13, which every reader knows ---- */

static void tap_open(const struct report *report)
{
	int count = 0;
	for (int check = 0; check < SMOKE_CHECK_COUNT; check++)
		count += report->smoke->results[check].chosen;
	printf("TAP version 13\n1..%d\n", count);
}

static void tap_check(const struct report *report, const struct smoke_check *check, const struct smoke_result *result)
{
	struct buffer text = { 0 };
	json_text_string(&text, result->text, strlen(result->text));
	printf("%sok %d - %s", result->status == SMOKE_FAIL ? "not " : "", report->number, check->name);
	if (result->status == SMOKE_SKIP)
		printf(" # SKIP %s", result->text);
	printf("\n  ---\n  message: %s\n  duration_ms: %" PRId64 "\n  tries: %d\n  ...\n", text.failed ? "\"\"" : text.data,
	       result->ms, result->tries);
	buffer_free(&text);
}

/* ---- JSON ---- */

static void line_print(struct buffer *line)
{
	puts(line->failed ? "{\"v\":1,\"error\":{\"code\":\"out_of_memory\"}}" : line->data);
	buffer_free(line);
}

static void json_check(const struct smoke_check *check, const struct smoke_result *result)
{
	struct buffer line = { 0 };
	buffer_printf(&line, "{\"v\":1,\"check\":\"%s\",\"name\":\"%s\",\"phase\":%d,\"status\":\"%s\",\"ms\":%" PRId64
			     ",\"tries\":%d,\"text\":",
		      check->id, check->name, check->phase + 1, status_words[result->status], result->ms, result->tries);
	json_text_string(&line, result->text, strlen(result->text));
	buffer_append_char(&line, '}');
	line_print(&line);
}

static void json_close(const struct report *report)
{
	struct buffer line = { 0 };
	char time[CLOCK_RFC3339_SIZE];
	buffer_append_string(&line, "{\"v\":1,\"summary\":{\"api_url\":");
	json_text_string(&line, report->smoke->settings->api_url, strlen(report->smoke->settings->api_url));
	buffer_printf(&line, ",\"begun_at\":\"%s\",\"passed\":%d,\"failed\":%d,\"skipped\":%d,\"overall\":\"%s\",\"ms\":%" PRId64 "}}",
		      clock_rfc3339(report->begin_unix_ms, time), report->counts[SMOKE_PASS], report->counts[SMOKE_FAIL],
		      report->counts[SMOKE_SKIP], overall(report), clock_monotonic_ms() - report->begin_ms);
	line_print(&line);
}

/* ---- JUnit ---- */

/* As an attribute's value. Control characters are gone already (check.c). */
static void junit_text(FILE *file, const char *text)
{
	size_t left = strlen(text);
	while (left) {
		size_t length = json_text_utf8_length(text, left);
		if (!length)
			fputs("\xef\xbf\xbd", file);
		else if (*text == '&')
			fputs("&amp;", file);
		else if (*text == '<')
			fputs("&lt;", file);
		else if (*text == '"')
			fputs("&quot;", file);
		else
			(void)fwrite(text, 1, length, file);
		text += length ? length : 1;
		left -= length ? length : 1;
	}
}

static void junit_check(FILE *file, const struct smoke_check *check, const struct smoke_result *result)
{
	fprintf(file, "    <testcase classname=\"filot-smoke.%s\" name=\"%s\" time=\"%.3f\"", check->id, check->name,
		(double)result->ms / 1e3);
	if (result->status == SMOKE_PASS) {
		fputs("/>\n", file);
		return;
	}
	fprintf(file, "><%s message=\"", result->status == SMOKE_FAIL ? "failure" : "skipped");
	junit_text(file, result->text);
	fputs("\"/></testcase>\n", file);
}

static void junit_write(const struct report *report)
{
	FILE *file = report->junit;
	char time[32], host[256] = "";
	double seconds = (double)(clock_monotonic_ms() - report->begin_ms) / 1e3;
	write_time(report->begin_unix_ms, time);
	time[strcspn(time, "Z")] = '\0'; /* the schema's readers know no zone: UTC */
	(void)gethostname(host, sizeof host - 1);
	fprintf(file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"filot-smoke\" tests=\"%d\" "
		      "failures=\"%d\" errors=\"0\" skipped=\"%d\" time=\"%.3f\" timestamp=\"%s\" hostname=\"",
		report->number, report->counts[SMOKE_FAIL], report->counts[SMOKE_SKIP], seconds, time);
	junit_text(file, host);
	fputs("\">\n    <properties><property name=\"api_url\" value=\"", file);
	junit_text(file, report->smoke->settings->api_url);
	fputs("\"/></properties>\n", file);
	for (int check = 0; check < SMOKE_CHECK_COUNT; check++)
		if (report->smoke->results[check].ran)
			junit_check(file, &smoke_checks[check], &report->smoke->results[check]);
	fputs("  </testsuite>\n</testsuites>\n", file);
}

/* ---- all of them ---- */

bool report_open(struct report *report, const struct smoke *smoke, struct error *error)
{
	const struct smoke_settings *settings = smoke->settings;
	*report = (struct report){ .smoke = smoke, .begin_unix_ms = clock_unix_ms(), .begin_ms = clock_monotonic_ms(),
				   .phase = -1 };
	if (settings->junit && !(report->junit = fopen(settings->junit, "we")))
		return error_set(error, ERROR_CONFIG, "--junit %s: %s", settings->junit, strerror(errno));
	if (settings->tap)
		tap_open(report);
	else if (!settings->json)
		people_open(report);
	return true;
}

void report_check(struct report *report, enum smoke_check_id id)
{
	const struct smoke_check *check = &smoke_checks[id];
	const struct smoke_result *result = &report->smoke->results[id];
	report->number++;
	report->counts[result->status]++;
	if (report->smoke->settings->tap)
		tap_check(report, check, result);
	else if (report->smoke->settings->json)
		json_check(check, result);
	else
		people_check(report, check, result);
	report->phase = check->phase;
	(void)fflush(stdout);
}

bool report_close(struct report *report, struct error *error)
{
	bool good = true;
	if (report->smoke->settings->json)
		json_close(report);
	else if (!report->smoke->settings->tap)
		people_close(report);
	if (report->junit) {
		junit_write(report);
		good = !ferror(report->junit);
		good = fclose(report->junit) == 0 && good;
		report->junit = NULL;
		if (!good)
			(void)error_set(error, ERROR_INTERNAL, "--junit %s could not be written", report->smoke->settings->junit);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		good = error_set(error, ERROR_INTERNAL, "standard output: %s", strerror(errno));
	return good;
}
