/* Worker threads: they take connections whose request is ready from one bounded queue and run its handler. */
#include <stdlib.h>

#include "common/base/stop.h"
#include "common/http/server_private.h"

static void *open_context(struct pool *pool)
{
	struct server *server = pool->server;
	struct error error = { 0 };
	void *context = server->settings.shared;
	bool good = true;
	if (server->settings.worker_open) {
		context = server->settings.worker_open(server->settings.shared, &error);
		good = context != NULL;
	}
	(void)pthread_mutex_lock(&pool->mutex);
	pool->ready_count += good;
	pool->failed_count += !good;
	if (!good)
		pool->error = error;
	(void)pthread_cond_signal(&pool->ready);
	(void)pthread_mutex_unlock(&pool->mutex);
	return context;
}

static struct connection *take(struct pool *pool)
{
	struct connection *connection = NULL;
	(void)pthread_mutex_lock(&pool->mutex);
	while (!pool->length && !pool->stopping)
		(void)pthread_cond_wait(&pool->filled, &pool->mutex);
	if (pool->length) {
		connection = pool->waiting[pool->start];
		pool->start = (pool->start + 1) % pool->capacity;
		pool->length--;
	}
	(void)pthread_mutex_unlock(&pool->mutex);
	return connection;
}

static void *work(void *argument)
{
	struct pool *pool = argument;
	void *context = open_context(pool);
	if (!context && pool->server->settings.worker_open)
		return NULL;
	for (struct connection *connection; (connection = take(pool));)
		connection_work(connection, context);
	if (pool->server->settings.worker_close)
		pool->server->settings.worker_close(context);
	return NULL;
}

bool pool_push(struct pool *pool, struct connection *connection)
{
	(void)pthread_mutex_lock(&pool->mutex);
	bool room = pool->length < pool->capacity;
	if (room)
		pool->waiting[(pool->start + pool->length++) % pool->capacity] = connection;
	(void)pthread_mutex_unlock(&pool->mutex);
	if (room)
		(void)pthread_cond_signal(&pool->filled); /* not under the mutex: who wakes up wants it at once */
	return room;
}

bool pool_open(struct pool *pool, struct server *server, int threads, int capacity, struct error *error)
{
	pool->server = server;
	pool->capacity = (size_t)capacity;
	(void)pthread_mutex_init(&pool->mutex, NULL);
	(void)pthread_cond_init(&pool->filled, NULL);
	(void)pthread_cond_init(&pool->ready, NULL);
	pool->waiting = calloc(pool->capacity, sizeof(struct connection *));
	pool->threads = calloc((size_t)threads, sizeof *pool->threads);
	if (!pool->waiting || !pool->threads)
		return error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	for (; pool->thread_count < threads; pool->thread_count++)
		if (stop_start_thread(&pool->threads[pool->thread_count], work, pool) != 0)
			return error_set(error, ERROR_UNAVAILABLE, "cannot start thread %d of %d: too many in this system?",
					 pool->thread_count + 1, threads);
	(void)pthread_mutex_lock(&pool->mutex);
	while (pool->ready_count + pool->failed_count < threads)
		(void)pthread_cond_wait(&pool->ready, &pool->mutex);
	bool good = pool->failed_count == 0;
	(void)pthread_mutex_unlock(&pool->mutex);
	return good || error_set(error, pool->error.code, "%s", pool->error.message);
}

void pool_close(struct pool *pool)
{
	if (!pool->server)
		return;
	(void)pthread_mutex_lock(&pool->mutex);
	pool->stopping = true;
	(void)pthread_cond_broadcast(&pool->filled);
	(void)pthread_mutex_unlock(&pool->mutex);
	for (int index = 0; index < pool->thread_count; index++)
		(void)pthread_join(pool->threads[index], NULL);
	free(pool->threads);
	free((void *)pool->waiting);
	(void)pthread_mutex_destroy(&pool->mutex);
	(void)pthread_cond_destroy(&pool->filled);
	(void)pthread_cond_destroy(&pool->ready);
	*pool = (struct pool){ 0 };
}
