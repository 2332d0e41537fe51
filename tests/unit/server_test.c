/* The HTTP server against a client made of bare sockets, so that what is sent is exactly what the test says. */
#include "common/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/http/problem.h"
#include "tests/unit/test.h"

#define WAIT_MS 10000

static atomic_int events_seen, last_status, contexts_open;
static atomic_bool gate_open;
static struct server_stream *_Atomic kept_stream;

/* ---- handlers ---- */

static void quick(struct server_request *request, void *context)
{
	(void)context;
	server_answer_static(request, 200, "text/plain", "quick\n", 6);
}

static void echo(struct server_request *request, void *context)
{
	struct buffer body = { 0 };
	size_t length;
	const char *bytes = server_request_body(request, &length);
	const char *id = server_request_parameter(request, "id");
	const char *query = server_request_query(request, "q");
	(void)context;
	buffer_printf(&body, "%s %s id=%s q=%s address=%s body=", server_request_method(request), server_request_path(request),
		      id ? id : "-", query ? query : "-", server_request_address(request));
	buffer_append(&body, bytes, length);
	server_answer(request, 200, "text/plain", &body);
}

static void upload(struct server_request *request, void *context)
{
	char bytes[8192];
	int64_t total = 0;
	unsigned sum = 0;
	struct error error = { 0 };
	(void)context;
	if (server_request_header(request, "X-Refuse")) {
		problem_answer(request, 401, "unauthenticated", NULL);
		return;
	}
	for (;;) {
		size_t length;
		if (!server_request_read(request, bytes, sizeof bytes, &length, &error)) {
			atomic_store(&last_status, (int)error.code);
			problem_answer_error(request, "upload_failed", &error);
			return;
		}
		if (!length)
			break;
		for (size_t index = 0; index < length; index++)
			sum = sum * 31 + (unsigned char)bytes[index];
		total += (int64_t)length;
		if (server_request_header(request, "X-Stop-Early")) {
			problem_answer(request, 503, "stopped", NULL);
			return;
		}
	}
	char text[64];
	(void)snprintf(text, sizeof text, "%lld %u\n", (long long)total, sum);
	server_answer_text(request, 200, "text/plain", text);
}

static void gated(struct server_request *request, void *context)
{
	(void)context;
	while (!atomic_load(&gate_open))
		clock_sleep_ms(1);
	server_answer_static(request, 200, "text/plain", "late\n", 5);
}

static void stream(struct server_request *request, void *context)
{
	(void)context;
	struct server_stream *made = server_answer_stream(request, 200, "text/event-stream");
	(void)server_stream_send(made, ": hello\n\n", 9);
	atomic_store(&kept_stream, made);
}

static void silent(struct server_request *request, void *context)
{
	(void)request;
	(void)context;
}

static const struct server_route routes[] = {
	{ "GET", "/quick", quick, .quick = true },
	{ "GET", "/echo", echo },
	{ "POST", "/echo", echo, SERVER_BODY_BUFFERED, .body_bytes = 1000 },
	{ "GET", "/things/{id}/text", echo },
	{ "DELETE", "/things/{id}", echo },
	{ "POST", "/upload", upload, SERVER_BODY_STREAMED, .body_bytes = 100 * 1024 * 1024 },
	{ "GET", "/gated", gated },
	{ "GET", "/stream", stream },
	{ "GET", "/silent", silent },
	{ NULL },
};

static void *open_context(void *shared, struct error *error)
{
	(void)error;
	atomic_fetch_add(&contexts_open, 1);
	return shared;
}

static void close_context(void *context)
{
	(void)context;
	atomic_fetch_sub(&contexts_open, 1);
}

static void observe(void *shared, const struct server_event *event)
{
	(void)shared;
	(void)event;
	atomic_fetch_add(&events_seen, 1);
}

static const struct server_settings usual = { .listen = "127.0.0.1:0", .routes = routes, .shared = (void *)(uintptr_t)"",
					      .worker_open = open_context, .worker_close = close_context,
					      .observe = observe, .workers = 4, .stream_workers = 4 };

static struct server *start(const struct server_settings *settings)
{
	struct error error = { 0 };
	struct server *server = server_open(settings, &error);
	if (!server) {
		printf("# %s\n", error.message);
		abort();
	}
	atomic_store(&gate_open, false);
	return server;
}

/* ---- the client ---- */

static int dial(const struct server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)server_port(server)),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(client, (struct sockaddr *)&address, sizeof address) != 0)
		abort();
	return client;
}

static bool send_all(int client, const char *bytes, size_t length)
{
	while (length) {
		ssize_t sent = send(client, bytes, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		bytes += sent;
		length -= (size_t)sent;
	}
	return true;
}

static void say(int client, const char *text)
{
	(void)send_all(client, text, strlen(text));
}

/* Reads until `wanted` is in what came, or the end; false at the end. */
static bool hear(int client, struct buffer *heard, const char *wanted)
{
	int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
	for (;;) {
		if (wanted && heard->data && strstr(heard->data, wanted))
			return true;
		struct pollfd ready = { .fd = client, .events = POLLIN };
		if (clock_monotonic_ms() > until_ms || poll(&ready, 1, 200) < 0)
			return false;
		if (!ready.revents)
			continue;
		char *room = buffer_reserve(heard, 4096);
		ssize_t length = recv(client, room, 4096, 0);
		if (length <= 0)
			return false;
		buffer_added(heard, (size_t)length);
	}
}

/* One exchange on a connection of its own: all that comes until the server closes or `wanted` came. */
static char *ask(const struct server *server, const char *text, const char *wanted)
{
	struct buffer heard = { 0 };
	int client = dial(server);
	say(client, text);
	(void)hear(client, &heard, wanted);
	(void)close(client);
	buffer_append(&heard, "", 0);
	return heard.data ? buffer_take(&heard) : strdup("");
}

static bool wait_until(bool (*holds)(const struct server *), const struct server *server)
{
	for (int64_t until_ms = clock_monotonic_ms() + WAIT_MS; clock_monotonic_ms() < until_ms; clock_sleep_ms(2))
		if (holds(server))
			return true;
	return false;
}

static bool has_stream(const struct server *server)
{
	(void)server;
	return atomic_load(&kept_stream) != NULL;
}

static bool none_connected(const struct server *server)
{
	return server_connections(server) == 0;
}

static bool one_runs(const struct server *server)
{
	return server_running(server) == 1;
}

static bool none_runs(const struct server *server)
{
	return server_running(server) == 0;
}

static void check_answer(const struct server *server, const char *text, const char *first, const char *within)
{
	char *answer = ask(server, text, within);
	CHECK(strncmp(answer, first, strlen(first)) == 0);
	CHECK(strstr(answer, within) != NULL);
	if (test_bad_checks)
		printf("# asked: %.200s\n# heard: %.600s\n", text, answer);
	free(answer);
}

/* ---- what holds ---- */

static void routes_are_found_and_their_parameters_decoded(void)
{
	struct server *server = start(&usual);
	check_answer(server, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "quick\n");
	check_answer(server, "GET /things/a%20b/text?q=1%2B1+x&z HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200",
		     "GET /things/a b/text id=a b q=1+1 x address=127.0.0.1 body=");
	check_answer(server, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200", "body=hello");
	check_answer(server, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
		     "HTTP/1.1 200", "body=abcde");
	check_answer(server, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200", "body=");
	check_answer(server, "DELETE /things/7 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "DELETE /things/7 id=7");
	check_answer(server, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404", "\"code\":\"not_found\"");
	check_answer(server, "DELETE /echo HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405", "Allow: GET, HEAD, POST");
	check_answer(server, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 500", "\"code\":\"internal\"");
	CHECK(server_close(server, WAIT_MS));
	CHECK_INTEGER(atomic_load(&contexts_open), 0);
}

static void paths_that_are_not_plain_are_refused(void)
{
	static const char *const paths[] = { "/things/a%2fb/text", "/things/../echo",	"/things/%2e%2e/text",
					     "/things/%00/text",   "/things/%ff/text",	"/things/%zz/text",
					     "/things/a%5cb/text", "/things/%0d%0a/text", "/echo?q=%" };
	struct server *server = start(&usual);
	for (size_t index = 0; index < sizeof paths / sizeof *paths; index++) {
		char text[256];
		(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[index]);
		check_answer(server, text, "HTTP/1.1 400", "\"code\":\"bad_request\"");
	}
	check_answer(server, "GET /things//text HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404", "not_found");
	CHECK(server_close(server, WAIT_MS));
}

static void framing_that_can_be_read_in_two_ways_is_refused_and_the_connection_closed(void)
{
	static const char *const headers[] = {
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
		"Content-Length : 5\r\n",			       "Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: identity\r\n",		       "Content-Length: +5\r\n",
		"Content-Length: 5, 5\r\n",			       "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Host: y\r\n",
	};
	struct server *server = start(&usual);
	for (size_t index = 0; index < sizeof headers / sizeof *headers; index++) {
		char text[512];
		(void)snprintf(text, sizeof text,
			       "POST /echo HTTP/1.1\r\nHost: x\r\n%s\r\nGET /quick HTTP/1.1\r\nHost: x\r\n\r\n", headers[index]);
		char *answer = ask(server, text, NULL);
		CHECK(strncmp(answer, "HTTP/1.1 4", 10) == 0);
		CHECK(strstr(answer, "quick\n") == NULL);
		if (test_bad_checks)
			printf("# %s# heard: %.300s\n", headers[index], answer);
		free(answer);
	}
	CHECK(server_close(server, WAIT_MS));
}

static void every_answer_has_the_request_id_and_the_security_headers(void)
{
	struct server *server = start(&usual);
	static const char *const wanted[] = { "X-Request-Id: my-id-0001",     "X-Content-Type-Options: nosniff",
					      "Cache-Control: no-store",      "X-Frame-Options: DENY",
					      "Content-Security-Policy: default-src 'none'" };
	static const char *const paths[] = { "/quick", "/echo", "/nothing" };
	for (size_t path = 0; path < 3; path++) {
		char text[256];
		(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nX-Request-Id: my-id-0001\r\n\r\n", paths[path]);
		for (size_t index = 0; index < sizeof wanted / sizeof *wanted; index++)
			check_answer(server, text, "HTTP/1.1 ", wanted[index]);
	}
	char *answer = ask(server, "GET /quick HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\n\r\n", "quick\n");
	CHECK(strstr(answer, "a b") == NULL);
	free(answer);
	/* Also one to headers that are refused; some libmicrohttpd 1.0 refuses itself, this not. */
	check_answer(server, "GET /quick HTTP/1.1\r\nHost: x\r\nX-Request-Id: my-id-0001\r\nHost: y\r\n\r\n", "HTTP/1.1 400",
		     "X-Request-Id: my-id-0001");
	CHECK(server_close(server, WAIT_MS));
}

static void a_connection_is_kept_for_the_next_request(void)
{
	struct server *server = start(&usual);
	struct buffer heard = { 0 };
	int client = dial(server);
	for (int turn = 0; turn < 50; turn++) {
		buffer_clear(&heard);
		say(client, turn % 2 ? "GET /echo?q=odd HTTP/1.1\r\nHost: x\r\n\r\n" :
				       "POST /echo?q=even HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
		CHECK(hear(client, &heard, turn % 2 ? "q=odd address=127.0.0.1 body=" : "body=abc"));
	}
	say(client, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?q=second HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(hear(client, &heard, "q=second")); /* pipelined */
	CHECK(server_close(server, WAIT_MS));
	(void)close(client);
	buffer_free(&heard);
}

static void a_body_over_the_limit_is_413_and_one_that_nobody_wants_too(void)
{
	struct server *server = start(&usual);
	check_answer(server, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
		     "HTTP/1.1 413", "too_large");
	check_answer(server, "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 413", "no body");
	struct buffer text = { 0 };
	buffer_append_string(&text, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int index = 0; index < 11; index++)
		buffer_printf(&text, "64\r\n%0100d\r\n", index);
	buffer_append_string(&text, "0\r\n\r\n");
	check_answer(server, text.data, "HTTP/1.1 413", "too_large");
	buffer_free(&text);
	CHECK(server_close(server, WAIT_MS));
}

static void a_streamed_body_arrives_whole_whatever_its_length_and_pace(void)
{
	static const size_t lengths[] = { 0, 1, 8192, 65536, 65537, 1000000, 20000000 };
	struct server *server = start(&usual);
	for (size_t turn = 0; turn < sizeof lengths / sizeof *lengths; turn++) {
		struct buffer heard = { 0 };
		char head[128], wanted[64];
		unsigned sum = 0;
		char *bytes = malloc(lengths[turn] + 1);
		for (size_t index = 0; index < lengths[turn]; index++) {
			bytes[index] = (char)(index * 7 + index / 1000);
			sum = sum * 31 + (unsigned char)bytes[index];
		}
		int client = dial(server);
		(void)snprintf(head, sizeof head, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
			       lengths[turn]);
		say(client, head);
		CHECK(send_all(client, bytes, lengths[turn]));
		(void)snprintf(wanted, sizeof wanted, "%zu %u\n", lengths[turn], sum);
		CHECK(hear(client, &heard, wanted));
		(void)close(client);
		buffer_free(&heard);
		free(bytes);
	}
	CHECK(server_close(server, WAIT_MS));
}

static void an_upload_that_is_refused_need_not_be_sent(void)
{
	struct server *server = start(&usual);
	check_answer(server,
		     "POST /upload HTTP/1.1\r\nHost: x\r\nX-Refuse: 1\r\nContent-Length: 50000000\r\n"
		     "Expect: 100-continue\r\n\r\n",
		     "HTTP/1.1 401", "unauthenticated");
	/* Who waits for it is asked to go on; where the body is there already, the server need not. */
	struct buffer heard = { 0 };
	int client = dial(server);
	say(client, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	CHECK(hear(client, &heard, "\r\n\r\n"));
	CHECK(heard.data && strncmp(heard.data, "HTTP/1.1 100", 12) == 0);
	say(client, "abc");
	CHECK(hear(client, &heard, "HTTP/1.1 200"));
	(void)close(client);
	buffer_free(&heard);
	check_answer(server, "POST /upload HTTP/1.1\r\nHost: x\r\nX-Refuse: 1\r\nContent-Length: 3\r\n\r\nabc"
			     "GET /echo?q=next HTTP/1.1\r\nHost: x\r\n\r\n",
		     "HTTP/1.1 401", "q=next"); /* a small one does not cost the connection */
	check_answer(server, "POST /upload HTTP/1.1\r\nHost: x\r\nX-Stop-Early: 1\r\nContent-Length: 3\r\n\r\nabc"
			     "GET /echo?q=next HTTP/1.1\r\nHost: x\r\n\r\n",
		     "HTTP/1.1 503", "q=next");
	CHECK(server_close(server, WAIT_MS));
}

static void who_sends_a_large_body_in_vain_still_hears_why(void)
{
	struct server *server = start(&usual);
	static char much[200000];
	for (int turn = 0; turn < 20; turn++) {
		struct buffer heard = { 0 };
		int client = dial(server);
		say(client, "POST /upload HTTP/1.1\r\nHost: x\r\nX-Refuse: 1\r\nContent-Length: 50000000\r\n\r\n");
		(void)send_all(client, much, sizeof much); /* more than the server reads before it answers */
		CHECK(hear(client, &heard, "\"code\":\"unauthenticated\""));
		(void)close(client);
		buffer_free(&heard);
	}
	CHECK(server_close(server, WAIT_MS));
}

static void a_client_that_goes_away_in_the_middle_ends_its_handler(void)
{
	struct server *server = start(&usual);
	atomic_store(&last_status, 0);
	int client = dial(server);
	say(client, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc");
	CHECK(wait_until(one_runs, server));
	(void)close(client);
	CHECK(wait_until(none_runs, server));
	CHECK_INTEGER(atomic_load(&last_status), ERROR_UNAVAILABLE);
	CHECK(server_close(server, WAIT_MS));
}

static void clients_that_are_too_slow_are_cut_off(void)
{
	struct server_settings settings = usual;
	settings.request_ms = settings.idle_ms = settings.stall_ms = 400;
	struct server *server = start(&settings);
	struct buffer heard = { 0 };
	static const char *const begun[] = { "", "GET /quick HT", "GET /quick HTTP/1.1\r\nHost: x\r\nX-A: ",
					     "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab",
					     "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab" };
	for (size_t turn = 0; turn < sizeof begun / sizeof *begun; turn++) {
		int64_t start_ms = clock_monotonic_ms();
		int client = dial(server);
		say(client, begun[turn]);
		/* A byte now and then must not help. */
		struct pollfd ready = { .fd = client, .events = POLLIN };
		while (poll(&ready, 1, 50) == 0 && clock_monotonic_ms() - start_ms < WAIT_MS)
			if (turn)
				(void)send(client, "a", 1, MSG_NOSIGNAL);
		CHECK(clock_monotonic_ms() - start_ms < 2500);
		(void)close(client);
		CHECK(wait_until(none_connected, server));
	}
	int client = dial(server); /* an idle one that was used */
	say(client, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(hear(client, &heard, "quick\n"));
	CHECK(!hear(client, &heard, "never"));
	(void)close(client);
	buffer_free(&heard);
	CHECK(server_close(server, WAIT_MS));
}

static void a_slow_handler_is_not_a_slow_client(void)
{
	struct server_settings settings = usual;
	settings.request_ms = settings.idle_ms = settings.stall_ms = 200;
	struct server *server = start(&settings);
	struct buffer heard = { 0 };
	int client = dial(server);
	say(client, "GET /gated HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(wait_until(one_runs, server));
	clock_sleep_ms(900); /* far beyond every limit: what is shown is that nothing happens */
	atomic_store(&gate_open, true);
	CHECK(hear(client, &heard, "late\n"));
	(void)close(client);
	buffer_free(&heard);
	CHECK(server_close(server, WAIT_MS));
}

static void one_address_has_only_so_many_connections(void)
{
	struct server_settings settings = usual;
	settings.connections_per_address = 3;
	struct server *server = start(&settings);
	int clients[3];
	for (int index = 0; index < 3; index++) {
		struct buffer heard = { 0 };
		clients[index] = dial(server);
		say(clients[index], "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n");
		CHECK(hear(clients[index], &heard, "quick\n"));
		buffer_free(&heard);
	}
	char *answer = ask(server, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n", "quick\n");
	CHECK_STRING(answer, "");
	free(answer);
	for (int index = 0; index < 3; index++)
		(void)close(clients[index]);
	CHECK(wait_until(none_connected, server));
	check_answer(server, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "quick\n");
	CHECK(server_close(server, WAIT_MS));
}

static void only_trusted_proxies_say_who_the_client_is(void)
{
	static const char *const proxies[] = { "127.0.0.0/8", "10.1.2.3", NULL };
	static const char text[] = "GET /echo HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6, 198.51.100.7, 10.1.2.3\r\n\r\n";
	struct server_settings settings = usual;
	struct server *server = start(&settings);
	check_answer(server, text, "HTTP/1.1 200", "address=127.0.0.1 ");
	CHECK(server_close(server, WAIT_MS));
	settings.trusted_proxies = proxies;
	server = start(&settings);
	check_answer(server, text, "HTTP/1.1 200", "address=198.51.100.7 ");
	check_answer(server, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 2001:db8::1\r\n\r\n", "HTTP/1.1 200",
		     "address=2001:db8::1 ");
	check_answer(server, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: nonsense\r\n\r\n", "HTTP/1.1 200",
		     "address=127.0.0.1 ");
	CHECK(server_close(server, WAIT_MS));
}

static void a_full_queue_answers_503_at_once(void)
{
	struct server_settings settings = usual;
	settings.workers = 1;
	settings.queued_requests = 2;
	struct server *server = start(&settings);
	int clients[8];
	int busy = 0;
	for (int index = 0; index < 8; index++) {
		clients[index] = dial(server);
		say(clients[index], "GET /gated HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	struct buffer heard[8] = { { 0 } };
	for (int64_t until_ms = clock_monotonic_ms() + WAIT_MS; busy < 5 && clock_monotonic_ms() < until_ms;) {
		busy = 0;
		for (int index = 0; index < 8; index++) {
			char *room = buffer_reserve(&heard[index], 2048);
			ssize_t length = recv(clients[index], room, 2048, MSG_DONTWAIT);
			buffer_added(&heard[index], length > 0 ? (size_t)length : 0);
			busy += heard[index].data && strstr(heard[index].data, "\"code\":\"busy\"") != NULL;
		}
	}
	CHECK(busy == 5 || busy == 6); /* one runs (or has not been taken yet), two wait */
	check_answer(server, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "quick\n");
	atomic_store(&gate_open, true);
	for (int index = 0; index < 8; index++) {
		CHECK(hear(clients[index], &heard[index], "\r\n\r\n"));
		(void)close(clients[index]);
		buffer_free(&heard[index]);
	}
	CHECK(server_close(server, WAIT_MS));
}

static void a_stream_sends_as_it_comes_and_ends_with_the_server(void)
{
	struct server *server = start(&usual);
	struct buffer heard = { 0 };
	atomic_store(&kept_stream, NULL);
	int client = dial(server);
	say(client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(hear(client, &heard, ": hello"));
	CHECK(wait_until(has_stream, server));
	struct server_stream *made = atomic_load(&kept_stream);
	CHECK(server_stream_send(made, "data: 1\n\n", 9));
	CHECK(hear(client, &heard, "data: 1"));
	CHECK(server_stream_send(made, "data: 2\n\n", 9));
	CHECK(hear(client, &heard, "data: 2"));
	CHECK(server_close(server, WAIT_MS));
	CHECK(hear(client, &heard, "0\r\n\r\n"));
	CHECK(!server_stream_send(made, "x", 1));
	server_stream_end(made);
	(void)close(client);
	buffer_free(&heard);
}

static void a_stream_notices_that_nobody_reads_or_listens(void)
{
	static char much[60000];
	struct server *server = start(&usual);
	atomic_store(&kept_stream, NULL);
	int client = dial(server);
	say(client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(wait_until(has_stream, server));
	struct server_stream *made = atomic_load(&kept_stream);
	int sent = 0;
	while (sent < 10000 && server_stream_send(made, much, sizeof much))
		sent++;
	CHECK(sent < 10000); /* the client reads nothing: bounded */
	(void)close(client);
	int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
	while (server_running(server) > 0 && clock_monotonic_ms() < until_ms)
		(void)server_stream_send(made, ":\n\n", 3);
	CHECK_INTEGER(server_running(server), 0);
	CHECK(!server_stream_send(made, ":\n\n", 3));
	server_stream_end(made);
	CHECK(server_close(server, WAIT_MS));
}

static void draining_lets_running_requests_end_and_takes_no_new_connections(void)
{
	struct server *server = start(&usual);
	struct buffer heard = { 0 };
	int client = dial(server);
	say(client, "GET /gated HTTP/1.1\r\nHost: x\r\n\r\n");
	CHECK(wait_until(one_runs, server));
	CHECK(!server_draining(server));
	server_drain(server);
	CHECK(server_draining(server));
	char *answer = ask(server, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n", NULL); /* still served, then closed */
	CHECK(strstr(answer, "Connection: close") && strstr(answer, "quick\n"));
	free(answer);
	CHECK(!server_close(server, 100)); /* it runs still: nothing is freed */
	atomic_store(&gate_open, true);
	CHECK(hear(client, &heard, "late\n"));
	CHECK(server_close(server, WAIT_MS));
	(void)close(client);
	buffer_free(&heard);
}

static void it_listens_on_a_unix_socket_too(void)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/tmp/filot-server-test-%d", (int)getpid());
	struct server_settings settings = usual;
	settings.listen = NULL;
	settings.socket = path;
	struct server *server = start(&settings);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	struct buffer heard = { 0 };
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
	say(client, "GET /echo HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n");
	CHECK(hear(client, &heard, "address=198.51.100.9 "));
	(void)close(client);
	buffer_free(&heard);
	CHECK(server_close(server, WAIT_MS));
	CHECK(access(path, F_OK) != 0);
}

static void a_port_that_is_taken_or_no_address_is_an_error(void)
{
	struct server *server = start(&usual);
	struct server_settings settings = usual;
	char address[32];
	struct error error = { 0 };
	(void)snprintf(address, sizeof address, "127.0.0.1:%d", server_port(server));
	settings.listen = address;
	CHECK(!server_open(&settings, &error));
	CHECK_INTEGER(error.code, ERROR_UNAVAILABLE);
	settings.listen = "8080";
	CHECK(!server_open(&settings, &error));
	CHECK_INTEGER(error.code, ERROR_CONFIG);
	CHECK(server_close(server, WAIT_MS));
}

static void idle_and_slow_connections_do_not_hinder_quick_ones(void)
{
	enum { IDLE = 400, SLOW = 100 };
	static int clients[IDLE + SLOW];
	struct server *server = start(&usual);
	for (int index = 0; index < IDLE + SLOW; index++) {
		clients[index] = dial(server);
		say(clients[index], index < IDLE ? "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n" :
						   "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na");
	}
	int64_t longest_ms = 0;
	for (int turn = 0; turn < 50; turn++) {
		int64_t start_ms = clock_monotonic_ms();
		check_answer(server, "GET /echo?q=x HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "q=x");
		int64_t took_ms = clock_monotonic_ms() - start_ms;
		longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
	}
	CHECK(longest_ms < 1000);
	CHECK(server_connections(server) >= IDLE + SLOW);
	for (int index = 0; index < IDLE + SLOW; index++)
		(void)close(clients[index]);
	CHECK(server_close(server, WAIT_MS));
}

int main(void)
{
	log_open("server_test", LOG_LEVEL_ERROR);
	stop_install();
	TEST(routes_are_found_and_their_parameters_decoded);
	TEST(paths_that_are_not_plain_are_refused);
	TEST(framing_that_can_be_read_in_two_ways_is_refused_and_the_connection_closed);
	TEST(every_answer_has_the_request_id_and_the_security_headers);
	TEST(a_connection_is_kept_for_the_next_request);
	TEST(a_body_over_the_limit_is_413_and_one_that_nobody_wants_too);
	TEST(a_streamed_body_arrives_whole_whatever_its_length_and_pace);
	TEST(an_upload_that_is_refused_need_not_be_sent);
	TEST(who_sends_a_large_body_in_vain_still_hears_why);
	TEST(a_client_that_goes_away_in_the_middle_ends_its_handler);
	TEST(clients_that_are_too_slow_are_cut_off);
	TEST(a_slow_handler_is_not_a_slow_client);
	TEST(one_address_has_only_so_many_connections);
	TEST(only_trusted_proxies_say_who_the_client_is);
	TEST(a_full_queue_answers_503_at_once);
	TEST(a_stream_sends_as_it_comes_and_ends_with_the_server);
	TEST(a_stream_notices_that_nobody_reads_or_listens);
	TEST(draining_lets_running_requests_end_and_takes_no_new_connections);
	TEST(it_listens_on_a_unix_socket_too);
	TEST(a_port_that_is_taken_or_no_address_is_an_error);
	TEST(idle_and_slow_connections_do_not_hinder_quick_ones);
	CHECK(atomic_load(&events_seen) > 0);
	return test_done();
}
