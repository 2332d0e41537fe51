/* Redis URLs by libcurl's URL parser, so that percent-encoding and IPv6 brackets are read as everywhere else. */
#include "common/redis/redis_url.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT 6379
#define MOST_DATABASES 1000000

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

static void strip_brackets(char *host)
{
	size_t length = host ? strlen(host) : 0;
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
		memmove(host, host + 1, length - 2);
		host[length - 2] = '\0';
	}
}

/* The database of a server, or the path of a socket. */
static bool read_path(struct redis_url *url, char *path, bool is_socket, struct error *error)
{
	if (is_socket) {
		free(url->host);
		url->host = NULL;
		if (!path || !path[1])
			return error_set(error, ERROR_CONFIG,
					 "Redis URL: redis+unix:// needs a path: redis+unix:///PATH");
		url->path = strdup(path);
		return url->path || error_set(error, ERROR_OUT_OF_MEMORY, "Redis URL: out of memory");
	}
	if (path && path[1] && !whole_number(path + 1, MOST_DATABASES, &url->database))
		return error_set(error, ERROR_CONFIG, "Redis URL: what follows the host must be /DATABASE, a number");
	return true;
}

static bool read_parts(struct redis_url *url, CURLU *handle, bool is_socket, struct error *error)
{
	char *port = NULL;
	char *path = NULL;
	char *query = NULL;
	char *fragment = NULL;
	bool good = take_part(handle, CURLUPART_HOST, 0, &url->host) && take_part(handle, CURLUPART_PORT, 0, &port) &&
		    take_part(handle, CURLUPART_USER, CURLU_URLDECODE, &url->user) &&
		    take_part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE, &url->password) &&
		    take_part(handle, CURLUPART_PATH, CURLU_URLDECODE, &path) &&
		    take_part(handle, CURLUPART_QUERY, 0, &query) &&
		    take_part(handle, CURLUPART_FRAGMENT, 0, &fragment);
	if (!good)
		(void)error_set(error, ERROR_CONFIG, "Redis URL: a part of it is not percent-encoded rightly");
	else if (query || fragment)
		good = error_set(error, ERROR_CONFIG,
				 "Redis URL: '?' and '#' are not understood; in a password write %%3F and %%23");
	else if (!url->host)
		good = error_set(error, ERROR_CONFIG, "Redis URL: there is no host in it");
	else if (port && !whole_number(port, 65535, &url->port))
		good = error_set(error, ERROR_CONFIG, "Redis URL: the port is not a number up to 65535");
	else
		good = read_path(url, path, is_socket, error);
	strip_brackets(url->host);
	free(port);
	free(path);
	free(query);
	free(fragment);
	return good;
}

/*
 * libcurl takes no URL with an empty host, so a socket's gets one for the parser: redis+unix://[user:password@]/path.
 * NULL when there is a host already or memory ends.
 */
static char *with_host(const char *text)
{
	const char *authority = strstr(text, "://") + 3;
	size_t length = strcspn(authority, "/");
	char *whole = NULL;
	if (length && authority[length - 1] != '@')
		return NULL;
	if (asprintf(&whole, "%.*slocalhost%s", (int)(authority + length - text), text, authority + length) < 0)
		return NULL;
	return whole;
}

static void free_secret(char *text)
{
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

bool redis_url_parse(const char *text, struct redis_url *url, struct error *error)
{
	*url = (struct redis_url){ .port = DEFAULT_PORT };
	bool is_socket = strncmp(text, "redis+unix://", 13) == 0;
	url->tls = strncmp(text, "rediss://", 9) == 0;
	if (!is_socket && !url->tls && strncmp(text, "redis://", 8) != 0)
		return error_set(error, ERROR_CONFIG,
				 "Redis URL: must begin with redis://, rediss:// or redis+unix://");
	char *socket_text = is_socket ? with_host(text) : NULL;
	if (is_socket && !socket_text)
		return error_set(error, ERROR_CONFIG, "Redis URL: a socket has no host: redis+unix:///PATH");
	CURLU *handle = curl_url();
	if (!handle) {
		free_secret(socket_text);
		return error_set(error, ERROR_OUT_OF_MEMORY, "Redis URL: out of memory");
	}
	CURLUcode code =
	    curl_url_set(handle, CURLUPART_URL, socket_text ? socket_text : text, CURLU_NON_SUPPORT_SCHEME);
	bool good =
	    code ? error_set(error, ERROR_CONFIG, "Redis URL: %s; in a password write special characters as %%XX",
			     curl_url_strerror(code))
		 : read_parts(url, handle, is_socket, error);
	curl_url_cleanup(handle);
	free_secret(socket_text);
	if (!good)
		redis_url_free(url);
	return good;
}

void redis_url_free(struct redis_url *url)
{
	free(url->host);
	free(url->path);
	free(url->user);
	free_secret(url->password);
	*url = (struct redis_url){ 0 };
}
