/*
 * The allocation functions of this program, for all libraries in it: those of the C library, looked at for failure. The
 * handler of deadly signals reads only a flag and calls only _exit and raise, which is safe with a broken heap.
 */
#include "cmd/filot-reader/memory.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/sanitized.h"
#include "common/ocr/reader_protocol.h"

/* State of the whole process by its nature. */
static atomic_bool ended;
static size_t longest_request = SIZE_MAX;

#if defined(__GLIBC__) && !SANITIZED

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static void *look_at(void *block, size_t bytes)
{
	if (!block && bytes > 0 && bytes <= longest_request)
		atomic_store(&ended, true);
	return block;
}

void *malloc(size_t bytes)
{
	return look_at(__libc_malloc(bytes), bytes);
}

void *calloc(size_t count, size_t bytes)
{
	size_t product = 0;
	void *block = __libc_calloc(count, bytes);
	return __builtin_mul_overflow(count, bytes, &product) ? block : look_at(block, product);
}

void *realloc(void *old, size_t bytes)
{
	return look_at(__libc_realloc(old, bytes), bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return look_at(__libc_memalign(alignment, bytes), bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
		return EINVAL;
	void *made = look_at(__libc_memalign(alignment, bytes), bytes);
	if (!made)
		return ENOMEM;
	*block = made;
	return 0;
}

#endif

static void die(int signal_number)
{
	if (atomic_load(&ended))
		_exit(READER_EXIT_OUT_OF_MEMORY);
	(void)raise(signal_number); /* SA_RESETHAND: the default action, when this handler returns */
}

void memory_watch(int64_t limit_bytes)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	/* The handler's own stack: the usual one may have overflowed. It must outlive this call. */
	alignas(16) static char room[64 * 1024];
	const stack_t stack = { .ss_sp = room, .ss_size = sizeof room };
	const struct sigaction action = { .sa_handler = die, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK };
	if (limit_bytes > 0)
		longest_request = (size_t)limit_bytes;
	(void)sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigaction(signals[i], &action, NULL);
}

void memory_keep(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_MAX, 0);
	(void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

bool memory_ended(void)
{
	return atomic_load(&ended);
}
