/*
 * What a client sends over a connection to filot-api, to its end: request lines, headers, JSON bodies, forms and callbacks,
 * through the real server, routes and handlers, as far as a database that is away lets them come. The service key is
 * "fuzz-service-key", so that an input may be anybody. An input that begins with "CALLBACK " is the body of a callback,
 * which is signed now.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cmd/filot-api/api.h"
#include "cmd/filot-api/auth.h"
#include "cmd/filot-api/documents.h"
#include "cmd/filot-api/lookups.h"
#include "cmd/filot-api/rates.h"
#include "cmd/filot-api/service.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/buli2/signature.h"

#define CALLBACK "CALLBACK "
#define SECRET "the callbacks' secret"
#define NOWHERE_URL "postgresql:///fuzz?host=/nonexistent"
#define WAIT_MS 100 /* for the next bytes: the server waits for what was announced and did not come */

static void *open_context(void *shared, struct error *error)
{
	struct api *api = shared;
	struct api_context *own = calloc(1, sizeof *own);
	const struct pg_settings database = { .url = NOWHERE_URL, .application_name = "fuzz", .connect_ms = 100 };
	const struct redis_settings redis = { .url = "redis://127.0.0.1:1", .client_name = "fuzz", .connect_ms = 100,
					      .command_ms = 100 };
	const struct store_settings storage = { .endpoint = "http://127.0.0.1:1", .access_key = "k", .secret_key = "s",
						.bucket = "b", .region = "auto" };
	if (!own)
		return NULL;
	own->api = api;
	own->settings = api->settings;
	if (!(own->pg = pg_new(&database, error)) || !(own->redis = redis_new(&redis, error)) ||
	    !(own->store = store_new(&storage, error)))
		abort();
	return own;
}

/* Opened once, for all inputs; the process ends with it. */
static int server_at(void)
{
	static const struct api_settings settings = {
		.jwt_secret = "0123456789abcdef0123456789abcdef",
		.session_secret = "0123456789abcdef0123456789abcdef",
		.service_key = "fuzz-service-key",
		.issuer = "i",
		.audience = "a",
		.no_registration = true, /* a hash takes as long as a thousand other requests */
		.password_hashes = 1,
		.upload_bytes = 1 << 20,
		.rate_per_minute = 1000000,
		.rate_burst = 1000000,
		.login_per_minute = 1000000,
		.buli2_signature_secret = SECRET,
		.database_url = NOWHERE_URL,
		.r2_endpoint = "http://127.0.0.1:1",
		.r2_bucket = "b",
		.r2_region = "auto",
	};
	static struct documents documents;
	static struct api api = { .settings = &settings, .documents = &documents };
	static const struct server_settings serving = {
		.listen = "127.0.0.1:0",
		.routes = api_routes,
		.shared = &api,
		.worker_open = open_context,
		.observe = service_observe,
		.io_threads = 1,
		.workers = 1,
		.stream_workers = 1,
	};
	struct error error = { 0 };
	if (api.server)
		return server_port(api.server);
	log_open("fuzz", (enum log_level)(LOG_LEVEL_ERROR + 1));
	if (sodium_init() < 0 || !(api.metrics = metrics_new(&error)) || !(api.auth = auth_new(&settings, &error)) ||
	    !(api.rates = rates_new(&error)) || !(api.health = health_start(NULL, 0, 0, &error)) ||
	    !(documents.lookups = lookups_new(&error)) || !service_open(&api, &error) ||
	    !(api.server = server_open(&serving, &error)))
		abort();
	return server_port(api.server);
}

static void write_request(const uint8_t *bytes, size_t length, struct buffer *request)
{
	char timestamp[BULI2_TIMESTAMP_SIZE], signature[BULI2_SIGNATURE_SIZE];
	size_t start = strlen(CALLBACK);
	if (length >= start && !memcmp(bytes, CALLBACK, start)) {
		bytes += start;
		length -= start;
		if (!buli2_sign(SECRET, clock_unix_ms(), (const char *)bytes, length, timestamp, signature))
			abort();
		buffer_printf(request,
			      "POST /callbacks/buli2 HTTP/1.1\r\nHost: fuzz\r\nContent-Type: application/json\r\n"
			      BULI2_TIMESTAMP_HEADER ": %s\r\n" BULI2_SIGNATURE_HEADER ": %s\r\nContent-Length: %zu\r\n\r\n",
			      timestamp, signature, length);
	}
	buffer_append(request, bytes, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)server_at()),
					     .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct timeval limit = { .tv_usec = WAIT_MS * 1000 };
	char answer[4096];
	struct buffer request = { 0 };
	write_request(bytes, length, &request);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0 || setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
	    connect(client, (const struct sockaddr *)&address, sizeof address) != 0)
		abort();
	(void)send(client, request.data ? request.data : "", request.length, MSG_NOSIGNAL);
	buffer_free(&request);
	(void)shutdown(client, SHUT_WR);
	while (recv(client, answer, sizeof answer, 0) > 0)
		continue;
	(void)close(client);
	return 0;
}
