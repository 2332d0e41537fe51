/* Patience of some seconds: who works in the background comes again. */
#include "cmd/filot-api/clients.h"

struct pg *client_pg(const struct api_settings *settings, const char *name, struct error *error)
{
	return pg_new(&(const struct pg_settings){ .url = settings->database_url,
						   .application_name = name,
						   .connect_ms = 5000,
						   .statement_ms = 10000,
						   .reconnect_ms = 2000 },
		      error);
}

struct redis *client_redis(const struct api_settings *settings, const char *name, struct error *error)
{
	return redis_new(&(const struct redis_settings){ .url = settings->redis_url,
							 .ca = settings->redis_ca,
							 .client_name = name,
							 .connect_ms = 3000,
							 .command_ms = 5000,
							 .reconnect_ms = 2000 },
			 error);
}

struct store *client_store(const struct api_settings *settings, struct error *error)
{
	return store_new(&(const struct store_settings){ .endpoint = settings->r2_endpoint,
							 .access_key = settings->r2_access_key,
							 .secret_key = settings->r2_secret_key,
							 .bucket = settings->r2_bucket,
							 .region = settings->r2_region,
							 .attempts = 3,
							 .limits = { .connect_ms = 5000, .total_ms = 60000 } },
			 error);
}
