/*
 * Passwords by Argon2id (libsodium's crypto_pwhash_str: 64 MiB, 2 passes), a bounded number at once, so that logins cannot
 * take all memory or processors. Checking a user who does not exist costs the same as checking a wrong password.
 */
#ifndef FILOT_AUTH_PASSWORD_H
#define FILOT_AUTH_PASSWORD_H

#include <stdint.h>

#include "common/base/error.h"

#define PASSWORD_HASH_SIZE 128
#define PASSWORD_LEAST 10 /* characters */
#define PASSWORD_MOST 256

struct passwords;

/* At most `at_once` hashes are made at a time. sodium_init must have run. Makes one hash: 100 ms. */
struct passwords *passwords_new(int at_once, struct error *error);
void passwords_free(struct passwords *passwords);

/* ERROR_TRY_AGAIN when no turn came within wait_ms; ERROR_OUT_OF_MEMORY. */
bool password_hash(struct passwords *passwords, const char *password, int64_t wait_ms, char hash[static PASSWORD_HASH_SIZE],
		   struct error *error);

/*
 * *right tells whether the password is the hash's; hash NULL: no such user, *right is false after the same time. *stale:
 * it is right, but was hashed with other parameters than today's: hash it again.
 */
bool password_check(struct passwords *passwords, const char *hash, const char *password, int64_t wait_ms, bool *right,
		    bool *stale, struct error *error);

#endif
