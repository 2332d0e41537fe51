/* A worker thread's clients; all connect at their first use, so that the API starts while a service is away. */
#include <stdlib.h>

#include "cmd/filot-api/api.h"

/* A request waits no longer than this for a service that is away: its client may try again. */
#define CONNECT_MS 2000
#define REDIS_COMMAND_MS 2000
#define STATEMENT_MS 15000
#define RECONNECT_MS 2000

void api_context_close(void *context)
{
	struct api_context *own = context;
	if (!own)
		return;
	pg_free(own->pg);
	redis_free(own->redis);
	store_free(own->store);
	free(own);
}

void *api_context_open(void *shared, struct error *error)
{
	struct api *api = shared;
	const struct api_settings *settings = api->settings;
	const struct pg_settings database = { .url = settings->database_url, .application_name = "filot-api",
					      .connect_ms = CONNECT_MS, .statement_ms = STATEMENT_MS,
					      .reconnect_ms = RECONNECT_MS };
	const struct redis_settings redis = { .url = settings->redis_url, .ca = settings->redis_ca,
					      .client_name = "filot-api", .connect_ms = CONNECT_MS,
					      .command_ms = REDIS_COMMAND_MS };
	const struct store_settings storage = { .endpoint = settings->r2_endpoint, .access_key = settings->r2_access_key,
						.secret_key = settings->r2_secret_key, .bucket = settings->r2_bucket,
						.region = settings->r2_region };
	struct api_context *own = calloc(1, sizeof *own);
	if (!own) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
		return NULL;
	}
	own->api = api;
	own->settings = settings;
	if ((own->pg = pg_new(&database, error)) && (own->redis = redis_new(&redis, error)) &&
	    (own->store = store_new(&storage, error)))
		return own;
	api_context_close(own);
	return NULL;
}
