/* Listening sockets, addresses, and which proxies are believed. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/http/server_private.h"

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

/* "host:port", "[::1]:port", ":port". */
static bool split(const char *address, char host[static 256], char port[static 8], struct error *error)
{
	const char *colon = strrchr(address, ':');
	if (!colon)
		return error_set(error, ERROR_CONFIG, "\"%s\" is no address: 127.0.0.1:8080, [::1]:8080 or :8080", address);
	const char *begin = address;
	size_t length = (size_t)(colon - address);
	if (*begin == '[' && length >= 2 && colon[-1] == ']') {
		begin++;
		length -= 2;
	}
	size_t digits = strspn(colon + 1, "0123456789");
	if (length >= 256 || digits == 0 || digits > 5 || colon[1 + digits])
		return error_set(error, ERROR_CONFIG, "\"%s\" is no address: 127.0.0.1:8080, [::1]:8080 or :8080", address);
	memcpy(host, begin, length);
	host[length] = '\0';
	memcpy(port, colon + 1, digits + 1);
	return true;
}

static int open_one(const struct addrinfo *info, bool any)
{
	const int yes = 1, no = 0;
	int descriptor = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, info->ai_protocol);
	if (descriptor < 0)
		return -1;
	(void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	(void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* accepted sockets inherit it */
	if (info->ai_family == AF_INET6)
		(void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, any ? &no : &yes, sizeof yes);
	if (bind(descriptor, info->ai_addr, info->ai_addrlen) == 0 && listen(descriptor, BACKLOG) == 0)
		return descriptor;
	int reason = errno;
	(void)close(descriptor);
	errno = reason;
	return -1;
}

static int port_of(int descriptor)
{
	struct sockaddr_storage address = { 0 };
	socklen_t length = sizeof address;
	if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int listen_tcp(const char *address, int *port, struct error *error)
{
	char host[256], service[8];
	struct addrinfo *found = NULL;
	if (!split(address, host, service, error))
		return -1;
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	int status = getaddrinfo(*host ? host : NULL, service, &hints, &found);
	if (status != 0) {
		(void)error_set(error, ERROR_CONFIG, "%s: %s", address, gai_strerror(status));
		return -1;
	}
	int descriptor = -1, reason = 0;
	/* All addresses are one IPv6 socket where there is IPv6. */
	for (int pass = *host ? 1 : 0; pass < 2 && descriptor < 0; pass++)
		for (const struct addrinfo *info = found; info && descriptor < 0; info = info->ai_next) {
			if (pass == 0 && info->ai_family != AF_INET6)
				continue;
			descriptor = open_one(info, !*host);
			reason = errno;
		}
	freeaddrinfo(found);
	if (descriptor < 0) {
		enum error_code code = reason == EACCES ? ERROR_NOT_PERMITTED : ERROR_UNAVAILABLE;
		(void)error_set(error, code, "cannot listen on %s: %s", address, strerror(reason));
		return -1;
	}
	*port = port_of(descriptor);
	return descriptor;
}

int listen_unix(const char *path, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat status;
	if (strlen(path) >= sizeof address.sun_path) {
		(void)error_set(error, ERROR_CONFIG, "%s: a socket's path has at most %zu bytes", path,
				sizeof address.sun_path - 1);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
		(void)unlink(path); /* what an earlier process left; anything else makes bind fail */
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0 &&
	    chmod(path, 0660) == 0 && listen(descriptor, BACKLOG) == 0)
		return descriptor;
	(void)error_set(error, ERROR_UNAVAILABLE, "cannot listen on %s: %s", path, strerror(errno));
	if (descriptor >= 0)
		(void)close(descriptor);
	return -1;
}

/* ---- addresses ---- */

static void map_ipv4(const void *ipv4, uint8_t bytes[static 16])
{
	memset(bytes, 0, 10);
	memset(bytes + 10, 0xff, 2);
	memcpy(bytes + 12, ipv4, 4);
}

void address_bytes(const struct sockaddr *address, uint8_t bytes[static 16])
{
	memset(bytes, 0, 16);
	if (address->sa_family == AF_INET)
		map_ipv4(&((const struct sockaddr_in *)(const void *)address)->sin_addr, bytes);
	else if (address->sa_family == AF_INET6)
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
}

/* A numeric address; *bits is its whole width in the mapped form. */
static bool parse_address(const char *text, uint8_t bytes[static 16], int *offset_bits)
{
	struct in_addr ipv4;
	*offset_bits = 0;
	if (inet_pton(AF_INET, text, &ipv4) == 1) {
		map_ipv4(&ipv4, bytes);
		*offset_bits = 96;
		return true;
	}
	return inet_pton(AF_INET6, text, bytes) == 1;
}

static bool parse_block(const char *text, struct proxy_block *block)
{
	char address[64];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	int offset_bits;
	if (length >= sizeof address)
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!parse_address(address, block->address, &offset_bits))
		return false;
	block->bits = 128;
	if (slash) {
		char *end;
		long bits = strtol(slash + 1, &end, 10);
		if (end == slash + 1 || *end || bits < 0 || bits > 128 - offset_bits)
			return false;
		block->bits = offset_bits + (int)bits;
	}
	return true;
}

bool proxies_parse(struct server *server, struct error *error)
{
	const char *const *list = server->settings.trusted_proxies;
	size_t count = 0;
	while (list && list[count])
		count++;
	if (!count)
		return true;
	server->proxies = calloc(count, sizeof *server->proxies);
	if (!server->proxies)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	for (; server->proxy_count < count; server->proxy_count++)
		if (!parse_block(list[server->proxy_count], &server->proxies[server->proxy_count]))
			return error_set(error, ERROR_CONFIG, "\"%s\" is no address or block such as 10.0.0.0/8",
					 list[server->proxy_count]);
	return true;
}

bool address_trusted(const struct server *server, const uint8_t bytes[static 16])
{
	for (size_t index = 0; index < server->proxy_count; index++) {
		const struct proxy_block *block = &server->proxies[index];
		size_t whole = (size_t)block->bits / 8;
		uint8_t mask = (uint8_t)(0xff00 >> (block->bits % 8));
		if (memcmp(bytes, block->address, whole) == 0 &&
		    (block->bits % 8 == 0 || ((bytes[whole] ^ block->address[whole]) & mask) == 0))
			return true;
	}
	return false;
}

static void address_text(const uint8_t bytes[static 16], char *text, size_t size)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool ipv4 = memcmp(bytes, mapped, sizeof mapped) == 0;
	if (!inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? bytes + 12 : bytes, text, (socklen_t)size))
		*text = '\0';
}

/* The last entry of X-Forwarded-For that no trusted proxy made is the client: whoever is left of it may be invented. */
static void read_forwarded(const struct server *server, const char *list, uint8_t bytes[static 16])
{
	for (size_t end = strlen(list); end > 0;) {
		char entry[64];
		size_t begin = end;
		while (begin > 0 && list[begin - 1] != ',')
			begin--;
		const char *first = list + begin + strspn(list + begin, " \t");
		size_t length = (size_t)(list + end - first);
		while (length && (first[length - 1] == ' ' || first[length - 1] == '\t'))
			length--;
		uint8_t hop[16];
		int offset_bits;
		if (length == 0 || length >= sizeof entry)
			return;
		memcpy(entry, first, length);
		entry[length] = '\0';
		if (!parse_address(entry, hop, &offset_bits))
			return;
		memcpy(bytes, hop, 16);
		if (!address_trusted(server, hop))
			return;
		end = begin ? begin - 1 : 0;
	}
}

void address_of_client(struct server_request *request)
{
	const struct connection *connection = request->connection;
	uint8_t bytes[16] = { 0 };
	bool local = connection->peer.ss_family != AF_INET && connection->peer.ss_family != AF_INET6;
	if (!local)
		address_bytes((const struct sockaddr *)&connection->peer, bytes);
	const char *forwarded = connection->trusted ? server_request_header(request, "X-Forwarded-For") : NULL;
	if (forwarded)
		read_forwarded(connection->server, forwarded, bytes);
	static const uint8_t none[16];
	if (local && memcmp(bytes, none, 16) == 0)
		*request->address = '\0';
	else
		address_text(bytes, request->address, sizeof request->address);
}
