/* Clients for the threads that work in the background, by the settings of the command. They connect at their first use. */
#ifndef FILOT_API_CLIENTS_H
#define FILOT_API_CLIENTS_H

#include "cmd/filot-api/settings.h"
#include "common/pg/pg.h"
#include "common/redis/redis.h"
#include "common/store/store.h"

struct pg *client_pg(const struct api_settings *settings, const char *name, struct error *error);
struct redis *client_redis(const struct api_settings *settings, const char *name, struct error *error);
struct store *client_store(const struct api_settings *settings, struct error *error);

#endif
