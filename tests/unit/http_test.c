/* Which addresses are public, and what of a URL a message may show. */
#include "common/http/http.h"

#include <netinet/in.h>
#include <sys/un.h>

#include "tests/unit/test.h"

static void check_addresses(const char *const *addresses, bool public)
{
	for (; *addresses; addresses++)
		CHECK_STRING(http_address_is_public(*addresses) == public ? "" : *addresses, "");
}

/* The first and last address of each range, so that a wrong prefix length shows. */
static void special_ipv4_ranges_are_not_public(void)
{
	check_addresses((const char *const[]){ "0.0.0.0",
					       "0.255.255.255",
					       "10.0.0.0",
					       "10.255.255.255",
					       "100.64.0.0",
					       "100.127.255.255",
					       "127.0.0.1",
					       "127.255.255.255",
					       "169.254.0.0",
					       "169.254.169.254",
					       "169.254.255.255",
					       "172.16.0.0",
					       "172.31.255.255",
					       "192.0.0.0",
					       "192.0.0.255",
					       "192.0.2.0",
					       "192.0.2.255",
					       "192.88.99.1",
					       "192.168.0.0",
					       "192.168.255.255",
					       "198.18.0.0",
					       "198.19.255.255",
					       "198.51.100.0",
					       "198.51.100.255",
					       "203.0.113.0",
					       "203.0.113.255",
					       "224.0.0.0",
					       "239.255.255.255",
					       "240.0.0.0",
					       "255.255.255.255",
					       NULL },
			false);
}

static void their_ipv4_neighbours_are_public(void)
{
	check_addresses((const char *const[]){ "1.0.0.0",     "9.255.255.255",	 "11.0.0.0",	 "100.63.255.255",
					       "100.128.0.0", "126.255.255.255", "128.0.0.0",	 "169.253.255.255",
					       "169.255.0.0", "172.15.255.255",	 "172.32.0.0",	 "192.0.1.0",
					       "192.0.3.0",   "192.167.255.255", "192.169.0.0",	 "198.17.255.255",
					       "198.20.0.0",  "198.51.99.255",	 "198.51.101.0", "203.0.112.255",
					       "203.0.114.0", "223.255.255.255", "8.8.8.8",	 NULL },
			true);
}

static void special_ipv6_ranges_are_not_public(void)
{
	check_addresses((const char *const[]){ "::",
					       "::1",
					       "::7f00:1",
					       "100::1",
					       "64:ff9b:1::808:808",
					       "2001::1",
					       "2001:0:4136:e378:8000:63bf:3fff:fdd2",
					       "2001:2::1",
					       "2001:10::1",
					       "2001:20::1",
					       "2001:1ff:ffff::1",
					       "2001:db8::1",
					       "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
					       "2002:808:808::1",
					       "3fff::1",
					       "3fff:fff:ffff::1",
					       "5f00::1",
					       "4000::1",
					       "1fff::1",
					       "fc00::1",
					       "fd00:ec2::254",
					       "fdff::1",
					       "fe80::1",
					       "febf::1",
					       "fec0::1",
					       "ff02::1",
					       "ff0e::1",
					       NULL },
			false);
}

static void global_unicast_ipv6_is_public(void)
{
	check_addresses((const char *const[]){ "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1",
					       "2003::1", "2606:4700:4700::1111", "2a00::1", "3ffe:ffff::1",
					       "3fff:1000::1", NULL },
			true);
}

static void ipv4_inside_ipv6_is_judged_as_ipv4(void)
{
	check_addresses((const char *const[]){ "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
					       "64:ff9b::127.0.0.1", "64:ff9b::192.168.1.1", "64:ff9b::169.254.169.254",
					       NULL },
			false);
	check_addresses((const char *const[]){ "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", NULL }, true);
}

static void what_is_no_numeric_address_is_not_public(void)
{
	check_addresses((const char *const[]){ "", "localhost", "8.8.8", "8.8.8.8 ", "0x8080808", "fe80::1%eth0",
					       "[2a00::1]", "2a00::1%lo", NULL },
			false);
}

static void other_families_are_not_public(void)
{
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	CHECK(!http_sockaddr_is_public((const struct sockaddr *)&local));
}

static void a_socket_address_is_judged_like_its_text(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x08080808) };
	CHECK(http_sockaddr_is_public((const struct sockaddr *)&v4));
	v4.sin_addr.s_addr = htonl(0x7f000001);
	CHECK(!http_sockaddr_is_public((const struct sockaddr *)&v4));
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	CHECK(!http_sockaddr_is_public((const struct sockaddr *)&v6));
	v6.sin6_addr.s6_addr[0] = 0x2a;
	CHECK(http_sockaddr_is_public((const struct sockaddr *)&v6));
}

static void a_message_shows_scheme_host_and_port_only(void)
{
	char where[HTTP_WHERE_SIZE];
	CHECK_STRING(http_where("https://user:secret@example.org/path?token=secret#part", where),
		     "https://example.org");
	CHECK_STRING(http_where("http://example.org:8080/secret", where), "http://example.org:8080");
	CHECK_STRING(http_where("https://[2a00::1]:444/x", where), "https://[2a00::1]:444");
	CHECK_STRING(http_where("not a url", where), "?");
}

int main(void)
{
	TEST(special_ipv4_ranges_are_not_public);
	TEST(their_ipv4_neighbours_are_public);
	TEST(special_ipv6_ranges_are_not_public);
	TEST(global_unicast_ipv6_is_public);
	TEST(ipv4_inside_ipv6_is_judged_as_ipv4);
	TEST(what_is_no_numeric_address_is_not_public);
	TEST(other_families_are_not_public);
	TEST(a_socket_address_is_judged_like_its_text);
	TEST(a_message_shows_scheme_host_and_port_only);
	return test_done();
}
