/*
 * How many connections each address has, for the limit: a hash table of counts, so that accepting one costs the same however
 * many there are. Its hash has a key, so that nobody can choose addresses that share a chain. Under the server's list_mutex.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/server_private.h"

void peers_open(struct peers *peers)
{
	crypto_shorthash_keygen(peers->key);
}

/* Where the address is linked, or would be. */
static struct peer **find(struct peers *peers, const uint8_t address[static 16])
{
	uint64_t hash;
	_Static_assert(sizeof hash == crypto_shorthash_BYTES, "SipHash gives 64 bits");
	(void)crypto_shorthash((unsigned char *)&hash, address, 16, peers->key);
	struct peer **link = &peers->chains[hash % PEER_CHAINS];
	while (*link && memcmp((*link)->address, address, 16) != 0)
		link = &(*link)->next;
	return link;
}

int peers_count(struct peers *peers, const uint8_t address[static 16])
{
	const struct peer *peer = *find(peers, address);
	return peer ? peer->connections : 0;
}

void peers_enter(struct peers *peers, const uint8_t address[static 16])
{
	struct peer **link = find(peers, address);
	if (!*link && (*link = calloc(1, sizeof **link)))
		memcpy((*link)->address, address, 16);
	if (*link) /* without memory it is not counted */
		(*link)->connections++;
}

void peers_leave(struct peers *peers, const uint8_t address[static 16])
{
	struct peer **link = find(peers, address), *peer = *link;
	if (!peer || --peer->connections > 0)
		return;
	*link = peer->next;
	free(peer);
}
