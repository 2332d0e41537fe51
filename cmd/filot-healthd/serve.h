/* What filot-healthd answers over HTTP; everything from memory, in the I/O threads. */
#ifndef HEALTHD_SERVE_H
#define HEALTHD_SERVE_H

#include "cmd/filot-healthd/collector.h"
#include "common/http/page.h"
#include "common/http/server.h"

struct serve {
	const struct healthd_settings *settings;
	struct collector *collector;
	struct health *health;
	char policy[PAGE_POLICY_SIZE]; /* of the page: Content-Security-Policy */
};

/* Fills the page's policy and starts the server; *serve must outlive it. */
struct server *serve_open(struct serve *serve, struct error *error);

#endif
