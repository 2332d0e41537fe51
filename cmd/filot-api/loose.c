/* The row is claimed first, so that no upload can be completed with an object that is about to go. */
#include "cmd/filot-api/loose.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/filot-api/clients.h"
#include "common/base/worker.h"
#include "common/base/log.h"
#include "common/pg/pg.h"
#include "common/store/fetch.h"
#include "common/store/store.h"
#include "loose_claim_sql.h"
#include "loose_failed_sql.h"
#include "loose_removed_sql.h"

#define CLAIM_S "300"
#define BATCH "20"
#define PAUSE_MS 10000

struct loose {
	struct worker worker;
	struct pg *pg;
	struct store *store;
	bool failing;
};

static bool remove_object(struct loose *loose, const char *uri, struct error *error)
{
	char bucket[64];
	char *key = fetch_split_r2(uri, bucket, error);
	bool done = key && store_parts_abort_all(loose->store, bucket, key, error) &&
		    (store_delete(loose->store, bucket, key, error) || error->code == ERROR_NOT_FOUND);
	free(key);
	return done;
}

static void remove_one(struct loose *loose, const char *uri)
{
	struct error error = { 0 };
	bool removed = remove_object(loose, uri, &error);
	if (removed)
		log_info("loose_object_removed", log_string("uri", uri));
	else
		log_warning("loose_object_not_removed", log_string("uri", uri), log_failure(&error));
	const char *const values[] = { uri, error.message };
	PGresult *result = removed ? pg_query(loose->pg, true, loose_removed_sql, 1, values, &error) :
				     pg_query(loose->pg, true, loose_failed_sql, 2, values, &error);
	if (!result)
		log_warning("loose_object_not_settled", log_string("uri", uri), log_failure(&error));
	PQclear(result);
}

static int64_t loose_round(void *context)
{
	const char *const values[] = { CLAIM_S, BATCH };
	struct loose *loose = context;
	for (int count = 1; count > 0 && !worker_ending(&loose->worker);) {
		struct error error = { 0 };
		PGresult *rows = pg_query(loose->pg, false, loose_claim_sql, 2, values, &error);
		count = rows ? PQntuples(rows) : 0;
		for (int row = 0; row < count && !worker_ending(&loose->worker); row++)
			remove_one(loose, PQgetvalue(rows, row, 0));
		if (!rows && !loose->failing)
			log_warning("loose_objects_not_read", log_failure(&error));
		loose->failing = !rows;
		PQclear(rows);
	}
	return PAUSE_MS;
}

struct loose *loose_open(const struct api_settings *settings, struct error *error)
{
	struct loose *loose = calloc(1, sizeof *loose);
	if (!loose) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the remover of loose objects");
		return NULL;
	}
	loose->pg = client_pg(settings, "filot-api-loose", error);
	loose->store = loose->pg ? client_store(settings, error) : NULL;
	if (loose->store && worker_start(&loose->worker, loose_round, loose, error))
		return loose;
	loose_close(loose);
	return NULL;
}

void loose_wake(struct loose *loose)
{
	worker_wake(&loose->worker);
}

void loose_close(struct loose *loose)
{
	if (!loose)
		return;
	worker_stop(&loose->worker);
	store_free(loose->store);
	pg_free(loose->pg);
	free(loose);
}
