/*
 * One exchange with BULI2: POST of a request's payload with its idempotency key and signature, and what the answer means.
 *
 *   Authorization: Bearer KEY              X-FiLot-Timestamp, X-FiLot-Signature: see signature.h
 *   Idempotency-Key: the request's key     X-Request-Id: the delivery's id
 *   X-FiLot-Callback-Url: where the decision is to be sent, when it is set
 *
 * Answers: 2xx with a JSON object is taken (the object is kept). 408, 409 (this key is being worked on), 425, 429, 5xx, no
 * answer, a late or cut one, or a 2xx that is no JSON object may pass: the same request is sent again later. So are 401
 * and 403, because a wrong API key is not the request's fault. Everything else is final. Redirects are not followed: the
 * key would go with them.
 */
#ifndef FILOT_BULI2_CLIENT_H
#define FILOT_BULI2_CLIENT_H

#include "common/buli2/request.h"
#include "common/http/http.h"

struct buli2_settings {
	const char *url, *api_key, *signature_secret;
	const char *callback_url; /* or NULL */
	int64_t connect_ms, total_ms;
};

enum buli2_verdict { BULI2_TAKEN, BULI2_MAY_PASS, BULI2_FINAL };

struct buli2_answer {
	enum buli2_verdict verdict;
	long status;		/* 0: none came */
	int64_t retry_after_ms; /* as BULI2 asked; 0: it did not */
	bool unwell;		/* BULI2 itself seems to be down or refuses all: what a circuit breaker counts */
	struct error why;	/* when not taken */
	struct buffer body;	/* as far as it is kept: BULI2_BODY_BYTES of a refusal, valid UTF-8; the caller frees */
};

#define BULI2_BODY_BYTES 2048

/* One serves one thread. */
struct buli2_client {
	struct buli2_settings settings; /* its strings are the caller's */
	struct http *http;
	char where[HTTP_WHERE_SIZE]; /* its name in messages */
};

/* Close it in either case; one that is all zero is closed, too. */
bool buli2_client_open(struct buli2_client *client, const struct buli2_settings *settings, struct error *error);
void buli2_client_close(struct buli2_client *client);

/* One try. False only when none could be made (memory, OpenSSL). */
bool buli2_post(struct buli2_client *client, const struct buli2_request *request, struct buli2_answer *answer,
		struct error *error);

#endif
