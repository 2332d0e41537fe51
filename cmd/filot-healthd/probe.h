/* --probe: one request, for container health checks. */
#ifndef HEALTHD_PROBE_H
#define HEALTHD_PROBE_H

#include <stdint.h>

#include "common/base/error.h"

/*
 * Asks http://HOST[:PORT][/PATH] or unix:SOCKET[:/PATH] (the path is /readyz when there is none) by GET. False when there is
 * no answer within timeout_ms (ERROR_UNAVAILABLE) or one other than 2xx (ERROR_UNAVAILABLE, with the beginning of what it
 * says); ERROR_USAGE for what is no such URL. No redirects, no proxies.
 */
bool probe_ask(const char *url, int64_t timeout_ms, struct error *error);

#endif
