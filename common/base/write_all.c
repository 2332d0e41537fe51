/* See the header. */
#include "common/base/write_all.h"

#include <errno.h>
#include <unistd.h>

bool write_all(int descriptor, const void *bytes, size_t length)
{
	const char *next = bytes;
	while (length) {
		ssize_t written = write(descriptor, next, length);
		if (written < 0 && errno != EINTR)
			return false;
		next += written > 0 ? written : 0;
		length -= written > 0 ? (size_t)written : 0;
	}
	return true;
}
