/* Writing all bytes there are, however few a pipe or socket takes at a time. */
#ifndef FILOT_WRITE_ALL_H
#define FILOT_WRITE_ALL_H

#include <stdbool.h>
#include <stddef.h>

/* False with errno when the descriptor fails; a signal does not end it. `bytes` may be NULL when there are none. */
bool write_all(int descriptor, const void *bytes, size_t length);

#endif
