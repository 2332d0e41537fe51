/* ULID generation: monotonic within the process, from the kernel's random numbers. */
#include "common/base/ulid.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/clock.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The last id given out: needed for the order within one millisecond, so it is the one piece of state here. */
static struct {
	pthread_mutex_t mutex;
	int64_t unix_ms;
	uint8_t random[10];
} last = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void fill_random(uint8_t *bytes, size_t length)
{
	/* getrandom gives all of up to 256 bytes once the pool is ready; without it an id could repeat, so give up loudly. */
	if (getrandom(bytes, length, 0) != (ssize_t)length)
		abort();
	bytes[0] &= 0x7f; /* room to count up */
}

char *ulid_new(char text[static ULID_SIZE])
{
	uint8_t bytes[16];
	(void)pthread_mutex_lock(&last.mutex);
	int64_t now_ms = clock_unix_ms();
	if (now_ms > last.unix_ms) {
		last.unix_ms = now_ms;
		fill_random(last.random, sizeof last.random);
	} else {
		for (size_t index = sizeof last.random; index-- > 0 && ++last.random[index] == 0;)
			;
	}
	for (int index = 0; index < 6; index++)
		bytes[index] = (uint8_t)((uint64_t)last.unix_ms >> (40 - 8 * index));
	memcpy(bytes + 6, last.random, sizeof last.random);
	(void)pthread_mutex_unlock(&last.mutex);

	/* 128 bits as 26 groups of five, the first one holding only three. */
	unsigned bits = 0;
	int bit_count = 2;
	int out = 0;
	for (int index = 0; index < 16; index++) {
		bits = (bits << 8) | bytes[index];
		for (bit_count += 8; bit_count >= 5; bit_count -= 5)
			text[out++] = alphabet[(bits >> (bit_count - 5)) & 31];
	}
	text[out] = '\0';
	return text;
}

bool ulid_valid(const char *text)
{
	return strspn(text, alphabet) == 26 && text[26] == '\0' && text[0] <= '7';
}

bool id_valid(const char *text)
{
	size_t length = strlen(text);
	return length >= 1 && length <= 128 &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") == length;
}

int64_t ulid_unix_ms(const char *text)
{
	int64_t value = 0;
	for (int index = 0; index < 10; index++)
		value = value * 32 + (strchr(alphabet, text[index]) - alphabet);
	return value;
}
