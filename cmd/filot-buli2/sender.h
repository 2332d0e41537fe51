/* One sender: its own connections, and what it does with a request. One serves one thread. */
#ifndef FILOT_BULI2_SENDER_H
#define FILOT_BULI2_SENDER_H

#include "cmd/filot-buli2/settings.h"
#include "common/buli2/client.h"
#include "common/buli2/deliveries.h"
#include "common/buli2/queue.h"

struct sender {
	const struct delivery_settings *settings;
	char name[160];
	struct redis *redis; /* NULL: no retry set, no breaker */
	struct buli2_queue *queue;
	struct pg *pg; /* NULL: nothing is recorded */
	struct buli2_client client;
};

/* `number` tells this process's senders apart. Connects to what is configured within settings->wait_ms. */
bool sender_open(struct sender *sender, const struct delivery_settings *settings, int number, struct error *error);
void sender_close(struct sender *sender);

/*
 * Sends one request and ends it: recorded, then acknowledged, put in the retry set or buried, as the answer wants.
 * `entry` is its entry in the stream or NULL. False when a service failed: then nothing is lost, the request comes again.
 */
bool sender_deliver(struct sender *sender, struct buli2_request *request, const char *entry,
		    struct buli2_receipt *receipt, struct error *error);

/* An entry that is no request: buried. */
bool sender_refuse(struct sender *sender, const struct buli2_claim *claim, const struct error *why, struct error *error);

#endif
