/* Job and receipt lines: what is taken, what is refused with which member's name, what comes out again. */
#include "common/json/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "tests/unit/test.h"

#define ID "01HZX3K2Q4V5W6X7Y8Z9A0B1C2"

/* Parses a line that must be refused as bad_job and whose message must begin with `member`. */
static bool refused(const char *line, size_t length, const char *member)
{
	struct job job;
	struct error error = { 0 };
	bool parsed = job_parse(&job, line, length, &error);
	bool right = !parsed && error.code == ERROR_BAD_JOB && strncmp(error.message, member, strlen(member)) == 0 &&
		     error.message[strlen(member)] == ':' && !job.json && !job.uri && !job.line.data && !job.texts;
	if (!right)
		printf("# %.80s gave: %s\n", line, parsed ? "a job" : error.message);
	if (parsed)
		job_free(&job);
	return right;
}

static bool refused_text(const char *line, const char *member)
{
	return refused(line, strlen(line), member);
}

static bool parse(struct job *job, const char *line)
{
	struct error error = { 0 };
	bool parsed = job_parse(job, line, strlen(line), &error);
	if (!parsed)
		printf("# %.80s gave: %s\n", line, error.message);
	return parsed;
}

static void the_least_job_line_gets_defaults(void)
{
	struct job job;
	int64_t before_ms = clock_unix_ms();
	CHECK(parse(&job, "{\"uri\":\"r2://bucket/a.png\"}"));
	CHECK(ulid_valid(job.id));
	CHECK_STRING(job.document, job.id);
	CHECK_STRING(job.lang, "eng");
	CHECK_INTEGER(job.priority, JOB_PRIORITY_NORMAL);
	CHECK_INTEGER(job.attempt, 1);
	CHECK(job.enqueued_at_ms >= before_ms && job.enqueued_at_ms <= clock_unix_ms());
	CHECK(!job.sha256 && !job.media_type && !job.key && !job.trace && !job.tenant);
	job_free(&job);
}

static void unknown_members_and_their_order_survive(void)
{
	static const char line[] =
	    "{\"v\":1,\"job\":\"" ID
	    "\",\"newer\":{\"a\":[1,2.5,null]},\"document\":\"d\",\"uri\":\"file:/a\",\"lang\":\"deu\","
	    "\"priority\":\"low\",\"attempt\":3,\"enqueued_at\":\"2026-01-02T03:04:05Z\"}";
	struct job job;
	struct buffer out = { 0 };
	CHECK(parse(&job, line));
	job_write(&job, &out);
	CHECK_STRING(out.data, line);
	CHECK_INTEGER(job.priority, JOB_PRIORITY_LOW);
	CHECK_INTEGER(job.attempt, 3);
	CHECK_INTEGER(job.enqueued_at_ms, INT64_C(1767323045000));
	buffer_free(&out);
	job_free(&job);
}

static void what_a_new_job_writes_is_read_again(void)
{
	struct job_template given = { .document = "doc:1",
				      .uri = "https://example.org/a%20b",
				      .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF",
				      .media_type = "image/png",
				      .lang = "deu+script/Latin",
				      .key = "k\"\\\xc3\xa9",
				      .trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
				      .tenant = "t",
				      .priority = JOB_PRIORITY_HIGH };
	struct job made;
	struct job read;
	struct buffer line = { 0 };
	struct error error = { 0 };
	CHECK(job_new(&made, &given, &error));
	job_write(&made, &line);
	CHECK(!line.failed && parse(&read, line.data));
	CHECK_STRING(read.id, made.id);
	CHECK_STRING(read.document, given.document);
	CHECK_STRING(read.uri, given.uri);
	CHECK_STRING(read.sha256, given.sha256);
	CHECK_STRING(read.media_type, given.media_type);
	CHECK_STRING(read.lang, given.lang);
	CHECK_STRING(read.key, given.key);
	CHECK_STRING(read.trace, given.trace);
	CHECK_STRING(read.tenant, given.tenant);
	CHECK_INTEGER(read.priority, JOB_PRIORITY_HIGH);
	buffer_free(&line);
	job_free(&read);
	job_free(&made);
}

static void a_bad_member_is_named(void)
{
	CHECK(refused_text("{}", "uri"));
	CHECK(refused_text("{\"uri\":null}", "uri"));
	CHECK(refused_text("{\"uri\":\"\"}", "uri"));
	CHECK(refused_text("{\"uri\":\"ftp://a/b\"}", "uri"));
	CHECK(refused_text("{\"uri\":\"r2://b/\"}", "uri"));
	CHECK(refused_text("{\"uri\":\"r2:///k\"}", "uri"));
	CHECK(refused_text("{\"uri\":\"https:///path\"}", "uri"));
	CHECK(refused_text("{\"uri\":\"file:relative\"}", "uri"));
	CHECK(refused_text("{\"uri\":\"file:/a b\"}", "uri"));
	CHECK(refused_text("{\"uri\":\"file:/a\\nb\"}", "uri"));
	CHECK(refused_text("{\"v\":2,\"uri\":\"file:/a\"}", "v"));
	CHECK(refused_text("{\"v\":\"1\",\"uri\":\"file:/a\"}", "v"));
	CHECK(refused_text("{\"job\":\"x\",\"uri\":\"file:/a\"}", "job"));
	CHECK(refused_text("{\"job\":7,\"uri\":\"file:/a\"}", "job"));
	CHECK(refused_text("{\"document\":\"\",\"uri\":\"file:/a\"}", "document"));
	CHECK(refused_text("{\"document\":\"a/b\",\"uri\":\"file:/a\"}", "document"));
	CHECK(refused_text("{\"sha256\":\"00\",\"uri\":\"file:/a\"}", "sha256"));
	CHECK(refused_text("{\"media_type\":\"png\",\"uri\":\"file:/a\"}", "media_type"));
	CHECK(refused_text("{\"lang\":\"../etc\",\"uri\":\"file:/a\"}", "lang"));
	CHECK(refused_text("{\"priority\":\"urgent\",\"uri\":\"file:/a\"}", "priority"));
	CHECK(refused_text("{\"priority\":1,\"uri\":\"file:/a\"}", "priority"));
	CHECK(refused_text("{\"attempt\":0,\"uri\":\"file:/a\"}", "attempt"));
	CHECK(refused_text("{\"attempt\":1.0,\"uri\":\"file:/a\"}", "attempt"));
	CHECK(refused_text("{\"attempt\":1000001,\"uri\":\"file:/a\"}", "attempt"));
	CHECK(refused_text("{\"enqueued_at\":\"yesterday\",\"uri\":\"file:/a\"}", "enqueued_at"));
	CHECK(refused_text("{\"enqueued_at\":12,\"uri\":\"file:/a\"}", "enqueued_at"));
	CHECK(refused_text("{\"key\":\"\",\"uri\":\"file:/a\"}", "key"));
	CHECK(refused_text("{\"key\":{},\"uri\":\"file:/a\"}", "key"));
	CHECK(refused_text("{\"trace\":\"00-1-2-3\",\"uri\":\"file:/a\"}", "trace"));
	CHECK(refused_text(
	    "{\"trace\":\"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01-x\",\"uri\":\"file:/a\"}", "trace"));
	CHECK(refused_text("{\"tenant\":\"a b\",\"uri\":\"file:/a\"}", "tenant"));
	CHECK(refused_text("{\"history\":[1],\"uri\":\"file:/a\"}", "history"));
}

static void hostile_bytes_are_refused_as_a_line(void)
{
	CHECK(refused("", 0, "line"));
	CHECK(refused_text("[]", "line"));
	CHECK(refused_text("7", "line"));
	CHECK(refused_text("{\"uri\":\"file:/a\"} x", "line"));
	CHECK(refused_text("{\"uri\":\"file:/a\",\"uri\":\"file:/b\"}", "line"));
	CHECK(refused_text("{\"uri\":\"file:/a\",\"n\":1e999}", "line"));
	CHECK(refused_text("{\"uri\":\"file:/a\",\"n\":99999999999999999999999}", "line"));
	CHECK(refused_text("{\"uri\":\"file:/\xff\"}", "line"));
	CHECK(refused_text("{\"uri\":\"file:/\xc3\"}", "line"));
	CHECK(refused_text("{\"uri\":\"file:/\\ud800\"}", "line"));
	CHECK(refused_text("{\"uri\":\"file:/a\\u0000b\"}", "line"));
	CHECK(refused("{\"uri\":\"file:/a\0b\"}", 19, "line"));
	CHECK(refused_text("{\"uri\":\"file:/a", "line"));
}

static void a_line_over_1_mib_or_32_levels_is_refused(void)
{
	size_t length = JOB_LONGEST_LINE_BYTES + 1;
	char *line = malloc(length + 1);
	if (!line)
		abort();
	memset(line, ' ', length);
	memcpy(line, "{\"uri\":\"file:/a\"}", 17);
	line[length] = '\0';
	struct job job;
	struct error error = { 0 };
	CHECK(refused(line, length, "line"));
	CHECK(job_parse(&job, line, length - 1, &error));
	job_free(&job);

	memset(line, '[', length);
	CHECK(refused(line, length - 1, "line"));
	free(line);
	static const char deep[] =
	    "{\"uri\":\"file:/a\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[[[[\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}";
	CHECK(job_parse(&job, deep, strlen(deep), &error));
	job_free(&job);
	static const char deeper[] =
	    "{\"uri\":\"file:/a\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}";
	CHECK(refused_text(deeper, "line"));
}

static void a_refused_line_still_tells_its_valid_id(void)
{
	struct job job;
	struct error error = { 0 };
	static const char line[] = "{\"job\":\"" ID "\",\"uri\":\"gopher://x\"}";
	CHECK(!job_parse(&job, line, strlen(line), &error));
	CHECK_STRING(job.id, ID);
	CHECK(!job.json);
}

static void languages_are_names_joined_by_plus(void)
{
	CHECK(job_lang_valid("eng") && job_lang_valid("deu+eng") && job_lang_valid("script/Latin+eng") &&
	      job_lang_valid("chi_sim"));
	CHECK(!job_lang_valid("") && !job_lang_valid("+eng") && !job_lang_valid("eng+") && !job_lang_valid("a++b"));
	CHECK(!job_lang_valid("../x") && !job_lang_valid("/x") && !job_lang_valid("a+/x") && !job_lang_valid("a b"));
}

static void attempt_and_history_change_the_line(void)
{
	struct job job;
	struct error error = { 0 };
	struct error why = { .code = ERROR_TIMEOUT, .message = "page 3: cut \xc3" };
	struct buffer line = { 0 };
	CHECK(parse(&job, "{\"uri\":\"file:/a\"}"));
	CHECK(job_add_history(&job, 1, "worker-1", &why, &error));
	CHECK(job_set_attempt(&job, 2, &error));
	job_write(&job, &line);
	CHECK(strstr(line.data, "\"attempt\":2,") != NULL);
	CHECK(strstr(line.data, "\"history\":[{\"attempt\":1,\"worker\":\"worker-1\",\"at\":\"2") != NULL);
	CHECK(strstr(line.data, "\"code\":\"timeout\",\"message\":\"page 3: cut ?\"}]") != NULL);
	CHECK(!job_set_attempt(&job, 0, &error) && job.attempt == 2);
	static const enum error_code slow[] = { ERROR_TIMEOUT, ERROR_NONE };
	static const enum error_code others[] = { ERROR_INTERNAL, ERROR_OUT_OF_MEMORY, ERROR_NONE };
	CHECK_INTEGER(job_failures(&job, slow), 1);
	CHECK_INTEGER(job_failures(&job, others), 0);
	for (int attempt = 2; attempt < 40; attempt++)
		CHECK(job_add_history(&job, attempt, NULL, &why, &error));
	buffer_clear(&line);
	job_write(&job, &line);
	CHECK(strstr(line.data, "\"history\":[{\"attempt\":20,") != NULL &&
	      strstr(line.data, "{\"attempt\":39,") != NULL);
	buffer_free(&line);
	job_free(&job);
}

static void a_job_that_comes_back_counts_on_and_tries_anew(void)
{
	struct job job;
	struct buffer out = { 0 };
	struct error error = { 0 };
	CHECK(parse(&job, "{\"uri\":\"r2://bucket/a\",\"attempt\":5}"));
	CHECK_INTEGER(job_tries(&job), 5);
	CHECK(job_revive(&job, &error));
	CHECK_INTEGER(job.attempt, 6);
	CHECK_INTEGER(job_tries(&job), 1);
	job_write(&job, &out);
	job_free(&job);
	CHECK(parse(&job, out.data));
	CHECK_INTEGER(job.attempt, 6);
	CHECK_INTEGER(job_tries(&job), 1);
	CHECK(job_set_attempt(&job, 8, &error));
	CHECK_INTEGER(job_tries(&job), 3);
	static const enum error_code slow[] = { ERROR_TIMEOUT, ERROR_NONE };
	struct error why = { .code = ERROR_TIMEOUT };
	CHECK_INTEGER(job_failures(&job, slow), 0);
	CHECK(job_add_history(&job, 5, "w", &why, &error) && job_add_history(&job, 7, "w", &why, &error));
	CHECK_INTEGER(job_failures(&job, slow), 1); /* the fifth was before it came back */
	job_free(&job);
	buffer_free(&out);
}

static void the_first_attempt_is_never_after_the_attempt(void)
{
	struct job job;
	CHECK(!parse(&job, "{\"uri\":\"r2://bucket/a\",\"attempt\":2,\"first_attempt\":3}"));
	CHECK(!parse(&job, "{\"uri\":\"r2://bucket/a\",\"attempt\":2,\"first_attempt\":0}"));
	CHECK(!parse(&job, "{\"uri\":\"r2://bucket/a\",\"attempt\":2,\"first_attempt\":\"2\"}"));
}

static void what_a_line_lacks_is_taken_from_what_is_given(void)
{
	struct job job;
	struct error error = { 0 };
	struct job_template given = { .lang = "deu", .tenant = "t", .priority = JOB_PRIORITY_LOW };
	static const char line[] = "{\"uri\":\"file:/a\",\"lang\":\"fra\"}";
	static const char high[] = "{\"uri\":\"file:/a\",\"priority\":\"high\"}";
	CHECK(job_parse_given(&job, line, strlen(line), &given, &error));
	CHECK_STRING(job.lang, "fra");
	CHECK_STRING(job.tenant, "t");
	CHECK_INTEGER(job.priority, JOB_PRIORITY_LOW);
	job_free(&job);
	CHECK(job_parse_given(&job, high, strlen(high), &given, &error));
	CHECK_STRING(job.lang, "deu");
	CHECK_INTEGER(job.priority, JOB_PRIORITY_HIGH);
	job_free(&job);
	given.tenant = "two words";
	CHECK(!job_parse_given(&job, line, strlen(line), &given, &error) && error.code == ERROR_BAD_JOB && !job.json);
	given = (struct job_template){ .uri = "file:/\xff" };
	CHECK(!job_new(&job, &given, &error) && strncmp(error.message, "uri:", 4) == 0 && !job.json);
}

static void a_member_is_set_by_the_same_rules(void)
{
	struct job job;
	struct error error = { 0 };
	struct buffer line = { 0 };
	CHECK(parse(&job, "{\"uri\":\"file:/a\"}"));
	CHECK(job_set_member(&job, "uri", "r2://bucket/key", &error));
	CHECK(job_set_member(&job, "key", "k", &error));
	CHECK_STRING(job.uri, "r2://bucket/key");
	CHECK_STRING(job.key, "k");
	CHECK(!job_set_member(&job, "uri", "gopher://x", &error));
	CHECK(!job_set_member(&job, "attempt", "1", &error));
	CHECK_STRING(job.uri, "r2://bucket/key");
	job_write(&job, &line);
	CHECK(strstr(line.data, "\"uri\":\"r2://bucket/key\"") && strstr(line.data, "\"key\":\"k\""));
	buffer_free(&line);
	job_free(&job);
}

static void a_receipt_is_one_line(void)
{
	struct buffer line = { 0 };
	struct error why = { .code = ERROR_BAD_JOB, .message = "uri: \"x\"\nno" };
	receipt_write(&line, ID, RECEIPT_QUEUED, NULL);
	receipt_write(&line, ID, RECEIPT_DUPLICATE, NULL);
	receipt_write(&line, NULL, RECEIPT_REFUSED, &why);
	CHECK_STRING(line.data, "{\"v\":1,\"job\":\"" ID "\",\"status\":\"queued\"}\n"
				"{\"v\":1,\"job\":\"" ID "\",\"status\":\"duplicate\"}\n"
				"{\"v\":1,\"status\":\"refused\",\"error\":{\"code\":\"bad_job\",\"message\":\"uri: "
				"\\\"x\\\"\\nno\"}}\n");
	buffer_free(&line);
}

/* Cut, flipped and doubled lines: never a crash, and what is taken is written and taken again. */
static void damaged_lines_are_refused_or_read_the_same_twice(void)
{
	static const char whole[] =
	    "{\"v\":1,\"job\":\"" ID "\",\"document\":\"d\",\"uri\":\"r2://bucket/k%20\",\"lang\":\"eng\","
	    "\"attempt\":2,\"enqueued_at\":\"2026-01-02T03:04:05.678Z\",\"history\":[{}],\"x\":1.5e3}";
	unsigned seed = (unsigned)clock_unix_ms();
	printf("# seed %u\n", seed);
	for (int round = 0; round < 20000; round++) {
		char line[sizeof whole];
		memcpy(line, whole, sizeof whole);
		size_t length = (size_t)rand_r(&seed) % sizeof whole;
		for (int flips = rand_r(&seed) % 3; flips >= 0; flips--)
			line[(size_t)rand_r(&seed) % sizeof whole] = (char)rand_r(&seed);
		struct job job;
		struct job again;
		struct error error = { 0 };
		if (round % 2)
			length = sizeof whole - 1;
		if (!job_parse(&job, line, length, &error)) {
			CHECK(error.code == ERROR_BAD_JOB && error.message[0]);
			continue;
		}
		struct buffer out = { 0 };
		struct buffer out_again = { 0 };
		job_write(&job, &out);
		CHECK(parse(&again, out.data));
		job_write(&again, &out_again);
		CHECK_STRING(out_again.data, out.data);
		buffer_free(&out);
		buffer_free(&out_again);
		job_free(&job);
		job_free(&again);
	}
}

static bool same_text(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

/* Two jobs of which the one may have been read the short way, the other not. Ids and times that were made may differ.
 */
static bool same_job(const struct job *one, const struct job *other, bool id, bool time)
{
	return (!id || strcmp(one->id, other->id) == 0) && same_text(one->uri, other->uri) &&
	       (!id || same_text(one->document, other->document)) && same_text(one->sha256, other->sha256) &&
	       same_text(one->media_type, other->media_type) && same_text(one->lang, other->lang) &&
	       same_text(one->key, other->key) && same_text(one->trace, other->trace) &&
	       same_text(one->tenant, other->tenant) && one->lang_given == other->lang_given &&
	       one->priority == other->priority && one->attempt == other->attempt &&
	       one->first_attempt == other->first_attempt && (!time || one->enqueued_at_ms == other->enqueued_at_ms);
}

/* A space before the line makes it one that only the parser reads; else nothing may depend on the way. */
static void plain_lines_mean_what_the_parser_says(void)
{
	static const char *const pieces[] = {
		"\"v\":1",
		"\"v\":2",
		"\"job\":\"" ID "\"",
		"\"job\":\"x\"",
		"\"document\":\"d\"",
		"\"document\":\"a/b\"",
		"\"uri\":\"r2://bucket/k%20\"",
		"\"uri\":\"r2://bucket/k\"",
		"\"uri\":\"ftp://x\"",
		"\"lang\":\"deu+eng\"",
		"\"lang\":\"\"",
		"\"key\":\"k\"",
		"\"key\":\"\"",
		"\"tenant\":\"t\"",
		"\"tenant\":\"\"",
		"\"priority\":\"low\"",
		"\"priority\":\"lo\"",
		"\"priority\":\"\"",
		"\"attempt\":3",
		"\"attempt\":0",
		"\"attempt\":01",
		"\"attempt\":1000001",
		"\"attempt\":99999999999",
		"\"attempt\":\"3\"",
		"\"first_attempt\":2",
		"\"enqueued_at\":\"2026-01-02T03:04:05.678Z\"",
		"\"enqueued_at\":\"2026-01-02\"",
		"\"x\":1",
		"\"\":1",
		"\"sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF\"",
		"\"sha256\":\"0\"",
		"\"media_type\":\"image/png\"",
		"\"trace\":\"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01\"",
	};
	unsigned seed = (unsigned)clock_unix_ms();
	int taken = 0;
	printf("# seed %u\n", seed);
	for (int round = 0; round < 100000; round++) {
		char line[4096];
		(void)snprintf(line, sizeof line, " {%s",
			       rand_r(&seed) % 4 ? "\"uri\":\"r2://bucket/always\"" : "\"v\":1");
		for (int count = rand_r(&seed) % 6; count >= 0; count--) {
			size_t used = strlen(line);
			(void)snprintf(line + used, sizeof line - used, ",%s",
				       pieces[(size_t)rand_r(&seed) % (sizeof pieces / sizeof *pieces)]);
		}
		size_t end = strlen(line);
		memcpy(line + end, "}", 2);
		struct job plain;
		struct job parsed;
		struct error plain_error = { 0 };
		struct error parsed_error = { 0 };
		bool plain_taken = job_parse(&plain, line + 1, strlen(line + 1), &plain_error);
		bool parsed_taken = job_parse(&parsed, line, strlen(line), &parsed_error);
		bool same = plain_taken == parsed_taken && plain_error.code == parsed_error.code &&
			    (!plain_taken || same_job(&plain, &parsed, strstr(line, "\"job\"") != NULL,
						      strstr(line, "\"enqueued_at\"") != NULL));
		if (same && plain_taken) {
			struct buffer out = { 0 };
			struct job again;
			job_write(&plain, &out);
			same = parse(&again, out.data) && job_json(&plain, &plain_error);
			again.lang_given = plain.lang_given; /* what is written names it */
			same = same && same_job(&plain, &again, true, true);
			job_free(&again);
			buffer_free(&out);
		}
		if (!same)
			printf("# %s: %s, %s\n", line, plain_error.message, parsed_error.message);
		CHECK(same);
		taken += plain_taken;
		job_free(&plain);
		job_free(&parsed);
	}
	printf("# %d lines were taken\n", taken);
	CHECK(taken > 1000);
}

int main(void)
{
	TEST(the_least_job_line_gets_defaults);
	TEST(unknown_members_and_their_order_survive);
	TEST(what_a_new_job_writes_is_read_again);
	TEST(a_bad_member_is_named);
	TEST(hostile_bytes_are_refused_as_a_line);
	TEST(a_line_over_1_mib_or_32_levels_is_refused);
	TEST(a_refused_line_still_tells_its_valid_id);
	TEST(languages_are_names_joined_by_plus);
	TEST(attempt_and_history_change_the_line);
	TEST(a_job_that_comes_back_counts_on_and_tries_anew);
	TEST(the_first_attempt_is_never_after_the_attempt);
	TEST(what_a_line_lacks_is_taken_from_what_is_given);
	TEST(a_member_is_set_by_the_same_rules);
	TEST(a_receipt_is_one_line);
	TEST(plain_lines_mean_what_the_parser_says);
	TEST(damaged_lines_are_refused_or_read_the_same_twice);
	return test_done();
}
