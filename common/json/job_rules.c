/* The members of a job and what each may be. */
#include "common/json/job_private.h"

#include <string.h>

#include "common/base/json_text.h"
#include "common/base/sha256.h"
#include "common/base/ulid.h"

#define LONGEST_URI_BYTES 4096

const char *const job_member_names[JOB_MEMBER_COUNT] = {
	[JOB_DOCUMENT] = "document",
	[JOB_URI] = "uri",
	[JOB_SHA256] = "sha256",
	[JOB_MEDIA_TYPE] = "media_type",
	[JOB_LANG] = "lang",
	[JOB_KEY] = "key",
	[JOB_TRACE] = "trace",
	[JOB_TENANT] = "tenant",
	[JOB_ID] = "job",
	[JOB_PRIORITY] = "priority",
	[JOB_ENQUEUED_AT] = "enqueued_at",
	[JOB_VERSION] = "v",
	[JOB_ATTEMPT] = "attempt",
	[JOB_FIRST_ATTEMPT] = "first_attempt",
};

bool job_utf8_valid(const char *text)
{
	for (size_t size; *text; text += size)
		if (!(size = json_text_utf8_length(text, strnlen(text, 4))))
			return false;
	return true;
}

/* No control characters and no spaces: a URI has them percent-encoded. */
static bool printable(const char *text, unsigned char least)
{
	for (; *text; text++)
		if ((unsigned char)*text < least || *text == 0x7f)
			return false;
	return true;
}

static bool uri_valid(const char *uri)
{
	size_t length = strlen(uri);
	if (length > LONGEST_URI_BYTES || !printable(uri, 0x21))
		return false;
	if (strncmp(uri, "r2://", 5) == 0) {
		size_t bucket = strcspn(uri + 5, "/");
		return bucket >= 1 && bucket <= 63 && uri[5 + bucket] == '/' && uri[5 + bucket + 1];
	}
	if (strncmp(uri, "https://", 8) == 0 || strncmp(uri, "http://", 7) == 0)
		return strcspn(strstr(uri, "://") + 3, "/?#") > 0;
	return strncmp(uri, "file:/", 6) == 0 && uri[6];
}

static bool media_type_valid(const char *text)
{
	const char *slash = strchr(text, '/');
	return strlen(text) <= 128 && printable(text, 0x20) && slash && slash > text && slash[1];
}

static bool key_valid(const char *text)
{
	return *text && strlen(text) <= 256 && printable(text, 0x20);
}

/* W3C Trace Context: version-traceid-parentid-flags in lower case hexadecimal; other versions than 00 may be longer. */
static bool trace_valid(const char *text)
{
	static const size_t ends[] = { 2, 35, 52, 55 };
	size_t start = 0;
	for (size_t index = 0; index < sizeof ends / sizeof *ends; index++) {
		if (strspn(text + start, "0123456789abcdef") != ends[index] - start)
			return false;
		if (index < 3 && text[ends[index]] != '-')
			return false;
		start = ends[index] + 1;
	}
	return !text[55] ||
	       (text[55] == '-' && strncmp(text, "00", 2) != 0 && strlen(text) <= 256 && printable(text, 0x21));
}

bool job_lang_valid(const char *lang)
{
	size_t length = strlen(lang);
	if (!length || length > 128 || *lang == '/' || strstr(lang, "..") || strstr(lang, "++") || strstr(lang, "+/"))
		return false;
	if (lang[0] == '+' || lang[length - 1] == '+')
		return false;
	return strspn(lang, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/+") == length;
}

const struct job_rule job_rules[JOB_TEXT_COUNT] = {
	[JOB_DOCUMENT] = { offsetof(struct job, document), id_valid, "must be 1 to 128 of A-Z a-z 0-9 . _ : -" },
	[JOB_URI] = { offsetof(struct job, uri), uri_valid,
		      "must be r2://BUCKET/KEY, https://, http:// or file:/PATH, at most 4096 bytes, spaces "
		      "percent-encoded" },
	[JOB_SHA256] = { offsetof(struct job, sha256), sha256_valid, "must be 64 hexadecimal digits" },
	[JOB_MEDIA_TYPE] = { offsetof(struct job, media_type), media_type_valid,
			     "must be TYPE/SUBTYPE, at most 128 bytes" },
	[JOB_LANG] = { offsetof(struct job, lang), job_lang_valid,
		       "must be language names joined by +, such as deu+eng" },
	[JOB_KEY] = { offsetof(struct job, key), key_valid, "must be 1 to 256 bytes without control characters" },
	[JOB_TRACE] = { offsetof(struct job, trace), trace_valid, "must be a W3C traceparent" },
	[JOB_TENANT] = { offsetof(struct job, tenant), id_valid, "must be 1 to 128 of A-Z a-z 0-9 . _ : -" },
};

const char **job_text(struct job *job, enum job_member member)
{
	return (const char **)(void *)((char *)job + job_rules[member].offset);
}

void job_template_texts(const struct job_template *given, const char *texts[static JOB_TEXT_COUNT])
{
	const char *const all[JOB_TEXT_COUNT] = {
		[JOB_DOCUMENT] = given->document,     [JOB_URI] = given->uri,	   [JOB_SHA256] = given->sha256,
		[JOB_MEDIA_TYPE] = given->media_type, [JOB_LANG] = given->lang,	   [JOB_KEY] = given->key,
		[JOB_TRACE] = given->trace,	      [JOB_TENANT] = given->tenant
	};
	memcpy(texts, all, sizeof all);
}
