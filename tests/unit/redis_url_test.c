/* Redis URLs: what each part becomes, what is refused, and that no message tells the password. */
#include "common/redis/redis_url.h"

#include "tests/unit/test.h"

static struct redis_url url;
static struct error error;

static bool parse(const char *text)
{
	redis_url_free(&url);
	error = (struct error){ 0 };
	return redis_url_parse(text, &url, &error);
}

static void a_host_alone_gets_port_6379_and_database_0(void)
{
	CHECK(parse("redis://localhost"));
	CHECK_STRING(url.nodes[0].host, "localhost");
	CHECK_INTEGER(url.nodes[0].port, 6379);
	CHECK_INTEGER(url.database, 0);
	CHECK(!url.tls && !url.user && !url.password && !url.path);
	CHECK(parse("redis://localhost/"));
	CHECK_INTEGER(url.database, 0);
}

static void all_parts_are_read(void)
{
	CHECK(parse("rediss://default:s3cret@eu1-x.upstash.io:6380/3"));
	CHECK_STRING(url.nodes[0].host, "eu1-x.upstash.io");
	CHECK_STRING(url.user, "default");
	CHECK_STRING(url.password, "s3cret");
	CHECK_INTEGER(url.nodes[0].port, 6380);
	CHECK_INTEGER(url.database, 3);
	CHECK(url.tls);
}

static void user_and_password_are_percent_decoded(void)
{
	CHECK(parse("redis://us%40er:p%40ss%3A%2F%3F%23%25@h"));
	CHECK_STRING(url.user, "us@er");
	CHECK_STRING(url.password, "p@ss:/?#%");
}

static void a_password_needs_no_user(void)
{
	CHECK(parse("redis://:pw@h"));
	CHECK(!url.user);
	CHECK_STRING(url.password, "pw");
}

static void an_ipv6_address_loses_its_brackets(void)
{
	CHECK(parse("rediss://[::1]:7000"));
	CHECK_STRING(url.nodes[0].host, "::1");
	CHECK_INTEGER(url.nodes[0].port, 7000);
}

static void several_servers_are_a_list(void)
{
	CHECK(parse("rediss://u:p%2C@one,two:7000,[::1]:7001/2"));
	CHECK_INTEGER(url.node_count, 3);
	CHECK_STRING(url.nodes[0].host, "one");
	CHECK_INTEGER(url.nodes[0].port, 6379);
	CHECK_STRING(url.nodes[1].host, "two");
	CHECK_INTEGER(url.nodes[1].port, 7000);
	CHECK_STRING(url.nodes[2].host, "::1");
	CHECK_INTEGER(url.nodes[2].port, 7001);
	CHECK_STRING(url.password, "p,");
	CHECK_INTEGER(url.database, 2);
	CHECK(!url.master);
	CHECK(parse("redis://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p"));
	CHECK_INTEGER(url.node_count, REDIS_MOST_NODES);
}

static void sentinels_have_a_port_of_their_own_and_the_name_that_they_watch(void)
{
	CHECK(parse("redis+sentinel://one,two:5000/filot"));
	CHECK_INTEGER(url.node_count, 2);
	CHECK_INTEGER(url.nodes[0].port, 26379);
	CHECK_INTEGER(url.nodes[1].port, 5000);
	CHECK_STRING(url.master, "filot");
	CHECK(!url.tls && url.database == 0);
	CHECK(parse("rediss+sentinel://u:p@one/my%20master/3"));
	CHECK_STRING(url.master, "my master");
	CHECK_STRING(url.user, "u");
	CHECK_STRING(url.password, "p");
	CHECK(url.tls);
	CHECK_INTEGER(url.database, 3);
}

static void a_socket_has_a_path(void)
{
	CHECK(parse("redis+unix:///run/redis/redis.sock"));
	CHECK_STRING(url.path, "/run/redis/redis.sock");
	CHECK(!url.node_count);
	CHECK(parse("redis+unix://u:p%40@/run/s"));
	CHECK_STRING(url.path, "/run/s");
	CHECK_STRING(url.user, "u");
	CHECK_STRING(url.password, "p@");
}

static void what_is_no_redis_url_is_refused_without_telling_the_password(void)
{
	static const char *const bad[] = {
		"",
		"hunter2",
		"http://u:hunter2@h",
		"redis:u:hunter2@h",
		"redis://",
		"redis://u:hunter2@",
		"redis://u:hunter2@h:99999",
		"redis://u:hunter2@h:port",
		"redis://u:hunter2@h/one",
		"redis://u:hunter2@h/1/2",
		"redis://u:hunter2@h/99999999",
		"redis://u:hunter2@h?x=1",
		"redis://u:hunter2@h#x",
		"redis://u:hun#ter2@h",
		"redis://u:hunter2%zz%00@h",
		"redis://u:hunter2@h h",
		"redis://u:hunter2@one,",
		"redis://u:hunter2@,two",
		"redis://u:hunter2@one,two:port",
		"redis://u:hunter2@a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
		"redis+sentinel://u:hunter2@one",
		"redis+sentinel://u:hunter2@one/",
		"redis+sentinel://u:hunter2@one/name/x",
		"redis+sentinel:///hunter2",
		"redis+unix://",
		"redis+unix://:hunter2@",
		"redis+unix://host/path",
	};
	for (size_t index = 0; index < sizeof bad / sizeof *bad; index++) {
		bool parsed = parse(bad[index]);
		if (parsed)
			printf("# taken: %s\n", bad[index]);
		CHECK(!parsed);
		CHECK(error.code == ERROR_CONFIG && error.message[0]);
		CHECK(!strstr(error.message, "hun"));
		CHECK(!url.node_count && !url.password);
	}
}

int main(void)
{
	TEST(a_host_alone_gets_port_6379_and_database_0);
	TEST(all_parts_are_read);
	TEST(user_and_password_are_percent_decoded);
	TEST(a_password_needs_no_user);
	TEST(an_ipv6_address_loses_its_brackets);
	TEST(several_servers_are_a_list);
	TEST(sentinels_have_a_port_of_their_own_and_the_name_that_they_watch);
	TEST(a_socket_has_a_path);
	TEST(what_is_no_redis_url_is_refused_without_telling_the_password);
	redis_url_free(&url);
	return test_done();
}
