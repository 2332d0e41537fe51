/*
 * The seeds of the fuzz targets, each through its own, without libFuzzer: what once crashed one lies among them, and must
 * not crash it again (sanitized builds see more). A target that is new is listed here; one without seeds fails.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "tests/unit/test.h"

#define TARGETS(X)                                                                                                        \
	X(api) X(buli2_request) X(claim) X(compose) X(dawg) X(document) X(exif) X(form) X(frame) X(job) X(jwt) X(layout) X(model) X(mrz)    \
	X(page) X(recoder) X(redis_url) X(settings) X(signature) X(temporal_event) X(unicharset)

static bool read_file(const char *folder, const char *name, struct buffer *bytes)
{
	char path[512];
	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "re");
	char piece[4096];
	size_t length;
	buffer_clear(bytes);
	while (file && (length = fread(piece, 1, sizeof piece, file)) > 0)
		buffer_append(bytes, piece, length);
	bool good = file && !ferror(file) && !bytes->failed;
	if (file)
		(void)fclose(file);
	return good;
}

/* All seeds, each also cut to half; returns how many there are. */
static int replay(const char *target, int (*run)(const uint8_t *bytes, size_t length))
{
	char folder[256];
	struct buffer bytes = { 0 };
	int count = 0;
	(void)snprintf(folder, sizeof folder, "tests/fuzz/seeds/%s", target);
	DIR *entries = opendir(folder);
	for (struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries)) {
		if (*entry->d_name == '.')
			continue;
		CHECK(read_file(folder, entry->d_name, &bytes));
		const uint8_t *start = (const uint8_t *)(bytes.data ? bytes.data : "");
		CHECK(run(start, bytes.length) == 0 && run(start, bytes.length / 2) == 0);
		count++;
	}
	if (entries)
		(void)closedir(entries);
	buffer_free(&bytes);
	return count;
}

#define DEFINE(name)                                                \
	int fuzz_##name(const uint8_t *bytes, size_t length);       \
	static void seeds_of_##name(void)                           \
	{                                                           \
		CHECK(replay(#name, fuzz_##name) > 0);              \
	}
TARGETS(DEFINE)

static void every_target_is_run_here(void)
{
#define NAME(name) #name,
	static const char *const names[] = { TARGETS(NAME) };
	size_t found = 0;
	DIR *entries = opendir("tests/fuzz");
	for (struct dirent *entry = entries ? readdir(entries) : NULL; entry; entry = readdir(entries)) {
		size_t stem = strcspn(entry->d_name, ".");
		if (strcmp(entry->d_name + stem, ".c") != 0)
			continue;
		bool listed = false;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			listed = listed || (strlen(names[i]) == stem && !strncmp(names[i], entry->d_name, stem));
		CHECK(listed);
		found += listed;
	}
	CHECK_INTEGER(found, sizeof names / sizeof *names);
	if (entries)
		(void)closedir(entries);
}

int main(void)
{
#define RUN(name) TEST(seeds_of_##name);
	TARGETS(RUN)
	TEST(every_target_is_run_here);
	return test_done();
}
