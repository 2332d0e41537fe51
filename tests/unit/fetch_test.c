/* URIs and the policy for file: documents, in a folder of its own. (Over the network: tests/system/fetch.bats.) */
#include "common/store/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/http/http.h"
#include "tests/unit/test.h"

static char root[] = "/tmp/filot-fetch-test-XXXXXX";

/* root/NAME; a few at a time. */
static const char *in_root(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];
	(void)snprintf(path, 256, "%s/%s", root, name);
	return path;
}

static void file_write(const char *name, const char *text)
{
	FILE *file = fopen(in_root(name), "w");
	CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* What opening `uri` gives: the code, and for a success that the document reads "text" from its start. */
static enum error_code opened(const struct fetch_policy *policy, const char *uri, const char *sha256, const char *text)
{
	struct error error = { 0 };
	char bytes[64] = "";
	struct fetch *fetch = fetch_new(policy, NULL, &error);
	int file = fetch ? fetch_open(fetch, &(const struct job){ .uri = uri, .sha256 = sha256 }, &error) : -1;
	if (file >= 0) {
		CHECK(read(file, bytes, sizeof bytes - 1) >= 0);
		CHECK_STRING(bytes, text);
		CHECK((fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY || (fcntl(file, F_GET_SEALS) & F_SEAL_WRITE));
		CHECK(fcntl(file, F_GETFD) & FD_CLOEXEC);
		(void)close(file);
	}
	fetch_free(fetch);
	return file >= 0 ? ERROR_NONE : error.code;
}

static const char *file_uri(const char *path)
{
	static char uri[4][300];
	static unsigned next;
	char *text = uri[next++ % 4];
	(void)snprintf(text, 300, "file:%s", path);
	return text;
}

static struct fetch_policy only_allowed(void)
{
	static const char *folders[2];
	folders[0] = in_root("allowed");
	return (struct fetch_policy){ .allowed_folders = folders, .most_bytes = 1000, .time_ms = 5000 };
}

static void a_file_under_an_allowed_folder_is_opened(void)
{
	struct fetch_policy policy = only_allowed();
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/page.png")), NULL, "page"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/with%20space")), NULL, "space"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/inner/../page.png")), NULL, "page"), ERROR_NONE);
}

static void a_file_elsewhere_is_forbidden_whether_it_exists_or_not(void)
{
	struct fetch_policy policy = only_allowed();
	const char *const names[] = { "secret",
				      "missing",
				      "allowed-not/page",
				      "allowed/../secret",
				      "allowed/../missing",
				      "allowed/%2e%2e/secret" };
	for (size_t index = 0; index < sizeof names / sizeof *names; index++)
		CHECK_INTEGER(opened(&policy, file_uri(in_root(names[index])), NULL, ""), ERROR_FORBIDDEN_URI);
	CHECK_INTEGER(opened(&policy, "file:/etc/passwd", NULL, ""), ERROR_FORBIDDEN_URI);
	CHECK_INTEGER(opened(&policy, "file:/proc/self/environ", NULL, ""), ERROR_FORBIDDEN_URI);
}

static void a_missing_file_under_an_allowed_folder_is_not_found(void)
{
	struct fetch_policy policy = only_allowed();
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/missing")), NULL, ""), ERROR_NOT_FOUND);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/missing/deeper")), NULL, ""), ERROR_NOT_FOUND);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/page.png/deeper")), NULL, ""), ERROR_NOT_FOUND);
}

static void a_symbolic_link_counts_where_it_leads(void)
{
	struct fetch_policy policy = only_allowed();
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/link-out")), NULL, ""), ERROR_FORBIDDEN_URI);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/folder-out/secret")), NULL, ""), ERROR_FORBIDDEN_URI);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/folder-out/missing")), NULL, ""), ERROR_FORBIDDEN_URI);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/folder-out/missing/x")), NULL, ""),
		      ERROR_FORBIDDEN_URI);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/link-in")), NULL, "page"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("link-to-allowed/page.png")), NULL, "page"), ERROR_NONE);
}

static void an_allowed_folder_may_be_a_symbolic_link(void)
{
	const char *folders[] = { in_root("link-to-allowed"), NULL };
	struct fetch_policy policy = { .allowed_folders = folders };
	CHECK_INTEGER(opened(&policy, file_uri(in_root("link-to-allowed/page.png")), NULL, "page"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/page.png")), NULL, "page"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("link-to-allowed/missing")), NULL, ""), ERROR_NOT_FOUND);
}

static void an_allowed_folder_that_is_missing_is_a_bad_configuration(void)
{
	const char *folders[] = { in_root("missing"), NULL };
	struct fetch_policy policy = { .allowed_folders = folders };
	CHECK_INTEGER(opened(&policy, "file:/etc/passwd", NULL, ""), ERROR_CONFIG);
}

static void only_regular_files_are_opened(void)
{
	struct fetch_policy policy = only_allowed();
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/inner")), NULL, ""), ERROR_FORBIDDEN_URI);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/fifo")), NULL, ""), ERROR_FORBIDDEN_URI);
	policy = (struct fetch_policy){ .any_file = true };
	CHECK_INTEGER(opened(&policy, "/dev/zero", NULL, ""), ERROR_FORBIDDEN_URI);
	CHECK_INTEGER(opened(&policy, "/tmp", NULL, ""), ERROR_FORBIDDEN_URI);
}

static void without_allowed_folders_no_file_is_opened(void)
{
	struct fetch_policy policy = { .time_ms = 1000 };
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/page.png")), NULL, ""), ERROR_FORBIDDEN_URI);
}

static void a_persons_own_command_line_may_name_any_file(void)
{
	struct fetch_policy policy = { .any_file = true };
	CHECK_INTEGER(opened(&policy, in_root("secret"), NULL, "secret"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("secret")), NULL, "secret"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, in_root("allowed/100%.png"), NULL, "percent"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, in_root("missing"), NULL, ""), ERROR_NOT_FOUND);
	policy.any_file = false;
	CHECK_INTEGER(opened(&policy, in_root("secret"), NULL, ""), ERROR_BAD_JOB);
}

static void *write_late(void *path)
{
	FILE *file = fopen(path, "w"); /* waits for the reader */
	if (file) {
		(void)fputs("from a pipe", file);
		(void)fclose(file);
	}
	return NULL;
}

static void a_persons_own_pipe_is_read_to_its_end(void)
{
	struct fetch_policy policy = { .any_file = true, .time_ms = 20000 };
	const char *path = in_root("allowed/fifo");
	pthread_t writer;
	CHECK(pthread_create(&writer, NULL, write_late, (void *)(uintptr_t)path) == 0);
	CHECK_INTEGER(opened(&policy, path, NULL, "from a pipe"), ERROR_NONE);
	(void)pthread_join(writer, NULL);
}

static void a_pipe_that_nobody_writes_to_times_out(void)
{
	struct fetch_policy policy = { .any_file = true, .time_ms = 50 };
	CHECK_INTEGER(opened(&policy, in_root("allowed/fifo"), NULL, ""), ERROR_TIMEOUT);
}

static void size_is_checked(void)
{
	struct fetch_policy policy = only_allowed();
	policy.most_bytes = 3;
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/page.png")), NULL, ""), ERROR_TOO_LARGE);
	policy.most_bytes = 4;
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/page.png")), NULL, "page"), ERROR_NONE);
	CHECK_INTEGER(opened(&policy, file_uri(in_root("allowed/empty")), NULL, ""), ERROR_EMPTY_DOCUMENT);
}

static void the_sum_is_checked(void)
{
	struct fetch_policy policy = only_allowed();
	char sum[SHA256_HEX_SIZE];
	const char *uri = file_uri(in_root("allowed/page.png"));
	CHECK(sha256_of("page", 4, sum));
	CHECK_INTEGER(opened(&policy, uri, sum, "page"), ERROR_NONE);
	for (char *digit = sum; *digit; digit++)
		*digit = (char)(*digit >= 'a' ? *digit - 32 : *digit);
	CHECK_INTEGER(opened(&policy, uri, sum, "page"), ERROR_NONE);
	sum[0] = sum[0] == '0' ? '1' : '0';
	CHECK_INTEGER(opened(&policy, uri, sum, ""), ERROR_CHECKSUM_MISMATCH);
}

static void check_path(const char *uri, const char *expected)
{
	struct error error = { 0 };
	char *path = fetch_file_path(uri, &error);
	CHECK_STRING(path, expected);
	CHECK_INTEGER(error.code, expected ? ERROR_NONE : ERROR_BAD_JOB);
	free(path);
}

static void file_uris_are_read_strictly(void)
{
	check_path("file:/a/b", "/a/b");
	check_path("file:///a/b", "/a/b");
	check_path("FILE://localhost/a", "/a");
	check_path("file:/a%20b%2Fc%25", "/a b/c%");
	check_path("file:/%c3%bc", "/\xc3\xbc");
	check_path("file:/\xc3\xbc", "/\xc3\xbc");
	check_path("file:/a+b", "/a+b");
	check_path("file:a", NULL);
	check_path("file:", NULL);
	check_path("file://", NULL);
	check_path("file://otherhost/a", NULL);
	check_path("file://localhost", NULL);
	check_path("file:/a%", NULL);
	check_path("file:/a%2", NULL);
	check_path("file:/a%zz", NULL);
	check_path("file:/a%00b", NULL);
	check_path("file:/a?b", NULL);
	check_path("file:/a#b", NULL);
	check_path("/a", NULL);
}

static void check_r2(const char *uri, const char *expected_bucket, const char *expected_key)
{
	struct error error = { 0 };
	char bucket[64] = "";
	char *key = fetch_split_r2(uri, bucket, &error);
	CHECK_STRING(key, expected_key);
	CHECK_INTEGER(error.code, expected_key ? ERROR_NONE : ERROR_BAD_JOB);
	if (expected_key)
		CHECK_STRING(bucket, expected_bucket);
	free(key);
}

static void r2_uris_are_read_strictly(void)
{
	check_r2("r2://bucket/key", "bucket", "key");
	check_r2("R2://b.1/a/b%20c/../d//", "b.1", "a/b c/../d//");
	check_r2("r2://bucket//key", "bucket", "/key");
	check_r2("r2://bucket/%3F%23%25", "bucket", "?#%");
	check_r2("r2://bucket/", NULL, NULL);
	check_r2("r2://bucket", NULL, NULL);
	check_r2("r2:///key", NULL, NULL);
	check_r2("r2://b%75cket/key", NULL, NULL);
	check_r2("r2://../key", NULL, NULL);
	check_r2("r2://bucket/a?b", NULL, NULL);
	check_r2("r2://bucket/a%00", NULL, NULL);
	check_r2("r2://bucket/%ff", NULL, NULL);
	check_r2("r2://a234567890123456789012345678901234567890123456789012345678901234/key", NULL, NULL);
}

static void what_is_no_uri_of_ours_is_a_bad_job(void)
{
	struct fetch_policy policy = { .any_file = true };
	const char *const uris[] = { "ftp://example.org/a", "data://x", "r2:bucket/key", "file://host/a", "s3://b/k" };
	for (size_t index = 0; index < sizeof uris / sizeof *uris; index++)
		CHECK_INTEGER(opened(&policy, uris[index], NULL, ""),
			      strstr(uris[index], "r2:b") ? ERROR_NOT_FOUND : ERROR_BAD_JOB);
	policy.any_file = false;
	CHECK_INTEGER(opened(&policy, "r2:bucket/key", NULL, ""), ERROR_BAD_JOB);
	CHECK_INTEGER(opened(&policy, "https:/example.org", NULL, ""), ERROR_BAD_JOB);
	CHECK_INTEGER(opened(&policy, "", NULL, ""), ERROR_BAD_JOB);
}

static void without_object_storage_r2_is_unavailable(void)
{
	struct fetch_policy policy = { .time_ms = 1000 };
	CHECK_INTEGER(opened(&policy, "r2://bucket/key", NULL, ""), ERROR_STORAGE_UNAVAILABLE);
}

/* Literal addresses: nothing is sent, so this needs no network. */
static void addresses_that_are_not_public_are_forbidden(void)
{
	struct fetch_policy policy = { .time_ms = 5000, .plain_http = true, .attempts = 1 };
	const char *const uris[] = { "https://127.0.0.1:9/x",
				     "http://localhost:9/",
				     "http://[::1]:9/",
				     "http://[::ffff:127.0.0.1]:9/",
				     "http://169.254.169.254/latest/",
				     "http://0x7f.1:9/",
				     "http://2130706433:9/",
				     "http://0:9/",
				     "http://[fd00:ec2::254]/" };
	for (size_t index = 0; index < sizeof uris / sizeof *uris; index++)
		CHECK_INTEGER(opened(&policy, uris[index], NULL, ""), ERROR_FORBIDDEN_URI);
}

static void plain_http_is_forbidden_unless_allowed(void)
{
	struct fetch_policy policy = { .time_ms = 5000, .private_addresses = true, .attempts = 1 };
	CHECK_INTEGER(opened(&policy, "http://127.0.0.1:9/", NULL, ""), ERROR_FORBIDDEN_URI);
	policy.plain_http = true;
	CHECK_INTEGER(opened(&policy, "http://127.0.0.1:9/", NULL, ""), ERROR_STORAGE_UNAVAILABLE);
}

static void a_uri_with_a_password_is_refused_and_not_repeated(void)
{
	struct fetch_policy policy = { .time_ms = 5000 };
	struct error error = { 0 };
	struct fetch *fetch = fetch_new(&policy, NULL, &error);
	CHECK(fetch_open(fetch, &(const struct job){ .uri = "https://user:secret@example.org/?t=secret" }, &error) < 0);
	CHECK_INTEGER(error.code, ERROR_BAD_JOB);
	CHECK(!strstr(error.message, "secret"));
	fetch_free(fetch);
}

static void prepare(void)
{
	CHECK(mkdtemp(root));
	CHECK(mkdir(in_root("allowed"), 0700) == 0);
	CHECK(mkdir(in_root("allowed/inner"), 0700) == 0);
	CHECK(mkdir(in_root("allowed-not"), 0700) == 0);
	file_write("secret", "secret");
	file_write("allowed-not/page", "page");
	file_write("allowed/page.png", "page");
	file_write("allowed/with space", "space");
	file_write("allowed/100%.png", "percent");
	file_write("allowed/empty", "");
	CHECK(mkfifo(in_root("allowed/fifo"), 0600) == 0);
	CHECK(symlink(in_root("secret"), in_root("allowed/link-out")) == 0);
	CHECK(symlink(root, in_root("allowed/folder-out")) == 0);
	CHECK(symlink("page.png", in_root("allowed/link-in")) == 0);
	CHECK(symlink("allowed", in_root("link-to-allowed")) == 0);
}

static void clean(void)
{
	const char *const names[] = {
		"allowed/link-in",  "allowed/folder-out", "allowed/link-out", "allowed/fifo",	  "allowed/empty",
		"allowed/100%.png", "allowed/with space", "allowed/page.png", "allowed-not/page", "secret",
		"link-to-allowed",  "allowed/inner",	  "allowed-not",      "allowed",	  ""
	};
	for (size_t index = 0; index < sizeof names / sizeof *names; index++)
		(void)remove(in_root(names[index]));
}

int main(void)
{
	struct error error = { 0 };
	if (!http_setup(&error))
		return 1;
	prepare();
	TEST(a_file_under_an_allowed_folder_is_opened);
	TEST(a_file_elsewhere_is_forbidden_whether_it_exists_or_not);
	TEST(a_missing_file_under_an_allowed_folder_is_not_found);
	TEST(a_symbolic_link_counts_where_it_leads);
	TEST(an_allowed_folder_may_be_a_symbolic_link);
	TEST(an_allowed_folder_that_is_missing_is_a_bad_configuration);
	TEST(only_regular_files_are_opened);
	TEST(without_allowed_folders_no_file_is_opened);
	TEST(a_persons_own_command_line_may_name_any_file);
	TEST(a_persons_own_pipe_is_read_to_its_end);
	TEST(a_pipe_that_nobody_writes_to_times_out);
	TEST(size_is_checked);
	TEST(the_sum_is_checked);
	TEST(file_uris_are_read_strictly);
	TEST(r2_uris_are_read_strictly);
	TEST(what_is_no_uri_of_ours_is_a_bad_job);
	TEST(without_object_storage_r2_is_unavailable);
	TEST(addresses_that_are_not_public_are_forbidden);
	TEST(plain_http_is_forbidden_unless_allowed);
	TEST(a_uri_with_a_password_is_refused_and_not_repeated);
	clean();
	return test_done();
}
