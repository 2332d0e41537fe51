/*
 * The handler runs in a process whose heap may be broken, so it calls only what is safe there: mmap (to see whether there
 * is memory left), write, and the signal once more with its default action. The frame is made beforehand.
 */
#include "cmd/filot-reader/last_words.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Libraries ask for a page's pixels at once: what cannot be had when they die is seldom smaller. */
#define PROBE_BYTES (256UL * 1024 * 1024)

#define WORDS "{\"code\":\"out_of_memory\",\"message\":\"a library ended because memory ended\",\"page\":0}"

static struct {
	int socket;
	unsigned char frame[5 + sizeof WORDS - 1];
	char stack[64 * 1024]; /* the handler's own: the usual one may have overflowed */
} words;

static void die(int signal_number)
{
	void *probe = mmap(NULL, PROBE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (probe == MAP_FAILED && write(words.socket, words.frame, sizeof words.frame) < 0)
		_exit(128 + signal_number);
	(void)raise(signal_number); /* SA_RESETHAND: the default action, when this handler returns */
}

void last_words_prepare(int socket)
{
	static const int signals[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
	const stack_t stack = { .ss_sp = words.stack, .ss_size = sizeof words.stack };
	struct sigaction action = { .sa_handler = die, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK };
	words.socket = socket;
	words.frame[0] = sizeof WORDS - 1; /* under 256: the other bytes of the length are 0 */
	words.frame[4] = 'E'; /* FRAME_ERROR */
	memcpy(words.frame + 5, WORDS, sizeof WORDS - 1);
	(void)sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)sigaction(signals[i], &action, NULL);
}
