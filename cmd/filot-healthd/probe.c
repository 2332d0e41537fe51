/* libcurl with everything off that a health check does not want. */
#include "cmd/filot-healthd/probe.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/version.h"

#define TOLD_BYTES 200 /* of the answer, for the message */

struct told {
	char text[TOLD_BYTES + 1];
	size_t length;
};

static size_t keep_beginning(char *bytes, size_t size, size_t count, void *context)
{
	struct told *told = context;
	size_t length = size * count;
	for (size_t index = 0; index < length && told->length < TOLD_BYTES; index++)
		told->text[told->length++] = (unsigned char)bytes[index] < ' ' ? ' ' : bytes[index];
	told->text[told->length] = '\0';
	return length;
}

/* "unix:SOCKET[:/PATH]" in two. */
static bool split_unix(const char *url, char **socket, char **http, struct error *error)
{
	const char *begin = url + strlen("unix:");
	if (strncmp(begin, "//", 2) == 0)
		begin += 2;
	const char *path = strstr(begin, ":/");
	size_t length = path ? (size_t)(path - begin) : strlen(begin);
	if (!length || *begin != '/')
		return error_set(error, ERROR_USAGE, "\"%s\" is not unix:/PATH/OF/SOCKET[:/PATH]", url);
	*socket = strndup(begin, length);
	if (!*socket || asprintf(http, "http://localhost%s", path ? path + 1 : "/readyz") < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	return true;
}

/* A URL without a path asks for /readyz. */
static bool complete_http(const char *url, char **http, struct error *error)
{
	const char *host = url + strlen("http://");
	if (strncmp(url, "http://", 7) != 0 || !*host)
		return error_set(error, ERROR_USAGE, "\"%s\" is neither http://HOST[:PORT][/PATH] nor unix:SOCKET[:/PATH]", url);
	if (asprintf(http, "%s%s", url, strchr(host, '/') ? "" : "/readyz") < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	return true;
}

static bool ask(const char *url, const char *socket, const char *http, int64_t timeout_ms, struct error *error)
{
	struct told told = { 0 };
	long status = 0;
	CURL *curl = curl_easy_init();
	if (!curl)
		return error_set(error, ERROR_INTERNAL, "libcurl cannot start");
	(void)curl_easy_setopt(curl, CURLOPT_URL, http);
	(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "filot-healthd/" FILOT_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_beginning);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &told);
	CURLcode code = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (code == CURLE_URL_MALFORMAT)
		return error_set(error, ERROR_USAGE, "\"%s\" is no URL", url);
	if (code != CURLE_OK)
		return error_set(error, ERROR_UNAVAILABLE, "%s: %s", url, curl_easy_strerror(code));
	if (status < 200 || status > 299)
		return error_set(error, ERROR_UNAVAILABLE, "%s: HTTP %ld %s", url, status, told.text);
	return true;
}

bool probe_ask(const char *url, int64_t timeout_ms, struct error *error)
{
	char *socket = NULL, *http = NULL;
	bool local = strncmp(url, "unix:", 5) == 0;
	bool good = (local ? split_unix(url, &socket, &http, error) : complete_http(url, &http, error)) &&
		    ask(url, socket, http, timeout_ms, error);
	free(socket);
	free(http);
	return good;
}
