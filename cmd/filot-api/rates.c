/* A direct-mapped table of batches before the script. */
#include "cmd/filot-api/rates.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "rate_take_lua.h"

#define SLOTS 4096 /* users seen lately; another one in the slot only costs a round trip */
#define BATCHES 16 /* of a burst */
#define AWAY_MS 5000

struct slot {
	uint8_t name[16];
	int64_t tokens;
	int64_t none_until_ms; /* monotonic */
};

struct rates {
	pthread_mutex_t mutex;
	_Atomic int64_t away_until_ms;
	struct slot slots[SLOTS];
};

struct rates *rates_new(struct error *error)
{
	struct rates *rates = calloc(1, sizeof *rates);
	if (!rates)
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "out of memory");
	else
		(void)pthread_mutex_init(&rates->mutex, NULL);
	return rates;
}

void rates_free(struct rates *rates)
{
	if (rates)
		(void)pthread_mutex_destroy(&rates->mutex);
	free(rates);
}

static struct slot *slot_of(struct rates *rates, const uint8_t name[static 16])
{
	uint32_t index;
	memcpy(&index, name, sizeof index);
	return &rates->slots[index % SLOTS];
}

/* 1: taken, 0: none is left, -1: Redis must be asked. */
static int spend(struct rates *rates, const uint8_t name[static 16], int64_t now_ms, int64_t *wait_ms)
{
	int spent = -1;
	struct slot *slot = slot_of(rates, name);
	(void)pthread_mutex_lock(&rates->mutex);
	if (memcmp(slot->name, name, 16) == 0) {
		if (slot->tokens > 0) {
			slot->tokens--;
			spent = 1;
		} else if (slot->none_until_ms > now_ms) {
			*wait_ms = slot->none_until_ms - now_ms;
			spent = 0;
		}
	}
	(void)pthread_mutex_unlock(&rates->mutex);
	return spent;
}

static void keep(struct rates *rates, const uint8_t name[static 16], int64_t tokens, int64_t none_until_ms)
{
	struct slot *slot = slot_of(rates, name);
	(void)pthread_mutex_lock(&rates->mutex);
	if (memcmp(slot->name, name, 16) != 0) {
		memcpy(slot->name, name, 16);
		slot->tokens = 0;
	}
	slot->tokens += tokens;
	slot->none_until_ms = none_until_ms;
	(void)pthread_mutex_unlock(&rates->mutex);
}

static bool ask(struct redis *redis, const struct rate_limit *limit, const uint8_t name[static 16], int64_t wanted,
		int64_t *taken, int64_t *wait_ms, struct error *error)
{
	char key[96], hex[33], rate[24], burst[24], count[24];
	(void)snprintf(key, sizeof key, "filot:{api}:rate:%s:%s", limit->kind, sodium_bin2hex(hex, sizeof hex, name, 16));
	(void)snprintf(rate, sizeof rate, "%" PRId64, limit->per_minute);
	(void)snprintf(burst, sizeof burst, "%" PRId64, limit->burst);
	(void)snprintf(count, sizeof count, "%" PRId64, wanted);
	const char *arguments[] = { key, rate, burst, count };
	redisReply *reply = redis_script(redis, true, rate_take_lua, 1, 4, arguments, NULL, error);
	if (!reply)
		return false;
	bool good = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
	if (good) {
		*taken = reply->element[0]->integer;
		*wait_ms = reply->element[1]->integer;
	} else {
		(void)redis_refused(reply, "rate limit", error);
	}
	freeReplyObject(reply);
	return good;
}

bool rates_take(struct rates *rates, struct redis *redis, const struct rate_limit *limit, int64_t *wait_ms)
{
	uint8_t name[16];
	crypto_generichash_state state;
	struct error error = { 0 };
	int64_t now_ms = clock_monotonic_ms(), taken = 0;
	int64_t batch = limit->burst / BATCHES > 1 ? limit->burst / BATCHES : 1;
	(void)crypto_generichash_init(&state, NULL, 0, sizeof name);
	(void)crypto_generichash_update(&state, (const unsigned char *)limit->kind, strlen(limit->kind) + 1);
	(void)crypto_generichash_update(&state, (const unsigned char *)limit->who, strlen(limit->who));
	(void)crypto_generichash_final(&state, name, sizeof name);
	*wait_ms = 0;
	int spent = spend(rates, name, now_ms, wait_ms);
	if (spent >= 0)
		return spent == 1;
	if (atomic_load(&rates->away_until_ms) > now_ms)
		return true;
	if (!ask(redis, limit, name, batch, &taken, wait_ms, &error)) {
		atomic_store(&rates->away_until_ms, clock_monotonic_ms() + AWAY_MS);
		log_warning("rate_limits_off", log_failure(&error), log_integer("for_ms", AWAY_MS));
		return true;
	}
	keep(rates, name, taken ? taken - 1 : 0, taken ? 0 : now_ms + *wait_ms);
	return taken > 0;
}
