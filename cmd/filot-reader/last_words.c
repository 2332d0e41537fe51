/*
 * The handler runs in a process whose heap may be broken, so it calls only what is safe there: mmap, to see whether memory
 * is left, and then _exit or the signal once more with its default action.
 */
#include "cmd/filot-reader/last_words.h"

#include <signal.h>
#include <stdalign.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/ocr/reader_protocol.h"

/* Libraries ask for a page's pixels at once: what could not be had when they die is seldom smaller. */
#define PROBE_BYTES (256UL * 1024 * 1024)

static void die(int signal_number)
{
	if (mmap(NULL, PROBE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		_exit(READER_EXIT_OUT_OF_MEMORY);
	(void)raise(signal_number); /* SA_RESETHAND: the default action, when this handler returns */
}

void last_words_prepare(void)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	/* The handler's own stack: the usual one may have overflowed. It must outlive this call. */
	alignas(16) static char room[64 * 1024];
	const stack_t stack = { .ss_sp = room, .ss_size = sizeof room };
	const struct sigaction action = { .sa_handler = die, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK };
	(void)sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigaction(signals[i], &action, NULL);
}
