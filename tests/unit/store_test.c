/* Presigned URLs against AWS's own example, the encoding of keys, and what is refused before anything is sent. */
#include "common/store/store.h"

#include <stdlib.h>

#include "common/store/sigv4.h"
#include "tests/unit/test.h"

static const struct store_settings good = { .endpoint = "https://storage.example.org/",
					    .access_key = "AKIAIOSFODNN7EXAMPLE",
					    .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
					    .bucket = "documents" };

/* AWS S3 API reference, "Authenticating Requests: Using Query Parameters", the example at the end. */
static void a_presigned_url_is_the_one_of_aws_example(void)
{
	struct buffer url = { 0 };
	struct error error = { 0 };
	CHECK(sigv4_presign(&(const struct sigv4_request){ .method = "GET",
							   .origin = "https://examplebucket.s3.amazonaws.com",
							   .path = "/test.txt",
							   .access_key = good.access_key,
							   .secret_key = good.secret_key,
							   .region = "us-east-1",
							   .time_unix_s = 1369353600, /* 20130524T000000Z */
							   .expires_s = 86400 },
			    &url, &error));
	CHECK_STRING(url.data, "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
			       "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
			       "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
			       "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
	buffer_free(&url);
}

static const char *encoded(const char *text, bool path)
{
	static struct buffer buffer;
	buffer_clear(&buffer);
	buffer_append_uri(&buffer, text, path);
	buffer_append_string(&buffer, "");
	return buffer.data;
}

static void keys_are_encoded_in_the_canonical_form(void)
{
	CHECK_STRING(encoded("azAZ09-._~", true), "azAZ09-._~");
	CHECK_STRING(encoded("a/b c", true), "a/b%20c");
	CHECK_STRING(encoded("a/b", false), "a%2Fb");
	CHECK_STRING(encoded("+%&=?#!'()*:@,;$", true), "%2B%25%26%3D%3F%23%21%27%28%29%2A%3A%40%2C%3B%24");
	CHECK_STRING(encoded("k\xc3\xb6", true), "k%C3%B6");
	CHECK_STRING(encoded("\x01\x7f", true), "%01%7F");
}

static void an_object_has_a_uri_that_names_it(void)
{
	struct error error = { 0 };
	struct buffer uri = { 0 };
	struct store *store = store_new(&good, &error);
	CHECK(store);
	CHECK_STRING(store_bucket(store), "documents");
	store_uri(store, NULL, "in box/50%.pdf", &uri);
	CHECK_STRING(uri.data, "r2://documents/in%20box/50%25.pdf");
	buffer_clear(&uri);
	store_uri(store, "other", "a", &uri);
	CHECK_STRING(uri.data, "r2://other/a");
	buffer_free(&uri);
	store_free(store);
}

static void a_presigned_url_keeps_the_endpoints_port_and_path(void)
{
	struct store_settings settings = good;
	struct error error = { 0 };
	struct buffer url = { 0 };
	settings.endpoint = "http://127.0.0.1:9000/s3/";
	struct store *store = store_new(&settings, &error);
	CHECK(store && store_presign(store, "PUT", "b-2", "a b", 60, &url, &error));
	const char expected[] = "http://127.0.0.1:9000/s3/b-2/a%20b?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=";
	CHECK(url.data && strncmp(url.data, expected, strlen(expected)) == 0);
	CHECK(url.data && strstr(url.data, "%2Fauto%2Fs3%2Faws4_request&"));
	CHECK(url.data && !strstr(url.data, "wJalrXUtnFEMI"));
	buffer_free(&url);
	store_free(store);
}

static void a_presigned_url_holds_for_a_second_to_seven_days(void)
{
	struct error error = { 0 };
	struct buffer url = { 0 };
	struct store *store = store_new(&good, &error);
	CHECK(store_presign(store, "GET", NULL, "a", 1, &url, &error));
	CHECK(store_presign(store, "GET", NULL, "a", 604800, &url, &error));
	CHECK(!store_presign(store, "GET", NULL, "a", 604801, &url, &error));
	CHECK_INTEGER(error.code, ERROR_USAGE);
	CHECK(!store_presign(store, "GET", NULL, "a", 0, &url, &error));
	buffer_free(&url);
	store_free(store);
}

static void check_refused(const struct store_settings *settings, const char *word)
{
	struct error error = { 0 };
	struct store *store = store_new(settings, &error);
	CHECK(!store);
	CHECK_INTEGER(error.code, ERROR_CONFIG);
	CHECK(strstr(error.message, word));
	CHECK(!strstr(error.message, "secret"));
	store_free(store);
}

static void settings_that_cannot_work_are_refused_at_once(void)
{
	struct store_settings bad = good;
	const char *const endpoints[] = { NULL,
					  "",
					  "storage.example.org",
					  "ftp://example.org",
					  "https://",
					  "http:/host",
					  "https://u:secret@host",
					  "https://host/?a=secret",
					  "https://a b/",
					  "file:///etc/hosts" };
	for (size_t index = 0; index < sizeof endpoints / sizeof *endpoints; index++) {
		bad.endpoint = endpoints[index];
		check_refused(&bad, "endpoint");
	}
	bad = good;
	bad.access_key = NULL;
	check_refused(&bad, "access key");
	bad = good;
	bad.bucket = "a/b";
	check_refused(&bad, "bucket");
	bad = good;
	bad.region = "eu:west";
	check_refused(&bad, "region");
}

static void buckets_are_checked(void)
{
	CHECK(store_bucket_valid("filot-documents"));
	CHECK(store_bucket_valid("a"));
	CHECK(store_bucket_valid("Old_Bucket.1"));
	const char *const bad[] = {
		"",   ".",  "..",   "a/b",	 "a b",
		"-a", "a-", "a%2f", "b\xc3\xbc", "a234567890123456789012345678901234567890123456789012345678901234"
	};
	for (size_t index = 0; index < sizeof bad / sizeof *bad; index++)
		CHECK(!store_bucket_valid(bad[index]));
}

static void keys_are_checked(void)
{
	struct error error = { 0 };
	char longest[1026];
	memset(longest, 'k', sizeof longest);
	longest[1024] = '\0';
	CHECK(store_key_valid(longest, &error));
	longest[1024] = 'k';
	longest[1025] = '\0';
	CHECK(!store_key_valid(longest, &error));
	CHECK_INTEGER(error.code, ERROR_BAD_JOB);
	CHECK(!store_key_valid("", &error));
	CHECK(store_key_valid("../..//k\xc3\xb6", &error));
	CHECK(!store_key_valid("k\xc3", &error));
	CHECK(!store_key_valid("\xed\xa0\x80", &error)); /* a surrogate */
}

static void a_bad_key_or_media_type_is_not_sent(void)
{
	struct error error = { 0 };
	struct store *store = store_new(&good, &error);
	CHECK(!store_head(store, NULL, "", NULL, &error));
	CHECK_INTEGER(error.code, ERROR_BAD_JOB);
	CHECK(!store_head(store, "..", "key", NULL, &error));
	CHECK_INTEGER(error.code, ERROR_BAD_JOB);
	CHECK(!store_put(store, NULL, "key", 0, 0, "text/plain\r\nX-Injected: 1", NULL, &error));
	CHECK_INTEGER(error.code, ERROR_BAD_JOB);
	store_free(store);
}

static void a_part_grows_with_its_object_so_that_10000_are_enough(void)
{
	static const int64_t mib = INT64_C(1) << 20;
	static const int64_t lengths[] = { 0, 1, INT64_C(1) << 30, 78125 * (INT64_C(1) << 20), INT64_C(100) << 30, INT64_C(5) << 40 };
	CHECK_INTEGER(store_part_bytes(0), 8 * mib);
	CHECK_INTEGER(store_part_bytes(INT64_C(1) << 30), 8 * mib);
	for (size_t index = 0; index < sizeof lengths / sizeof *lengths; index++) {
		int64_t part = store_part_bytes(lengths[index]);
		CHECK(part >= 5 * mib && part % mib == 0 && part * 10000 >= lengths[index]);
		CHECK(part <= 8 * mib || (part - 8 * mib) * 10000 < lengths[index]); /* and not more than needed */
	}
}

int main(void)
{
	struct error error = { 0 };
	if (!http_setup(&error))
		return 1;
	TEST(a_presigned_url_is_the_one_of_aws_example);
	TEST(keys_are_encoded_in_the_canonical_form);
	TEST(an_object_has_a_uri_that_names_it);
	TEST(a_presigned_url_keeps_the_endpoints_port_and_path);
	TEST(a_presigned_url_holds_for_a_second_to_seven_days);
	TEST(settings_that_cannot_work_are_refused_at_once);
	TEST(buckets_are_checked);
	TEST(keys_are_checked);
	TEST(a_bad_key_or_media_type_is_not_sent);
	TEST(a_part_grows_with_its_object_so_that_10000_are_enough);
	return test_done();
}
