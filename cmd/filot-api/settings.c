/* The table of filot-api's flags and settings, and what the table cannot say. */
#include "cmd/filot-api/settings.h"

#include <stdlib.h>
#include <string.h>

#include "common/auth/jwt.h"
#include "common/redis/redis_options.h"
#include "common/store/store_options.h"

static void set_defaults(struct api_settings *settings)
{
	*settings = (struct api_settings){
		.listen = ":8080",
		.workers = 16,
		.stream_workers = 32,
		.io_threads = 2,
		.connections = 4096,
		.connections_per_address = 256,
		.request_ms = 10 * 1000,
		.idle_ms = 75 * 1000,
		.drain_grace_ms = 5 * 1000,
		.drain_ms = 25 * 1000,
		.upload_bytes = 512LL * 1024 * 1024,
		.queue_name = "ocr",
		.r2_bucket = "filot-documents",
		.issuer = "https://api.filot.me",
		.audience = "filot",
		.access_ms = 15 * 60 * 1000,
		.refresh_ms = 30LL * 24 * 3600 * 1000,
		.password_hashes = 2,
		.rate_per_minute = 600,
		.rate_burst = 120,
		.login_per_minute = 20,
	};
}

/* Two tables in one array: serving and services, then who may come in. */
static size_t add_serving(struct api_settings *s)
{
	const struct option_row table[] = {
		{ "listen", 'l', OPTION_STRING, &s->listen, "ADDRESS", "host:port; none is no TCP (:8080)",
		  .setting = "FILOT_API_LISTEN" },
		{ "socket", 0, OPTION_STRING, &s->socket, "PATH", "a UNIX socket, too", .setting = "FILOT_API_SOCKET" },
		{ "trusted-proxy", 0, OPTION_LIST, &s->trusted_proxies, "BLOCK",
		  "believe X-Forwarded-For from here, such as 10.0.0.0/8; may be repeated" },
		{ "workers", 0, OPTION_INTEGER, &s->workers, "N", "requests handled at once (16)", .minimum = 1,
		  .maximum = 1024 },
		{ "stream-workers", 0, OPTION_INTEGER, &s->stream_workers, "N", "uploads handled at once (32)",
		  .minimum = 1, .maximum = 1024 },
		{ "io-threads", 0, OPTION_INTEGER, &s->io_threads, "N", "threads that read and write (2)", .minimum = 1,
		  .maximum = 64 },
		{ "connections", 0, OPTION_INTEGER, &s->connections, "N", "open at once (4096)", .minimum = 16,
		  .maximum = 1000000 },
		{ "connections-per-address", 0, OPTION_INTEGER, &s->connections_per_address, "N",
		  "of one client, not of trusted proxies; 0 is no limit (256)", .maximum = 1000000 },
		{ "request-time", 0, OPTION_DURATION, &s->request_ms, "TIME", "to send a request's header (10s)",
		  .minimum = 100, .maximum = 600000 },
		{ "idle-time", 0, OPTION_DURATION, &s->idle_ms, "TIME", "a kept connection waits for the next request (75s)",
		  .minimum = 100, .maximum = 3600000 },
		{ "upload-limit", 0, OPTION_BYTES, &s->upload_bytes, "BYTES", "of one document (512M)", .minimum = 1024,
		  .maximum = 5LL * 1024 * 1024 * 1024 },
		{ "drain-grace", 0, OPTION_DURATION, &s->drain_grace_ms, "TIME",
		  "/readyz is red so long before connections are refused (5s)", .maximum = 600000 },
		{ "drain-timeout", 0, OPTION_DURATION, &s->drain_ms, "TIME", "then requests may take so long to end (25s)",
		  .maximum = 600000 },
		{ "database-url", 0, OPTION_STRING, &s->database_url, "URL", "PostgreSQL; a transaction pooler is fine",
		  .setting = "FILOT_DATABASE_URL", .alias = "DATABASE_URL", .secret = true,
		  .required_if = &options_always },
		REDIS_OPTIONS(s, "queue and rate limits; rediss:// is TLS", .required_if = &options_always),
		{ "queue-name", 0, OPTION_STRING, &s->queue_name, "NAME", "which queue (ocr)", .setting = "FILOT_QUEUE_NAME" },
		STORE_OPTIONS(s, .required_if = &options_always),
		TEMPORAL_OPTIONS(&s->temporal),
	};
	memcpy(s->rows, table, sizeof table);
	return sizeof table / sizeof *table;
}

static size_t add_access(struct api_settings *s, size_t count)
{
	const struct option_row table[] = {
		{ NULL, 0, OPTION_STRING, &s->jwt_secret, NULL, "signs access tokens; 32 bytes or more",
		  .setting = "FILOT_JWT_SECRET", .secret = true, .required_if = &options_always },
		{ NULL, 0, OPTION_STRING, &s->jwt_secret_previous, NULL, "the one before, good for what it signed",
		  .setting = "FILOT_JWT_SECRET_PREVIOUS", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->session_secret, NULL, "key of the hashes of refresh tokens; 32 bytes or more",
		  .setting = "FILOT_SESSION_SECRET", .secret = true, .required_if = &options_always },
		{ NULL, 0, OPTION_STRING, &s->session_secret_previous, NULL, "the one before, for sessions begun under it",
		  .setting = "FILOT_SESSION_SECRET_PREVIOUS", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->service_key, NULL, "lets other services in; 32 bytes or more (none)",
		  .setting = "FILOT_SERVICE_KEY", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->service_key_previous, NULL, "the one before",
		  .setting = "FILOT_SERVICE_KEY_PREVIOUS", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->buli2_signature_secret, NULL, "of BULI2's callbacks (none is taken)",
		  .setting = "FILOT_BULI2_SIGNATURE_SECRET", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->buli2_signature_secret_previous, NULL, "the one before",
		  .setting = "FILOT_BULI2_SIGNATURE_SECRET_PREVIOUS", .secret = true },
		{ "issuer", 0, OPTION_STRING, &s->issuer, "URL", "in access tokens (https://api.filot.me)",
		  .setting = "FILOT_JWT_ISSUER" },
		{ "audience", 0, OPTION_STRING, &s->audience, "NAME", "in access tokens (filot)",
		  .setting = "FILOT_JWT_AUDIENCE" },
		{ "access-life", 0, OPTION_DURATION, &s->access_ms, "TIME", "of an access token (15m)", .minimum = 1000,
		  .maximum = 24 * 3600 * 1000 },
		{ "refresh-life", 0, OPTION_DURATION, &s->refresh_ms, "TIME", "of a session that nobody uses (30d)",
		  .minimum = 60000, .maximum = 366LL * 24 * 3600 * 1000 },
		{ "no-registration", 0, OPTION_FLAG, &s->no_registration, NULL, "only the service key may make users" },
		{ "password-hashes", 0, OPTION_INTEGER, &s->password_hashes, "N", "at once, 64 MiB each (2)", .minimum = 1,
		  .maximum = 64 },
		{ "rate", 0, OPTION_INTEGER, &s->rate_per_minute, "N", "requests of one user a minute (600)", .minimum = 1,
		  .maximum = 1000000000 },
		{ "rate-burst", 0, OPTION_INTEGER, &s->rate_burst, "N", "of them at once (120)", .minimum = 1,
		  .maximum = 1000000000 },
		{ "login-rate", 0, OPTION_INTEGER, &s->login_per_minute, "N",
		  "logins a minute of one address, and into one account (20)", .minimum = 1, .maximum = 1000000000 },
	};
	_Static_assert(sizeof table + 26 * sizeof *table < sizeof s->rows, "the table needs its empty last row");
	memcpy(s->rows + count, table, sizeof table);
	return count + sizeof table / sizeof *table;
}

struct command api_command(struct api_settings *s)
{
	set_defaults(s);
	(void)add_access(s, add_serving(s));
	return (struct command){
		.name = "filot-api",
		.summary = "the backend's HTTP API: accounts, documents, verification",
		.usage = "[flags]",
		.details = "Its interface is described at /openapi.json, for people at /docs. SIGTERM drains: /readyz turns red, then no\n"
			   "more connections, then the end; a second SIGTERM ends at once.\n"
			   "Exit status: 0 drained; 64 usage; 69 a service or the port is unavailable; 75 requests were cut off;\n"
			   "78 configuration.",
		.rows = s->rows,
	};
}

/* Ours are long, and none serves two purposes. The one before may be the same again. */
static bool check_secrets(const struct api_settings *settings, struct error *error)
{
	const struct {
		const char *name, *value, *previous;
		size_t least;
	} secrets[] = {
		{ "FILOT_JWT_SECRET", settings->jwt_secret, settings->jwt_secret_previous, JWT_LEAST_SECRET_BYTES },
		{ "FILOT_SESSION_SECRET", settings->session_secret, settings->session_secret_previous, JWT_LEAST_SECRET_BYTES },
		{ "FILOT_SERVICE_KEY", settings->service_key, settings->service_key_previous, JWT_LEAST_SECRET_BYTES },
		{ "FILOT_BULI2_SIGNATURE_SECRET", settings->buli2_signature_secret, settings->buli2_signature_secret_previous, 0 },
	};
	for (size_t index = 0; index < sizeof secrets / sizeof *secrets; index++) {
		const char *name = secrets[index].name, *const both[] = { secrets[index].value, secrets[index].previous };
		for (size_t which = 0; which < 2; which++) {
			if (!both[which])
				continue;
			if (strlen(both[which]) < secrets[index].least)
				return error_set(error, ERROR_CONFIG,
						 "%s%s needs at least %zu bytes, such as `openssl rand -hex 32` makes", name,
						 which ? "_PREVIOUS" : "", secrets[index].least);
			for (size_t other = 0; other < index; other++)
				if (strcmp(both[which], secrets[other].value ? secrets[other].value : "") == 0 ||
				    strcmp(both[which], secrets[other].previous ? secrets[other].previous : "") == 0)
					return error_set(error, ERROR_CONFIG, "%s and %s must differ", secrets[other].name, name);
		}
	}
	return true;
}

bool api_settings_check(struct api_settings *settings, struct error *error)
{
	size_t count = settings->trusted_proxies.count;
	if (strcmp(settings->listen, "none") == 0)
		settings->listen = NULL;
	if (!settings->listen && !settings->socket)
		return error_set(error, ERROR_CONFIG, "--listen none needs --socket");
	if (!check_secrets(settings, error))
		return false;
	settings->trusted_proxies_list = calloc(count + 1, sizeof *settings->trusted_proxies_list);
	if (!settings->trusted_proxies_list)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	for (size_t index = 0; index < count; index++)
		settings->trusted_proxies_list[index] = settings->trusted_proxies.items[index];
	return true;
}

void api_settings_free(struct api_settings *settings)
{
	free((void *)settings->trusted_proxies_list);
}
