/*
 * The signature of requests to BULI2 and of its callbacks: two headers,
 *
 *   X-FiLot-Timestamp: seconds since 1970
 *   X-FiLot-Signature: v1=HEX        HMAC-SHA256 over the timestamp's text, "." and the body
 *
 * While a secret is exchanged for another, a sender may give several signatures, separated by commas, and a receiver
 * knows two secrets; one pair that agrees is enough.
 */
#ifndef FILOT_BULI2_SIGNATURE_H
#define FILOT_BULI2_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BULI2_SIGNATURE_SIZE 68 /* "v1=", 64 digits, NUL */
#define BULI2_TIMESTAMP_SIZE 24

#define BULI2_TIMESTAMP_HEADER "X-FiLot-Timestamp"
#define BULI2_SIGNATURE_HEADER "X-FiLot-Signature"

/* Writes both header values for a body sent now. False when OpenSSL fails. */
bool buli2_sign(const char *secret, int64_t now_ms, const char *body, size_t length,
		char timestamp[static BULI2_TIMESTAMP_SIZE], char signature[static BULI2_SIGNATURE_SIZE]);

enum buli2_signed {
	BULI2_SIGNED,	     /* by one of the secrets, within the window */
	BULI2_NOT_SIGNED,    /* a header is missing or has another form */
	BULI2_SIGNED_WRONG,  /* by nobody we know, or something else */
	BULI2_SIGNED_EARLIER /* rightly, but outside the window: a replay, or a clock that is wrong */
};

/*
 * Judges a body that came with these header values (NULL: not given). `secrets` are tried all, in constant time; NULL
 * ones are passed over. The window reaches window_ms to both sides of now. *sent_ms (Unix) is set when SIGNED.
 */
enum buli2_signed buli2_verify(const char *const *secrets, size_t secret_count, const char *timestamp,
			       const char *signature, const char *body, size_t length, int64_t now_ms, int64_t window_ms,
			       int64_t *sent_ms);

#endif
