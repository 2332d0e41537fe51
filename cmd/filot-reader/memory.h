/*
 * Knows whether memory ended. Libraries meet a failed allocation in every way: a NULL, an empty result, an abort, a crash;
 * Poppler leaves an image out and says nothing. So the allocator itself remembers it, for this process.
 *
 * Works with the GNU C library; with a sanitizer's allocator, memory never ends.
 */
#ifndef FILOT_READER_MEMORY_H
#define FILOT_READER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * From now on, a signal by which a process dies of itself ends it with READER_EXIT_OUT_OF_MEMORY (reader_protocol.h)
 * instead, if memory had ended before. `limit_bytes` is the memory that the process may have: a single request for more
 * than that comes of a damaged length in a file, and does not count. 0: none.
 */
void memory_watch(int64_t limit_bytes);

/*
 * From now on, memory that was given back is kept for the next allocation and not returned to the kernel. A page takes
 * and gives back dozens of images of megabytes; to have each one's pages mapped and zeroed anew is a twentieth of its
 * time. The process ends with its document, so nothing is kept for long.
 */
void memory_keep(void);

/* Whether an allocation failed. */
bool memory_ended(void);

#endif
