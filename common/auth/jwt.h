/*
 * Access tokens: JSON Web Tokens (RFC 7519) with HMAC-SHA256, of one fixed form (RFC 9068's "at+jwt"). A header is never
 * interpreted: it must be, byte for byte, the one that we would write for one of our keys. So there is no algorithm to
 * confuse and no key to be named by an attacker; alg none, RS256, jku, jwk and crit fail like any other bytes.
 *
 * Two keys may be valid at once: the first signs, both verify. A key's id is derived from it, so that it needs no naming.
 */
#ifndef FILOT_AUTH_JWT_H
#define FILOT_AUTH_JWT_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

#define JWT_MOST_KEYS 2
#define JWT_LEAST_SECRET_BYTES 32
#define JWT_MOST_BYTES 4096 /* of a token */
#define JWT_LEEWAY_S 5 /* our own clocks may differ by this much */

struct jwt_keys {
	const char *issuer, *audience;
	size_t count;
	struct {
		crypto_auth_hmacsha256_state keyed; /* what all signatures under it begin with */
		char header[128]; /* base64url, without the dot */
		size_t header_length;
	} keys[JWT_MOST_KEYS];
};

struct jwt_claims {
	char subject[129]; /* sub: the user */
	char session[129]; /* sid */
	char id[65]; /* jti */
	char tenant[129]; /* "" : none */
	char role[16];
	int64_t issued_s, not_before_s, expires_s; /* Unix */
};

/* `previous` may be NULL. Issuer and audience stay the caller's. ERROR_CONFIG for a secret under 32 bytes. sodium_init must have run. */
bool jwt_keys_set(struct jwt_keys *keys, const char *issuer, const char *audience, const char *secret,
		  const char *previous, struct error *error);

/* Appends a token to `token`. */
bool jwt_sign(const struct jwt_keys *keys, const struct jwt_claims *claims, struct buffer *token, struct error *error);

/*
 * Fills *claims from a token that is ours and valid at `now_s`: header, signature (compared in constant time), iss, aud,
 * sub, sid, jti, role, iat, nbf and exp all there and right. ERROR_NOT_PERMITTED says which is not; the message is for
 * logs and for a client, and holds nothing of the token.
 */
bool jwt_verify(const struct jwt_keys *keys, const char *token, int64_t now_s, struct jwt_claims *claims,
		struct error *error);

#endif
