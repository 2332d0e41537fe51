/* Argon2id with a semaphore. */
#include "common/auth/password.h"

#include <errno.h>
#include <semaphore.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PASSES crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY_BYTES crypto_pwhash_MEMLIMIT_INTERACTIVE

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash must fit");

struct passwords {
	sem_t turns;
	char nobody[PASSWORD_HASH_SIZE]; /* of a password that nobody knows */
};

static bool take_turn(struct passwords *passwords, int64_t wait_ms, struct error *error)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (sem_clockwait(&passwords->turns, CLOCK_MONOTONIC, &until) != 0)
		if (errno != EINTR)
			return error_set(error, ERROR_TRY_AGAIN, "too many logins at once");
	return true;
}

bool password_hash(struct passwords *passwords, const char *password, int64_t wait_ms, char hash[static PASSWORD_HASH_SIZE],
		   struct error *error)
{
	if (!take_turn(passwords, wait_ms, error))
		return false;
	int status = crypto_pwhash_str_alg(hash, password, strlen(password), PASSES, MEMORY_BYTES,
					   crypto_pwhash_ALG_ARGON2ID13);
	(void)sem_post(&passwords->turns);
	return status == 0 || error_set(error, ERROR_OUT_OF_MEMORY, "no memory to hash a password");
}

bool password_check(struct passwords *passwords, const char *hash, const char *password, int64_t wait_ms, bool *right,
		    bool *stale, struct error *error)
{
	if (!take_turn(passwords, wait_ms, error))
		return false;
	int status = crypto_pwhash_str_verify(hash ? hash : passwords->nobody, password, strlen(password));
	(void)sem_post(&passwords->turns);
	*right = status == 0 && hash;
	*stale = *right && crypto_pwhash_str_needs_rehash(hash, PASSES, MEMORY_BYTES) != 0;
	return true;
}

struct passwords *passwords_new(int at_once, struct error *error)
{
	struct passwords *passwords = calloc(1, sizeof *passwords);
	char secret[65];
	unsigned char random[32];
	if (!passwords) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	(void)sem_init(&passwords->turns, 0, (unsigned)at_once);
	randombytes_buf(random, sizeof random);
	(void)sodium_bin2hex(secret, sizeof secret, random, sizeof random);
	if (password_hash(passwords, secret, 0, passwords->nobody, error))
		return passwords;
	passwords_free(passwords);
	return NULL;
}

void passwords_free(struct passwords *passwords)
{
	if (!passwords)
		return;
	(void)sem_destroy(&passwords->turns);
	free(passwords);
}
