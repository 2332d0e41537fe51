/* A document's bytes in memory, mapped: they cost none of their own, and decoders see one block. */
#ifndef FILOT_READER_MAP_H
#define FILOT_READER_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"

struct map {
	void *bytes; /* NULL for an empty document */
	size_t length;
};

/* `descriptor` is a regular file or memfd and may be closed after. More than most_bytes: ERROR_TOO_LARGE. */
bool map_open(struct map *map, int descriptor, int64_t most_bytes, struct error *error);

void map_close(struct map *map);

#endif
