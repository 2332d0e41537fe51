/* See the header. */
#include "cmd/filot-reader/map.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

bool map_open(struct map *map, int descriptor, int64_t most_bytes, struct error *error)
{
	struct stat status;
	*map = (struct map){ 0 };
	if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
		return error_set(error, ERROR_INTERNAL, "the document is not a regular file");
	if (status.st_size > most_bytes)
		return error_set(error, ERROR_TOO_LARGE, "the document has %" PRId64 " bytes, more than %" PRId64,
				 (int64_t)status.st_size, most_bytes);
	if (status.st_size == 0)
		return true;
	void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
	if (bytes == MAP_FAILED)
		return error_set(error, errno == ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_INTERNAL,
				 "cannot map the document: %s", strerror(errno));
	*map = (struct map){ bytes, (size_t)status.st_size };
	return true;
}

void map_close(struct map *map)
{
	if (map->bytes)
		(void)munmap(map->bytes, map->length);
	*map = (struct map){ 0 };
}
