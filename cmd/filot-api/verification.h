/*
 * Verification of a person by documents: taken with its documents in one statement, evaluated when all of these are read,
 * decided by BULI2. States: reading, evaluated, submitted (BULI2 has it), review, approved, rejected, failed.
 */
#ifndef FILOT_API_VERIFICATION_H
#define FILOT_API_VERIFICATION_H

#include "common/http/server.h"

/* POST /verification/evaluate: 201 with the verification, 200 when the Idempotency-Key made it before. */
void verification_evaluate(struct server_request *request, void *context);

/* GET /verification/{id} */
void verification_get(struct server_request *request, void *context);

/* POST /callbacks/buli2: a signed decision; 200 {"outcome":"applied|ignored|unknown|repeated"}. */
void callbacks_buli2(struct server_request *request, void *context);

#endif
