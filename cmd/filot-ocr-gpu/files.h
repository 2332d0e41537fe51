/*
 * Results as files of one folder: FOLDER/NAME.EXTENSION, where NAME is that of the document without its own extension. A
 * file is whole or not there: it is written under a hidden name and then renamed, over one of an earlier run if need be.
 *
 * Two documents of a run never have one NAME (the second is NAME-2), and no document that was given is written over.
 * files_name is for one thread; the others are for any.
 */
#ifndef OCR_FILES_H
#define OCR_FILES_H

#include "common/base/options.h"
#include "common/ocr/output.h"

struct files;

/*
 * Makes the folder where there is none (but not those above it). `formats` (a bit each) are those that will be written;
 * `documents` are paths, of which those that are files are kept safe. ERROR_CONFIG.
 */
struct files *files_open(const char *folder, unsigned formats, const struct string_list *documents, struct error *error);
void files_close(struct files *files); /* NULL is fine */

/* A NAME for the document of that path, URI or id; "-" is stdin. The caller frees it. NULL: out of memory. */
char *files_name(struct files *files, const char *document);

/* One file that is being written. */
struct file_draft {
	int descriptor; /* to write to */
	char hidden[32], name[256];
};

bool files_begin(const struct files *files, const char *name, enum output_format format, struct file_draft *draft,
		 struct error *error);

/* Gives it its name, or takes it away when it is not `whole`. False only when the former failed, which takes it away. */
bool files_end(const struct files *files, struct file_draft *draft, bool whole, struct error *error);

/* All of it at once. */
bool files_write(const struct files *files, const char *name, enum output_format format, const struct buffer *bytes,
		 struct error *error);

#endif
