/* The URL of a Redis server, or of the several that it may be found by, taken apart. */
#ifndef FILOT_REDIS_URL_H
#define FILOT_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

#define REDIS_MOST_NODES 16

struct redis_node {
	char host[256]; /* name or numeric address, IPv6 without its brackets */
	int port;
};

struct redis_url {
	struct redis_node nodes[REDIS_MOST_NODES]; /* servers, or Sentinels when there is a `master`; none for a socket */
	size_t node_count;
	char *master;	/* the name that Sentinels know the server by; NULL: the nodes are servers */
	char *path;	/* of a Unix socket, or NULL */
	char *user;	/* NULL: the default user */
	char *password; /* NULL: none */
	int database;
	bool tls;
};

/*
 * Reads one of
 *   redis[s]://[user[:password]@]host[:port][,host[:port]…][/database]               port 6379
 *   redis[s]+sentinel://[user[:password]@]host[:port][,host[:port]…]/name[/database]  port 26379
 *   redis+unix://[user[:password]@]/path
 * User and password may be percent-encoded. ERROR_CONFIG with a message that holds nothing of the URL but its scheme,
 * for it may hold a password.
 */
bool redis_url_parse(const char *text, struct redis_url *url, struct error *error);
void redis_url_free(struct redis_url *url);

#endif
