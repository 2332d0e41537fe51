/* The URL of a Redis server, taken apart. */
#ifndef FILOT_REDIS_URL_H
#define FILOT_REDIS_URL_H

#include <stdbool.h>

#include "common/base/error.h"

struct redis_url {
	char *host;	/* name or numeric address, IPv6 without its brackets; NULL for a socket */
	int port;	/* 6379 when none is given */
	char *path;	/* of a Unix socket, or NULL */
	char *user;	/* NULL: the default user */
	char *password; /* NULL: none */
	int database;
	bool tls;
};

/*
 * Reads redis[s]://[user[:password]@]host[:port][/database] or redis+unix:///path; user and password may be
 * percent-encoded. ERROR_CONFIG with a message that holds nothing of the URL but its scheme, for it may hold a
 * password.
 */
bool redis_url_parse(const char *text, struct redis_url *url, struct error *error);
void redis_url_free(struct redis_url *url);

#endif
