/*
 * Which addresses are public: a job line must not make a worker talk to its own machine, its private network or the
 * cloud's metadata service. The caller asks for the address of each connection as it is made, not for a name, so what
 * DNS says at another moment does not matter.
 */
#include "common/http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* IANA IPv4 Special-Purpose Address Registry, without what is globally reachable; and multicast. */
static const struct {
	uint32_t network; /* host byte order */
	int bits;
} special_v4[] = {
	{ 0x00000000, 8 },  /* 0.0.0.0/8 this network */
	{ 0x0a000000, 8 },  /* 10.0.0.0/8 private */
	{ 0x64400000, 10 }, /* 100.64.0.0/10 shared by carriers */
	{ 0x7f000000, 8 },  /* 127.0.0.0/8 loopback */
	{ 0xa9fe0000, 16 }, /* 169.254.0.0/16 link-local, clouds' metadata */
	{ 0xac100000, 12 }, /* 172.16.0.0/12 private */
	{ 0xc0000000, 24 }, /* 192.0.0.0/24 protocol assignments */
	{ 0xc0000200, 24 }, /* 192.0.2.0/24 documentation */
	{ 0xc0586300, 24 }, /* 192.88.99.0/24 6to4 relays */
	{ 0xc0a80000, 16 }, /* 192.168.0.0/16 private */
	{ 0xc6120000, 15 }, /* 198.18.0.0/15 benchmarking */
	{ 0xc6336400, 24 }, /* 198.51.100.0/24 documentation */
	{ 0xcb007100, 24 }, /* 203.0.113.0/24 documentation */
	{ 0xe0000000, 4 },  /* 224.0.0.0/4 multicast */
	{ 0xf0000000, 4 },  /* 240.0.0.0/4 reserved, broadcast */
};

static const struct prefix_v6 {
	uint8_t network[16];
	int bits;
} global_v6 = { { 0x20 }, 3 },			   /* 2000::/3: all else is no global unicast */
    mapped_v6 = { { [10] = 0xff, 0xff }, 96 },	   /* ::ffff:0:0/96, IPv4 on an IPv6 socket */
    nat64_v6 = { { 0x00, 0x64, 0xff, 0x9b }, 96 }, /* 64:ff9b::/96, IPv4 behind a translator (RFC 6052) */
    special_v6[] = {
	    { { 0x20, 0x01 }, 23 },		/* 2001::/23 protocol assignments, Teredo, benchmarking, ORCHID */
	    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
	    { { 0x20, 0x02 }, 16 },		/* 6to4: hides an IPv4 address */
	    { { 0x3f, 0xff }, 20 },		/* documentation */
    };

static bool v4_is_public(uint32_t address)
{
	for (size_t index = 0; index < sizeof special_v4 / sizeof *special_v4; index++)
		if ((address ^ special_v4[index].network) >> (32 - special_v4[index].bits) == 0)
			return false;
	return true;
}

static bool v6_within(const uint8_t address[static 16], const struct prefix_v6 *prefix)
{
	size_t whole = (size_t)prefix->bits / 8;
	int rest = prefix->bits % 8;
	return memcmp(address, prefix->network, whole) == 0 &&
	       (rest == 0 || (address[whole] ^ prefix->network[whole]) >> (8 - rest) == 0);
}

static bool v6_is_public(const uint8_t address[static 16])
{
	if (v6_within(address, &mapped_v6) || v6_within(address, &nat64_v6)) {
		uint32_t inner;
		memcpy(&inner, address + 12, sizeof inner);
		return v4_is_public(ntohl(inner));
	}
	for (size_t index = 0; index < sizeof special_v6 / sizeof *special_v6; index++)
		if (v6_within(address, &special_v6[index]))
			return false;
	return v6_within(address, &global_v6);
}

bool http_sockaddr_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, address, sizeof v4);
		return v4_is_public(ntohl(v4.sin_addr.s_addr));
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, address, sizeof v6);
		return v6_is_public(v6.sin6_addr.s6_addr);
	}
	return false;
}

bool http_address_is_public(const char *address)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, address, &v4) == 1)
		return v4_is_public(ntohl(v4.s_addr));
	return inet_pton(AF_INET6, address, &v6) == 1 && v6_is_public(v6.s6_addr);
}
