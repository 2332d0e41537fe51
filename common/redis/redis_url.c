/*
 * Redis URLs by libcurl's URL parser, so that percent-encoding and IPv6 brackets are read as everywhere else. It takes
 * one host and no empty one, so the hosts are given to it one by one, and the rest with a stand-in for them.
 */
#include "common/redis/redis_url.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 6379
#define DEFAULT_SENTINEL_PORT 26379
#define MOST_DATABASES 1000000

enum kind { KIND_SERVERS, KIND_SENTINELS, KIND_SOCKET };

/* The hosts within a URL, as "one:1,two:2". */
struct hosts {
	const char *start;
	size_t length;
};

/* A copy of one part, NULL when it is absent or empty. False when it cannot be decoded or memory ends. */
static bool take_part(CURLU *handle, CURLUPart part, unsigned flags, char **copy)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(handle, part, &text, flags);
	*copy = NULL;
	bool taken = !code || code == CURLUE_NO_USER || code == CURLUE_NO_PASSWORD || code == CURLUE_NO_HOST ||
		     code == CURLUE_NO_PORT || code == CURLUE_NO_QUERY || code == CURLUE_NO_FRAGMENT;
	if (!code && text && *text)
		taken = (*copy = strdup(text)) != NULL;
	curl_free(text);
	return taken;
}

static bool whole_number(const char *text, int most, int *value)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	long number = strtol(text, &end, 10);
	*value = number > most ? -1 : (int)number;
	return !*end && *value >= 0;
}

static void free_secret(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

/* libcurl's reading of a text, which is freed. */
static CURLU *read_text(char *text, struct error *error)
{
	CURLU *handle = text ? curl_url() : NULL;
	if (!handle) {
		free_secret(text);
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "Redis URL: out of memory");
		return NULL;
	}
	CURLUcode code = curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
	free_secret(text);
	if (!code)
		return handle;
	(void)error_set(error, ERROR_CONFIG, "Redis URL: %s; in a password write special characters as %%XX",
			curl_url_strerror(code));
	curl_url_cleanup(handle);
	return NULL;
}

/* "host", "host:port", "[address]:port" */
static bool read_host(const char *start, size_t length, struct redis_node *node, struct error *error)
{
	char *host = NULL;
	char *port = NULL;
	char *text = NULL;
	if (asprintf(&text, "redis://%.*s", (int)length, start) < 0)
		text = NULL;
	CURLU *handle = read_text(text, error);
	if (!handle)
		return false;
	bool good = take_part(handle, CURLUPART_HOST, 0, &host) && take_part(handle, CURLUPART_PORT, 0, &port);
	size_t host_length = good && host ? strlen(host) : 0;
	bool bracketed = host_length >= 2 && host[0] == '[' && host[host_length - 1] == ']';
	if (!host_length)
		good = error_set(error, ERROR_CONFIG, "Redis URL: there is no host in it");
	else if (host_length >= sizeof node->host)
		good = error_set(error, ERROR_CONFIG, "Redis URL: a host's name is longer than any");
	else if (port && !whole_number(port, 65535, &node->port))
		good = error_set(error, ERROR_CONFIG, "Redis URL: the port is not a number up to 65535");
	else
		(void)snprintf(node->host, sizeof node->host, "%.*s", (int)host_length - 2 * bracketed, host + bracketed);
	free(host);
	free(port);
	curl_url_cleanup(handle);
	return good;
}

static bool read_hosts(struct redis_url *url, enum kind kind, struct hosts hosts, struct error *error)
{
	if (kind == KIND_SOCKET)
		return !hosts.length ||
		       error_set(error, ERROR_CONFIG, "Redis URL: a socket has no host: redis+unix:///PATH");
	for (size_t start = 0, length; start <= hosts.length; start += length + 1) {
		for (length = 0; start + length < hosts.length && hosts.start[start + length] != ',';)
			length++;
		if (url->node_count == REDIS_MOST_NODES)
			return error_set(error, ERROR_CONFIG, "Redis URL: more than %d hosts", REDIS_MOST_NODES);
		struct redis_node *node = &url->nodes[url->node_count++];
		node->port = kind == KIND_SENTINELS ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT;
		if (!read_host(hosts.start + start, length, node, error))
			return false;
	}
	return true;
}

/* What follows the hosts: a database, Sentinel's name and a database, or the path of a socket. */
static bool read_path(struct redis_url *url, enum kind kind, const char *path, struct error *error)
{
	const char *database = path && path[0] ? path + 1 : "";
	if (kind == KIND_SENTINELS) {
		size_t length = strcspn(database, "/");
		if (!length)
			return error_set(error, ERROR_CONFIG, "Redis URL: the name that the Sentinels watch is missing: "
							      "redis+sentinel://HOST,HOST/NAME");
		url->master = strndup(database, length);
		database += length + (database[length] == '/');
	} else if (kind == KIND_SOCKET) {
		if (!*database)
			return error_set(error, ERROR_CONFIG, "Redis URL: redis+unix:// needs a path: redis+unix:///PATH");
		url->path = strdup(path);
		database = "";
	}
	if ((kind == KIND_SENTINELS && !url->master) || (kind == KIND_SOCKET && !url->path))
		return error_set(error, ERROR_OUT_OF_MEMORY, "Redis URL: out of memory");
	return !*database || whole_number(database, MOST_DATABASES, &url->database) ||
	       error_set(error, ERROR_CONFIG, "Redis URL: what follows the host%s must be /DATABASE, a number",
			 kind == KIND_SENTINELS ? "s and the name" : "");
}

static bool read_rest(struct redis_url *url, enum kind kind, CURLU *handle, struct error *error)
{
	char *path = NULL;
	char *query = NULL;
	char *fragment = NULL;
	bool good = take_part(handle, CURLUPART_USER, CURLU_URLDECODE, &url->user) &&
		    take_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE, &url->password) &&
		    take_part(handle, CURLUPART_PATH, CURLU_URLDECODE, &path) &&
		    take_part(handle, CURLUPART_QUERY, 0, &query) &&
		    take_part(handle, CURLUPART_FRAGMENT, 0, &fragment);
	if (!good)
		(void)error_set(error, ERROR_CONFIG, "Redis URL: a part of it is not percent-encoded rightly");
	else if (query || fragment)
		good = error_set(error, ERROR_CONFIG,
				 "Redis URL: '?' and '#' are not understood; in a password write %%3F and %%23");
	else
		good = read_path(url, kind, path, error);
	free(path);
	free(query);
	free(fragment);
	return good;
}

bool redis_url_parse(const char *text, struct redis_url *url, struct error *error)
{
	static const struct {
		const char *scheme;
		enum kind kind;
		bool tls;
	} schemes[] = { { "redis://", KIND_SERVERS, false },	       { "rediss://", KIND_SERVERS, true },
			{ "redis+sentinel://", KIND_SENTINELS, false }, { "rediss+sentinel://", KIND_SENTINELS, true },
			{ "redis+unix://", KIND_SOCKET, false } };
	size_t index = 0;
	*url = (struct redis_url){ 0 };
	while (index < sizeof schemes / sizeof *schemes &&
	       strncmp(text, schemes[index].scheme, strlen(schemes[index].scheme)) != 0)
		index++;
	if (index == sizeof schemes / sizeof *schemes)
		return error_set(error, ERROR_CONFIG, "Redis URL: must begin with redis:// or rediss://, redis+sentinel:// or "
						      "rediss+sentinel://, or redis+unix://");
	enum kind kind = schemes[index].kind;
	url->tls = schemes[index].tls;
	const char *start = text + strlen(schemes[index].scheme);
	const char *end = start + strcspn(start, "/?#");
	struct hosts hosts = { .start = start, .length = (size_t)(end - start) };
	const char *at = memrchr(start, '@', hosts.length);
	if (at)
		hosts = (struct hosts){ .start = at + 1, .length = (size_t)(end - at - 1) };
	char *rest = NULL;
	if (asprintf(&rest, "%.*sstand-in%s", (int)(hosts.start - text), text, end) < 0)
		rest = NULL;
	CURLU *handle = read_text(rest, error);
	bool good = handle && read_hosts(url, kind, hosts, error) && read_rest(url, kind, handle, error);
	curl_url_cleanup(handle);
	if (!good)
		redis_url_free(url);
	return good;
}

void redis_url_free(struct redis_url *url)
{
	free(url->master);
	free(url->path);
	free(url->user);
	free_secret(url->password);
	*url = (struct redis_url){ 0 };
}
