/* The migration files of a folder: NNNN_name.sql, in order of their numbers. */
#ifndef FILOT_MIGRATE_FILES_H
#define FILOT_MIGRATE_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sha256.h"

struct migration_file {
	int64_t version; /* from 1 */
	char *file; /* "0001_name.sql" */
	char *name; /* "name" */
	char *text;
	size_t length;
	char checksum[SHA256_HEX_SIZE]; /* of the file's bytes */
	bool transaction; /* false when its head says "-- filot: no-transaction" */
};

struct migration_files {
	struct migration_file *items;
	size_t count;
};

/* ERROR_CONFIG when the folder cannot be read, ERROR_BAD_INPUT for a .sql file that is none of ours. */
bool files_load(const char *folder, struct migration_files *files, struct error *error);
void files_free(struct migration_files *files);

/* Where the files are when nobody says: beside the checkout that the program was built in, else where it is installed. */
bool files_default_folder(char folder[static PATH_MAX], struct error *error);

/* Makes the next file, with a template in it; its path goes to `path`. Never writes over a file. */
bool files_new(const char *folder, const char *name, char path[static PATH_MAX], struct error *error);

#endif
