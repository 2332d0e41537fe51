/*
 * The rows of `deliveries`: the truth about what BULI2 is to get. A row is written with its verification; the queue in
 * Redis is the way from there to a sender. Whatever Redis forgets comes again from here, and what stands in Redis twice is
 * held back by deliveries_begin. Each function is one statement (deliveries_*.sql beside this file), which may be sent
 * twice and works behind a transaction pooler.
 */
#ifndef FILOT_BULI2_DELIVERIES_H
#define FILOT_BULI2_DELIVERIES_H

#include "common/buli2/request.h"
#include "common/pg/pg.h"

/* Takes due rows; each as a request without its payload, freed by the caller. At most BULI2_DUE_ROWS. */
#define BULI2_DUE_ROWS 100
bool deliveries_due(struct pg *pg, int64_t again_ms, struct buli2_request requests[static BULI2_DUE_ROWS], size_t *count,
		struct error *error);

enum deliveries_begun {
	DELIVERIES_TAKEN,
	DELIVERIES_DELIVERED, /* before */
	DELIVERIES_DEAD,	  /* before */
	DELIVERIES_HELD,	  /* another sends it now, or it is not due yet */
	DELIVERIES_UNKNOWN /* there is no such row and no such verification */
};

/*
 * When TAKEN, *attempt is the number of this try, and the request has its row's key and payload. A request with a payload
 * and without a row gets one where its verification is known.
 */
bool deliveries_begin(struct pg *pg, struct buli2_request *request, const char *sender, int64_t hold_ms,
		  enum deliveries_begun *begun, int64_t *attempt, struct error *error);

struct deliveries_end {
	enum buli2_end end; /* DELIVERED, RETRY or DEAD */
	long http_status;   /* 0: none */
	const char *why;    /* or NULL */
	const char *answer; /* JSON, or NULL */
	int64_t delay_ms, again_ms; /* of RETRY */
};

bool deliveries_end(struct pg *pg, const char *delivery, const struct deliveries_end *end, struct error *error);

/* A dead row is pending again. *state_before: "dead" then; else nothing was done ("" : no such row). */
bool deliveries_revive(struct pg *pg, const char *delivery, bool in_stream, int64_t again_ms, char state_before[static 16],
		   struct error *error);

/* A dead row stays dead for good ("dropped" from then on), likewise. */
bool deliveries_drop(struct pg *pg, const char *delivery, char state_before[static 16], struct error *error);

#endif
