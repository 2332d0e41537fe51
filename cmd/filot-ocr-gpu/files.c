/* Names that are taken, and documents that must stay as they are, are two search trees (tsearch(3)). */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/write_all.h"

#define LONGEST_NAME_BYTES 200 /* room for a number and an extension is left of a file system's 255 */

struct identity {
	dev_t device;
	ino_t number;
};

struct files {
	const char *path;
	int folder;
	unsigned formats;
	void *names; /* of char * */
	void *documents; /* of struct identity * */
};

static int compare_names(const void *one, const void *other)
{
	return strcmp(one, other);
}

static int compare_identities(const void *one, const void *other)
{
	const struct identity *a = one, *b = other;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* Puts a copy into a tree; false when there is no memory. */
static bool keep(void **tree, const void *item, size_t size, int (*compare)(const void *, const void *))
{
	void *copy = malloc(size);
	if (!copy)
		return false;
	memcpy(copy, item, size);
	void **node = tsearch(copy, tree, compare);
	if (!node || *node != copy)
		free(copy);
	return node != NULL;
}

static bool keep_documents(struct files *files, const struct string_list *documents)
{
	bool kept = true;
	for (size_t index = 0; kept && index < documents->count; index++) {
		struct stat status;
		if (stat(documents->items[index], &status) != 0 || !S_ISREG(status.st_mode))
			continue;
		const struct identity identity = { status.st_dev, status.st_ino };
		kept = keep(&files->documents, &identity, sizeof identity, compare_identities);
	}
	return kept;
}

struct files *files_open(const char *folder, unsigned formats, const struct string_list *documents, struct error *error)
{
	struct files *files = calloc(1, sizeof *files);
	if (!files) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	*files = (struct files){ .path = folder, .folder = -1, .formats = formats };
	bool made = mkdir(folder, 0777) == 0 || errno == EEXIST;
	if (made)
		files->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool opened = files->folder >= 0 || error_set(error, ERROR_CONFIG, "folder %s: %s", folder, strerror(errno));
	if (opened && !keep_documents(files, documents))
		opened = error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	if (opened)
		return files;
	files_close(files);
	return NULL;
}

void files_close(struct files *files)
{
	if (!files)
		return;
	if (files->folder >= 0)
		(void)close(files->folder);
	tdestroy(files->names, free);
	tdestroy(files->documents, free);
	free(files);
}

/* ---- names ---- */

/* The last part of a path or URI, without what tells the format; control characters are not for names. */
static void write_stem(const char *document, char stem[static LONGEST_NAME_BYTES + 1])
{
	const char *end = strstr(document, "://") ? document + strcspn(document, "?#") : document + strlen(document);
	while (end > document && end[-1] == '/')
		end--;
	const char *start = end;
	while (start > document && start[-1] != '/')
		start--;
	size_t length = (size_t)(end - start);
	const char *dot = memrchr(start, '.', length);
	if (dot && dot > start)
		length = (size_t)(dot - start);
	if (length > LONGEST_NAME_BYTES)
		length = LONGEST_NAME_BYTES;
	while (length > 0 && ((unsigned char)start[length] & 0xc0) == 0x80) /* not within a character of UTF-8 */
		length--;
	for (size_t index = 0; index < length; index++)
		stem[index] = (unsigned char)start[index] < 0x20 || start[index] == 0x7f ? '_' : start[index];
	stem[length] = '\0';
	if (strcmp(document, "-") == 0)
		(void)snprintf(stem, LONGEST_NAME_BYTES, "stdin");
	else if (!*stem || strcmp(stem, ".") == 0 || strcmp(stem, "..") == 0)
		(void)snprintf(stem, LONGEST_NAME_BYTES, "document");
}

static bool is_document(const struct files *files, const char *name, enum output_format format)
{
	char full[256];
	struct stat status;
	(void)snprintf(full, sizeof full, "%s.%s", name, output_format_extensions[format]);
	if (fstatat(files->folder, full, &status, 0) != 0)
		return false;
	const struct identity identity = { status.st_dev, status.st_ino };
	return tfind(&identity, &files->documents, compare_identities) != NULL;
}

static bool is_taken(const struct files *files, const char *name)
{
	bool taken = tfind(name, &files->names, compare_names) != NULL;
	for (int format = 0; !taken && format < OUTPUT_FORMAT_COUNT; format++)
		taken = (files->formats & 1U << format) && is_document(files, name, (enum output_format)format);
	return taken;
}

char *files_name(struct files *files, const char *document)
{
	char stem[LONGEST_NAME_BYTES + 1], name[LONGEST_NAME_BYTES + 16];
	write_stem(document, stem);
	(void)snprintf(name, sizeof name, "%s", stem);
	for (unsigned number = 2; is_taken(files, name); number++)
		(void)snprintf(name, sizeof name, "%s-%u", stem, number);
	return keep(&files->names, name, strlen(name) + 1, compare_names) ? strdup(name) : NULL;
}

/* ---- writing ---- */

bool files_begin(const struct files *files, const char *name, enum output_format format, struct file_draft *draft,
		 struct error *error)
{
	uint64_t chance = 0;
	(void)snprintf(draft->name, sizeof draft->name, "%s.%s", name, output_format_extensions[format]);
	do {
		if (getrandom(&chance, sizeof chance, 0) != sizeof chance)
			return error_set(error, ERROR_INTERNAL, "random numbers: %s", strerror(errno));
		(void)snprintf(draft->hidden, sizeof draft->hidden, ".%016llx.part", (unsigned long long)chance);
		draft->descriptor =
			openat(files->folder, draft->hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	} while (draft->descriptor < 0 && errno == EEXIST);
	return draft->descriptor >= 0 ||
	       error_set(error, ERROR_INTERNAL, "%s/%s: %s", files->path, draft->name, strerror(errno));
}

bool files_end(const struct files *files, struct file_draft *draft, bool whole, struct error *error)
{
	/* some file systems tell only now that there was no room */
	bool closed = close(draft->descriptor) == 0;
	bool named = whole && closed && renameat(files->folder, draft->hidden, files->folder, draft->name) == 0;
	int saved = errno;
	if (!named)
		(void)unlinkat(files->folder, draft->hidden, 0);
	return named || !whole ||
	       error_set(error, ERROR_INTERNAL, "%s/%s: %s", files->path, draft->name, strerror(saved));
}

bool files_write(const struct files *files, const char *name, enum output_format format, const struct buffer *bytes,
		 struct error *error)
{
	struct file_draft draft;
	if (!files_begin(files, name, format, &draft, error))
		return false;
	bool written = write_all(draft.descriptor, bytes->data, bytes->length) ||
		       error_set(error, ERROR_INTERNAL, "%s/%s: %s", files->path, draft.name, strerror(errno));
	return files_end(files, &draft, written, error) && written;
}
