/* Flags over environment over file, secrets from files, required settings, and what is refused. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/options.h"

static const char *const colours[] = { "red", "green", NULL };

/* One command with a row of each kind. */
struct fixture {
	bool loud, need_url;
	const char *name, *url, *password;
	int64_t count, wait_ms, bytes;
	int colour;
	unsigned chosen;
	struct string_list folders;
	struct option_row rows[12];
	struct command command;
	struct options options;
	struct error error;
};

static enum options_outcome parse(struct fixture *f, const char *const *arguments)
{
	char *argv[24] = { (char *)(uintptr_t) "test" };
	int argc = 1;
	for (; arguments[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
	const struct option_row rows[] = {
		{ "loud", 'v', OPTION_FLAG, &f->loud, NULL, "be loud", .setting = "TEST_LOUD" },
		{ "name", 'n', OPTION_STRING, &f->name, "NAME", "a name", .setting = "TEST_NAME" },
		{ "url", 0, OPTION_STRING, &f->url, "URL", "a secret", .setting = "TEST_URL", .alias = "OTHER_URL",
		  .secret = true, .required_if = &f->need_url, .password = &f->password },
		{ NULL, 0, OPTION_STRING, &f->password, NULL, "the URL's", .setting = "TEST_PASSWORD", .secret = true },
		{ "need-url", 0, OPTION_FLAG, &f->need_url, NULL, "make it required" },
		{ "count", 'c', OPTION_INTEGER, &f->count, "N", "a count", .setting = "TEST_COUNT", .minimum = 1,
		  .maximum = 10 },
		{ "wait", 0, OPTION_DURATION, &f->wait_ms, "TIME", "a time" },
		{ "bytes", 0, OPTION_BYTES, &f->bytes, "SIZE", "a size" },
		{ "colour", 0, OPTION_CHOICE, &f->colour, "COLOUR", "a choice", .choices = colours },
		{ "colours", 0, OPTION_CHOICES, &f->chosen, "COLOUR,...", "choices", .choices = colours },
		{ "folder", 0, OPTION_LIST, &f->folders, "DIR", "many" },
	};
	memcpy(f->rows, rows, sizeof rows);
	f->command = (struct command){ .name = "test", .summary = "a test", .usage = "[flags]", .rows = f->rows };
	return options_parse(&f->command, &f->options, argc, argv, &f->error);
}

#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void flags_of_every_kind_are_read(void)
{
	struct fixture f = { 0 };
	CHECK_INTEGER(parse(&f, ARGUMENTS("-vn", "me", "--count=7", "--wait", "5m", "--bytes", "2K", "--colour", "green",
					  "--colours", "green,red", "--folder", "/a", "a", "--folder=/b", "--", "-x")),
		      OPTIONS_RUN);
	CHECK(f.loud);
	CHECK_STRING(f.name, "me");
	CHECK_INTEGER(f.count, 7);
	CHECK_INTEGER(f.wait_ms, 300000);
	CHECK_INTEGER(f.bytes, 2048);
	CHECK_INTEGER(f.colour, 1);
	CHECK_INTEGER(f.chosen, 3);
	CHECK_INTEGER(f.folders.count, 2);
	CHECK_STRING(f.folders.items[1], "/b");
	CHECK_INTEGER(f.options.operands.count, 2);
	CHECK_STRING(f.options.operands.items[1], "-x");
	options_free(&f.options, &f.command);
}

static void durations_and_sizes_have_units(void)
{
	static const struct {
		const char *wait;
		int64_t ms;
	} waits[] = { { "0", 0 }, { "3", 3000 }, { "250ms", 250 }, { "2h", 7200000 }, { "1d", 86400000 } };
	for (size_t index = 0; index < sizeof waits / sizeof *waits; index++) {
		struct fixture f = { 0 };
		CHECK_INTEGER(parse(&f, ARGUMENTS("--wait", waits[index].wait)), OPTIONS_RUN);
		CHECK_INTEGER(f.wait_ms, waits[index].ms);
		options_free(&f.options, &f.command);
	}
	struct fixture f = { 0 };
	CHECK_INTEGER(parse(&f, ARGUMENTS("--bytes", "3GiB")), OPTIONS_RUN);
	CHECK_INTEGER(f.bytes, INT64_C(3) << 30);
	options_free(&f.options, &f.command);
}

static void what_is_wrong_is_a_usage_error(void)
{
	static const char *const wrong[][3] = {
		{ "--nonsense" }, { "--nam", "x" }, { "-z" }, { "--name" }, { "--loud=1" }, { "--count", "0" },
		{ "--count", "11" }, { "--count", "7x" }, { "--count", "" }, { "--count", "99999999999999999999" },
		{ "--wait", "5 m" }, { "--wait", "-1" }, { "--wait", "9999999999999999d" }, { "--bytes", "1X" },
		{ "--colour", "blue" }, { "--colour", "red,green" }, { "--colours", "blue" }, { "--colours", "red," },
		{ "--colours", "" },
	};
	for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
		struct fixture f = { 0 };
		CHECK_INTEGER(parse(&f, wrong[index]), OPTIONS_FAILED);
		CHECK_INTEGER(f.error.code, ERROR_USAGE);
		options_free(&f.options, &f.command);
	}
}

static void write_file(const char *path, const char *text)
{
	int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text));
	(void)close(descriptor);
}

static void a_flag_wins_over_the_environment_and_that_over_the_file(void)
{
	char path[] = "/tmp/options-test-XXXXXX";
	(void)close(mkstemp(path));
	write_file(path, "# comment\n\n TEST_NAME = \"from file\"\nTEST_COUNT=3\nUNKNOWN=1\n");
	struct fixture f = { 0 };
	CHECK_INTEGER(parse(&f, ARGUMENTS("--config", path)), OPTIONS_RUN);
	CHECK_STRING(f.name, "from file");
	CHECK_INTEGER(f.count, 3);
	options_free(&f.options, &f.command);
	(void)setenv("TEST_NAME", "from environment", 1);
	CHECK_INTEGER(parse(&f, ARGUMENTS("--config", path)), OPTIONS_RUN);
	CHECK_STRING(f.name, "from environment");
	options_free(&f.options, &f.command);
	CHECK_INTEGER(parse(&f, ARGUMENTS("--config", path, "--name", "from flag")), OPTIONS_RUN);
	CHECK_STRING(f.name, "from flag");
	options_free(&f.options, &f.command);
	(void)unsetenv("TEST_NAME");
	(void)unlink(path);
}

static void a_secret_may_lie_in_a_file(void)
{
	char path[] = "/tmp/options-test-XXXXXX";
	(void)close(mkstemp(path));
	write_file(path, "rediss://secret\n");
	struct fixture f = { 0 };
	(void)setenv("TEST_URL_FILE", path, 1);
	CHECK_INTEGER(parse(&f, ARGUMENTS("--need-url")), OPTIONS_RUN);
	CHECK_STRING(f.url, "rediss://secret");
	options_free(&f.options, &f.command);
	(void)setenv("TEST_URL_FILE", "/nonexistent/secret", 1);
	CHECK_INTEGER(parse(&f, ARGUMENTS("--need-url")), OPTIONS_FAILED);
	CHECK_INTEGER(f.error.code, ERROR_CONFIG);
	options_free(&f.options, &f.command);
	(void)unsetenv("TEST_URL_FILE");
	(void)unlink(path);
}

/* The URL that comes of `url` and the password "p:w/@". */
static void check_url(const char *url, const char *expected)
{
	struct fixture f = { 0 };
	(void)setenv("TEST_URL", url, 1);
	(void)setenv("TEST_PASSWORD", "p:w/@", 1);
	CHECK_INTEGER(parse(&f, ARGUMENTS("--need-url")), OPTIONS_RUN);
	CHECK_STRING(f.url, expected);
	options_free(&f.options, &f.command);
	(void)unsetenv("TEST_URL");
	(void)unsetenv("TEST_PASSWORD");
}

static void a_password_goes_into_a_url_that_has_none(void)
{
	check_url("rediss://host:6380/1", "rediss://:p%3Aw%2F%40@host:6380/1");
	check_url("rediss://user@host", "rediss://user:p%3Aw%2F%40@host");
	check_url("redis+sentinel://one,two/name/1", "redis+sentinel://:p%3Aw%2F%40@one,two/name/1");
	check_url("redis+unix:///run/redis@1.sock", "redis+unix://:p%3Aw%2F%40@/run/redis@1.sock");
	check_url("rediss://user:own@host", "rediss://user:own@host");
	check_url("rediss://:@host", "rediss://:@host");
	check_url("no URL", "no URL");
}

static void a_required_setting_that_is_missing_is_a_configuration_error(void)
{
	struct fixture f = { 0 };
	CHECK_INTEGER(parse(&f, ARGUMENTS("--need-url")), OPTIONS_FAILED);
	CHECK_INTEGER(f.error.code, ERROR_CONFIG);
	CHECK(strstr(f.error.message, "TEST_URL") != NULL);
	options_free(&f.options, &f.command);
	(void)setenv("OTHER_URL", "by its alias", 1);
	struct fixture g = { 0 };
	CHECK_INTEGER(parse(&g, ARGUMENTS("--need-url")), OPTIONS_RUN);
	CHECK_STRING(g.url, "by its alias");
	options_free(&g.options, &g.command);
	(void)unsetenv("OTHER_URL");
}

static void a_bad_value_in_the_environment_is_a_configuration_error(void)
{
	struct fixture f = { 0 };
	(void)setenv("TEST_COUNT", "many", 1);
	CHECK_INTEGER(parse(&f, ARGUMENTS("-v")), OPTIONS_FAILED);
	CHECK_INTEGER(f.error.code, ERROR_CONFIG);
	options_free(&f.options, &f.command);
	(void)setenv("TEST_COUNT", "", 1);
	CHECK_INTEGER(parse(&f, ARGUMENTS("-v")), OPTIONS_RUN);
	options_free(&f.options, &f.command);
	(void)unsetenv("TEST_COUNT");
}

static void a_settings_file_that_was_named_must_be_there_and_well_formed(void)
{
	struct fixture f = { 0 };
	CHECK_INTEGER(parse(&f, ARGUMENTS("--config", "/nonexistent/filot.conf")), OPTIONS_FAILED);
	CHECK_INTEGER(f.error.code, ERROR_CONFIG);
	options_free(&f.options, &f.command);
	char path[] = "/tmp/options-test-XXXXXX";
	(void)close(mkstemp(path));
	write_file(path, "TEST_NAME=x\nno equals sign\n");
	CHECK_INTEGER(parse(&f, ARGUMENTS("--config", path)), OPTIONS_FAILED);
	CHECK(strstr(f.error.message, ":2:") != NULL);
	options_free(&f.options, &f.command);
	(void)unlink(path);
}

int main(void)
{
	TEST(flags_of_every_kind_are_read);
	TEST(durations_and_sizes_have_units);
	TEST(what_is_wrong_is_a_usage_error);
	TEST(a_flag_wins_over_the_environment_and_that_over_the_file);
	TEST(a_secret_may_lie_in_a_file);
	TEST(a_password_goes_into_a_url_that_has_none);
	TEST(a_required_setting_that_is_missing_is_a_configuration_error);
	TEST(a_bad_value_in_the_environment_is_a_configuration_error);
	TEST(a_settings_file_that_was_named_must_be_there_and_well_formed);
	return test_done();
}
