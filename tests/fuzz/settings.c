/* A settings file, for a command with a row of each kind. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/options.h"

struct values {
	bool flag;
	const char *text, *secret;
	int64_t integer, duration_ms, bytes;
	int choice;
	struct string_list list;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const char *const choices[] = { "one", "two", NULL };
	struct values values = { 0 };
	struct option_row rows[] = {
		{ "flag", 'f', OPTION_FLAG, &values.flag, NULL, "a flag", .setting = "FUZZ_FLAG" },
		{ "text", 0, OPTION_STRING, &values.text, "TEXT", "a text", .setting = "FUZZ_TEXT", .alias = "TEXT_FUZZ" },
		{ "url", 0, OPTION_STRING, &values.secret, "URL", "a URL", .setting = "FUZZ_URL", .secret = true,
		  .password = &values.text },
		{ "integer", 0, OPTION_INTEGER, &values.integer, "N", "a number", .setting = "FUZZ_INTEGER", .minimum = -5,
		  .maximum = 1000 },
		{ "duration", 0, OPTION_DURATION, &values.duration_ms, "TIME", "a time", .setting = "FUZZ_DURATION" },
		{ "bytes", 0, OPTION_BYTES, &values.bytes, "SIZE", "a size", .setting = "FUZZ_BYTES" },
		{ "choice", 0, OPTION_CHOICE, &values.choice, "NAME", "a choice", .setting = "FUZZ_CHOICE", .choices = choices },
		{ "list", 0, OPTION_LIST, &values.list, "NAME", "a list", .setting = "FUZZ_LIST",
		  .required_if = &values.flag },
		{ NULL },
	};
	const struct command command = { "fuzz", "settings", "", NULL, rows };
	char path[64];
	char *arguments[] = { (char[]){ "fuzz" }, (char[]){ "--config" }, path, NULL };
	struct options options;
	struct error error = { 0 };
	int file = memfd_create("settings", MFD_CLOEXEC);
	if (file < 0 || write(file, bytes, length) != (ssize_t)length)
		abort();
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
	if (options_parse(&command, &options, 3, arguments, &error) == OPTIONS_RUN &&
	    (values.integer < -5 || values.integer > 1000 || values.choice < 0 || values.choice > 1 || values.bytes < 0 ||
	     values.duration_ms < 0 || (values.flag && !values.list.count)))
		abort();
	options_free(&options, &command);
	(void)close(file);
	return 0;
}
