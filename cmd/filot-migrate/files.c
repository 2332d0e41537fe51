/* Reading the folder, and making the next file in it. */
#include "cmd/filot-migrate/files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "template_sql.h"

#define LARGEST_FILE_BYTES (64 * 1024 * 1024)
#define LONGEST_NAME 100
#define DIRECTIVE "-- filot:"

static const char name_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/* Splits "0001_name.sql". False when it is not that. */
static bool parse_name(const char *file, int64_t *version, const char **name, size_t *name_length)
{
	size_t digits = strspn(file, "0123456789");
	if (digits < 4 || digits > 18 || file[digits] != '_')
		return false;
	*version = strtoll(file, NULL, 10);
	*name = file + digits + 1;
	*name_length = strspn(*name, name_letters);
	return *version > 0 && *name_length > 0 && strcmp(*name + *name_length, ".sql") == 0;
}

/* Whether to run the file in a transaction: from the comment lines before its first statement. */
static bool read_directives(struct migration_file *file, struct error *error)
{
	file->transaction = true;
	for (const char *line = file->text; *line;) {
		size_t length = strcspn(line, "\r\n");
		size_t indent = strspn(line, " \t");
		if (indent < length && strncmp(line + indent, "--", 2) != 0)
			return true;
		if (strncmp(line + indent, DIRECTIVE, sizeof DIRECTIVE - 1) == 0) {
			char word[64];
			(void)snprintf(word, sizeof word, "%.*s", (int)(length - indent), line + indent);
			for (size_t end = strlen(word); end && isspace((unsigned char)word[end - 1]); end--)
				word[end - 1] = '\0';
			if (strcmp(word, DIRECTIVE " no-transaction") != 0)
				return error_set(error, ERROR_BAD_INPUT,
						 "%s: \"%s\" is not known; \"" DIRECTIVE " no-transaction\" is", file->file,
						 word);
			file->transaction = false;
		}
		line += length;
		line += strspn(line, "\r\n");
	}
	return true;
}

static bool read_text(int folder, struct migration_file *file, struct error *error)
{
	int descriptor = openat(folder, file->file, O_RDONLY | O_CLOEXEC);
	struct stat status;
	bool fine = descriptor >= 0 && fstat(descriptor, &status) == 0;
	if (fine && (!S_ISREG(status.st_mode) || status.st_size > LARGEST_FILE_BYTES)) {
		(void)close(descriptor);
		return error_set(error, ERROR_BAD_INPUT, "%s: not a file of at most %d MiB", file->file,
				 LARGEST_FILE_BYTES / 1024 / 1024);
	}
	size_t size = fine ? (size_t)status.st_size : 0;
	file->text = fine ? malloc(size + 1) : NULL;
	while (file->text && file->length < size) {
		ssize_t got = read(descriptor, file->text + file->length, size - file->length);
		if (got < 0 && errno == EINTR)
			continue;
		fine = got >= 0;
		if (got <= 0)
			break;
		file->length += (size_t)got;
	}
	int reason = errno;
	if (descriptor >= 0)
		(void)close(descriptor);
	if (!fine || !file->text)
		return error_set(error, ERROR_CONFIG, "%s: %s", file->file, strerror(fine ? ENOMEM : reason));
	file->text[file->length] = '\0';
	if (strlen(file->text) != file->length)
		return error_set(error, ERROR_BAD_INPUT, "%s: a NUL byte is no SQL", file->file);
	return sha256_of(file->text, file->length, file->checksum) ||
	       error_set(error, ERROR_INTERNAL, "%s: no SHA-256", file->file);
}

static bool add_file(int folder, const char *file_name, struct migration_files *files, struct error *error)
{
	int64_t version;
	const char *name;
	size_t name_length;
	if (!parse_name(file_name, &version, &name, &name_length))
		return error_set(error, ERROR_BAD_INPUT,
				 "%s: a migration is called NNNN_name.sql, with letters, digits, '_' and '-' in its name",
				 file_name);
	struct migration_file *items = realloc(files->items, (files->count + 1) * sizeof *items);
	if (!items)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	files->items = items;
	struct migration_file *file = &items[files->count++];
	*file = (struct migration_file){ .version = version, .file = strdup(file_name), .name = strndup(name, name_length) };
	if (!file->file || !file->name)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	return read_text(folder, file, error) && read_directives(file, error);
}

static int by_version(const void *left, const void *right)
{
	const struct migration_file *a = left, *b = right;
	return a->version != b->version ? (a->version > b->version) - (a->version < b->version) : strcmp(a->file, b->file);
}

bool files_load(const char *folder, struct migration_files *files, struct error *error)
{
	*files = (struct migration_files){ 0 };
	DIR *directory = opendir(folder);
	if (!directory)
		return error_set(error, ERROR_CONFIG, "the folder of migrations %s: %s (--dir names another)", folder,
				 strerror(errno));
	bool fine = true;
	for (const struct dirent *entry; fine && (entry = readdir(directory));) {
		size_t length = strlen(entry->d_name);
		if (entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".sql") == 0)
			fine = add_file(dirfd(directory), entry->d_name, files, error);
	}
	(void)closedir(directory);
	if (!fine)
		files_free(files);
	else if (files->count)
		qsort(files->items, files->count, sizeof files->items[0], by_version);
	return fine;
}

void files_free(struct migration_files *files)
{
	for (size_t index = 0; index < files->count; index++) {
		free(files->items[index].file);
		free(files->items[index].name);
		free(files->items[index].text);
	}
	free(files->items);
	*files = (struct migration_files){ 0 };
}

bool files_default_folder(char folder[static PATH_MAX], struct error *error)
{
	static const char *const places[] = { "/../../migrations", "/../share/filot/migrations" };
	char program[PATH_MAX], place[PATH_MAX + 64];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	if (length > 0) {
		program[length] = '\0';
		*strrchr(program, '/') = '\0';
		for (size_t index = 0; index < sizeof places / sizeof places[0]; index++) {
			(void)snprintf(place, sizeof place, "%s%s", program, places[index]);
			if (realpath(place, folder))
				return true;
		}
	}
	if (realpath(FILOT_PREFIX "/share/filot/migrations", folder))
		return true;
	return error_set(error, ERROR_CONFIG, "no folder of migrations found: name it with --dir");
}

static bool write_template(const char *path, const char *name, struct error *error)
{
	int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
	if (!file)
		return error_set(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
	bool written = fprintf(file, "-- %s: what changes, and why.\n%s", name, template_sql) > 0;
	if (fclose(file) == 0 && written)
		return true;
	return error_set(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
}

bool files_new(const char *folder, const char *name, char path[static PATH_MAX], struct error *error)
{
	struct migration_files files;
	char plain[LONGEST_NAME + 1];
	size_t length = 0;
	for (; name[length] && length < LONGEST_NAME; length++)
		plain[length] = strchr(" -", name[length]) ? '_' : (char)tolower((unsigned char)name[length]);
	plain[length] = '\0';
	if (!length || name[length] || strspn(plain, name_letters) != length)
		return error_set(error, ERROR_USAGE, "\"%s\" is no name: 1 to %d letters, digits, '_' and '-'", name,
				 LONGEST_NAME);
	if (!files_load(folder, &files, error))
		return false;
	int64_t last = files.count ? files.items[files.count - 1].version : 0;
	files_free(&files);
	if (snprintf(path, PATH_MAX, "%s/%04" PRId64 "_%s.sql", folder, last + 1, plain) >= PATH_MAX)
		return error_set(error, ERROR_CONFIG, "%s: the path is too long", folder);
	return write_template(path, plain, error);
}
