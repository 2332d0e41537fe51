/*
 * Scale-in protection of an ECS task: while documents are being read, the agent is asked not to stop this task when the
 * service shrinks. Only where ECS_AGENT_URI is set. Source: Amazon ECS Developer Guide, "Task scale-in protection
 * endpoint" (PUT $ECS_AGENT_URI/task-protection/v1/state).
 */
#ifndef OCR_PROTECTION_H
#define OCR_PROTECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

struct protection;

/* `agent` is ECS_AGENT_URI; NULL or empty: nothing is ever asked. NULL only at an error. For one thread. */
struct protection *protection_new(const char *agent, struct error *error);

/*
 * Says whether this task is busy. Asks the agent only when that changed (for some seconds, when it became idle) or the
 * protection is about to expire; an agent that does not answer is logged once and asked again at the next call.
 */
void protection_update(struct protection *protection, bool busy);

/* Ends the protection and frees; NULL is fine. */
void protection_free(struct protection *protection);

#endif
