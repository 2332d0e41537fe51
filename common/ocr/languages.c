/* Model names and their files. Folders are read only when a name was not found, for the message. */
#include "common/ocr/languages.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buffer.h"

#define SUFFIX ".traineddata"
#define LONGEST_NAME 64
#define MODEL_MOST_BYTES (INT64_C(1) << 30)

/* One name at `text`, up to '+' or the end; its length, 0 when it is none. */
static size_t name_length(const char *text)
{
	size_t length = 0, slashes = 0;
	for (; text[length] && text[length] != '+'; length++) {
		unsigned char c = (unsigned char)text[length];
		if (c == '/' && length > 0 && text[length + 1] && text[length + 1] != '+' && slashes++ == 0)
			continue;
		if (c >= 128 || (!isalnum(c) && c != '_' && c != '-'))
			return 0;
	}
	return length < LONGEST_NAME ? length : 0;
}

bool languages_valid(const char *languages)
{
	for (;;) {
		size_t length = name_length(languages);
		if (length == 0)
			return false;
		if (!languages[length])
			return true;
		languages += length + 1;
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends "deu, eng, osd" to `text`; what cannot be read is left out. */
static void list_installed(const char *tessdata, struct buffer *text)
{
	char *names[256];
	size_t count = 0;
	DIR *folder = opendir(tessdata);
	for (struct dirent *entry; folder && count < sizeof names / sizeof *names && (entry = readdir(folder));) {
		size_t length = strlen(entry->d_name);
		if (length > strlen(SUFFIX) && !strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) &&
		    (names[count] = strndup(entry->d_name, length - strlen(SUFFIX))))
			count++;
	}
	if (folder)
		(void)closedir(folder);
	qsort(names, count, sizeof *names, compare_names);
	for (size_t i = 0; i < count; i++) {
		buffer_printf(text, "%s%s", i > 0 ? ", " : "", names[i]);
		free(names[i]);
	}
	if (count == 0)
		buffer_append_string(text, "none");
}

static bool unknown(const char *tessdata, const char *name, size_t length, struct error *error)
{
	struct buffer installed = { 0 };
	list_installed(tessdata, &installed);
	error_set(error, ERROR_UNKNOWN_LANGUAGE, "no model %.*s" SUFFIX " in %s; installed: %s", (int)length, name, tessdata,
		  installed.data && !installed.failed ? installed.data : "?");
	buffer_free(&installed);
	return false;
}

static bool sum_model(const char *tessdata, const char *name, size_t length, char sha256[static SHA256_HEX_SIZE],
		      struct error *error)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof path, "%s/%.*s" SUFFIX, tessdata, (int)length, name) >= (int)sizeof path)
		return error_set(error, ERROR_CONFIG, "the path of the tessdata folder is too long");
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0 && errno == ENOENT)
		return unknown(tessdata, name, length, error);
	if (descriptor < 0)
		return error_set(error, ERROR_CONFIG, "cannot read %s: %s", path, strerror(errno));
	int64_t bytes;
	bool summed = sha256_of_descriptor(descriptor, MODEL_MOST_BYTES, sha256, &bytes, error);
	(void)close(descriptor);
	return summed;
}

bool languages_find(const char *tessdata, const char *languages, char sha256[static SHA256_HEX_SIZE], struct error *error)
{
	if (!languages_valid(languages))
		return error_set(error, ERROR_UNKNOWN_LANGUAGE,
				 "\"%.64s\" names no languages; write them as eng or deu+eng", languages);
	struct buffer sums = { 0 };
	const char *name = languages;
	bool found = true;
	while (found) {
		size_t length = strcspn(name, "+");
		found = sum_model(tessdata, name, length, sha256, error);
		if (!found || !name[length])
			break;
		buffer_printf(&sums, "%s\n", sha256);
		name += length + 1;
	}
	if (found && name != languages) {
		buffer_append_string(&sums, sha256);
		found = (!sums.failed && sha256_of(sums.data, sums.length, sha256)) ||
			error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the sums of the models");
	}
	buffer_free(&sums);
	return found;
}
