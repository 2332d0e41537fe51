/*
 * Who comes while there is room leads: it sends what it wants and what waits by then, hands out the rows, and gives its
 * place to the first of those that came meanwhile. The others sleep, each on a semaphore of its own, until their row is
 * there or the place is theirs.
 */
#include "cmd/filot-api/lookups.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "documents_get_sql.h"

#define LOOKUPS_AT_ONCE 2
#define MOST_TOGETHER 64

/* A statement's rows, shared by all who have one of them. */
struct lookup_batch {
	PGresult *rows;
	atomic_int holders;
};

struct ask {
	const char *id, *owner;
	struct lookup *found;
	struct ask *next;
	sem_t turn;
	bool done; /* else the place is its own */
	bool good;
	struct error error; /* when it is not */
};

struct lookups {
	pthread_mutex_t mutex;
	struct ask *first, *last; /* waiting */
	int leaders;
};

struct lookups *lookups_new(struct error *error)
{
	struct lookups *lookups = calloc(1, sizeof *lookups);
	if (!lookups)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	else
		(void)pthread_mutex_init(&lookups->mutex, NULL);
	return lookups;
}

void lookups_free(struct lookups *lookups)
{
	if (lookups)
		(void)pthread_mutex_destroy(&lookups->mutex);
	free(lookups);
}

/* ---- who leads ---- */

/* True: at once. False: it waits, and its semaphore will be posted. */
static bool enter(struct lookups *lookups, struct ask *ask)
{
	(void)pthread_mutex_lock(&lookups->mutex);
	bool leads = lookups->leaders < LOOKUPS_AT_ONCE;
	if (leads)
		lookups->leaders++;
	else if (lookups->first)
		lookups->last = lookups->last->next = ask;
	else
		lookups->first = lookups->last = ask;
	(void)pthread_mutex_unlock(&lookups->mutex);
	return leads;
}

/* What waits now, after the leader's own. */
static size_t gather(struct lookups *lookups, struct ask *own, struct ask *asks[static MOST_TOGETHER])
{
	size_t count = 0;
	asks[count++] = own;
	(void)pthread_mutex_lock(&lookups->mutex);
	for (; lookups->first && count < MOST_TOGETHER; lookups->first = lookups->first->next)
		asks[count++] = lookups->first;
	(void)pthread_mutex_unlock(&lookups->mutex);
	return count;
}

static void leave(struct lookups *lookups)
{
	(void)pthread_mutex_lock(&lookups->mutex);
	struct ask *next = lookups->first;
	if (next)
		lookups->first = next->next;
	else
		lookups->leaders--;
	(void)pthread_mutex_unlock(&lookups->mutex);
	if (next)
		(void)sem_post(&next->turn);
}

/* ---- the statement ---- */

/* An element of PostgreSQL's text form of an array. */
static void append_element(struct buffer *array, const char *text)
{
	buffer_append_char(array, array->length ? ',' : '{');
	if (!text) {
		buffer_append_string(array, "NULL");
		return;
	}
	buffer_append_char(array, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_append_char(array, '\\');
		buffer_append_char(array, *text);
	}
	buffer_append_char(array, '"');
}

static PGresult *query(struct pg *pg, struct ask *const *asks, size_t count, struct error *error)
{
	struct buffer ids = { 0 }, owners = { 0 };
	PGresult *rows = NULL;
	for (size_t index = 0; index < count; index++) {
		append_element(&ids, asks[index]->id);
		append_element(&owners, asks[index]->owner);
	}
	buffer_append_char(&ids, '}');
	buffer_append_char(&owners, '}');
	if (ids.failed || owners.failed)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	else
		rows = pg_query_prepared(pg, true, documents_get_sql, 2, (const char *const[]){ ids.data, owners.data }, error);
	buffer_free(&ids);
	buffer_free(&owners);
	return rows;
}

static void hand_out(struct lookup_batch *batch, struct ask *const *asks, size_t count)
{
	/* Held by us, too, until all are told. */
	atomic_init(&batch->holders, 1);
	for (int row = 0; row < PQntuples(batch->rows); row++) {
		size_t number = (size_t)strtoul(PQgetvalue(batch->rows, row, LOOKUP_NUMBER), NULL, 10);
		if (number < 1 || number > count)
			continue;
		*asks[number - 1]->found = (struct lookup){ .batch = batch, .row = row };
		atomic_fetch_add(&batch->holders, 1);
	}
}

static void lead(struct lookups *lookups, struct pg *pg, struct ask *own)
{
	struct ask *asks[MOST_TOGETHER];
	struct error error = { 0 };
	size_t count = gather(lookups, own, asks);
	struct lookup_batch *batch = calloc(1, sizeof *batch);
	if (!batch)
		(void)error_set(&error, ERROR_OUT_OF_MEMORY, "out of memory");
	bool good = batch && (batch->rows = query(pg, asks, count, &error));
	leave(lookups);
	if (good)
		hand_out(batch, asks, count);
	for (size_t index = 0; index < count; index++) {
		asks[index]->good = good;
		asks[index]->error = error;
		asks[index]->done = true;
		if (asks[index] != own)
			(void)sem_post(&asks[index]->turn); /* it is gone from here on */
	}
	if (good)
		lookup_end(&(struct lookup){ .batch = batch });
	else
		free(batch);
}

bool lookups_find(struct lookups *lookups, struct pg *pg, const char *id, const char *owner, struct lookup *found,
		  struct error *error)
{
	struct ask ask = { .id = id, .owner = owner, .found = found };
	*found = (struct lookup){ 0 };
	(void)sem_init(&ask.turn, 0, 0);
	if (!enter(lookups, &ask))
		while (sem_wait(&ask.turn) != 0 && errno == EINTR)
			;
	if (!ask.done)
		lead(lookups, pg, &ask);
	(void)sem_destroy(&ask.turn);
	return ask.good || error_set(error, ask.error.code, "%s", ask.error.message);
}

void lookup_end(struct lookup *found)
{
	struct lookup_batch *batch = found->batch;
	found->batch = NULL;
	if (!batch || atomic_fetch_sub(&batch->holders, 1) > 1)
		return;
	PQclear(batch->rows);
	free(batch);
}

const char *lookup_value(const struct lookup *found, enum lookup_column column)
{
	const PGresult *rows = found->batch->rows;
	return PQgetisnull(rows, found->row, (int)column) ? NULL : PQgetvalue(rows, found->row, (int)column);
}
