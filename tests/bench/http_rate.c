/*
 * usage: http_rate PORT PATH RATE SECONDS CONNECTIONS [HEADER]
 *
 * GETs PATH from 127.0.0.1:PORT at a constant rate (requests/s) over so many kept connections, and prints one JSON object:
 * requests, errors (anything but 2xx, and broken connections), the rate that was reached, and percentiles of the latency
 * in ms. Each request has a time when it is due, and its latency counts from there, whether or not a connection was free
 * then: a server that stops for a moment is charged for all who would have come meanwhile, which a client that waits for
 * an answer before it asks again would not notice (coordinated omission).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_BYTES 65536
#define EVENTS 64
#define AFTER_NS INT64_C(2000000000) /* for the last answers */

struct connection {
	int descriptor;
	int64_t due_ns; /* of its request under way; 0: it is free */
	size_t length;
	struct connection *next_free;
	char answer[ANSWER_BYTES];
};

struct load {
	int epoll;
	char request[4096];
	size_t request_length;
	struct connection *connections, *free;
	int64_t start_ns, interval_ns;
	size_t count, sent, ended, errors;
	int32_t *latencies_us;
};

static int64_t now_ns(void)
{
	struct timespec time;
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "http_rate: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_connection(struct load *load, struct connection *connection, uint16_t port)
{
	const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
	const int on = 1;
	connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->descriptor < 0 ||
	    connect(connection->descriptor, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
	    epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->descriptor, &event) != 0)
		die("connecting");
	connection->next_free = load->free;
	load->free = connection;
}

/* All that is due and has a free connection. */
static void send_due(struct load *load)
{
	while (load->free && load->sent < load->count) {
		int64_t due_ns = load->start_ns + (int64_t)load->sent * load->interval_ns;
		struct connection *connection = load->free;
		if (due_ns > now_ns())
			return;
		load->free = connection->next_free;
		load->sent++;
		connection->due_ns = due_ns;
		connection->length = 0;
		if (send(connection->descriptor, load->request, load->request_length, MSG_NOSIGNAL) !=
		    (ssize_t)load->request_length)
			die("sending");
	}
}

/* The length of the whole answer; 0 while its header is not there. */
static size_t answer_length(const struct connection *connection)
{
	const char *end = strstr(connection->answer, "\r\n\r\n");
	const char *length = strcasestr(connection->answer, "\r\nContent-Length:");
	if (!end)
		return 0;
	if (!length || length > end) {
		errno = EPROTO;
		die("an answer without Content-Length");
	}
	return (size_t)(end + 4 - connection->answer) + strtoul(length + 17, NULL, 10);
}

static void receive(struct load *load, struct connection *connection)
{
	ssize_t got = recv(connection->descriptor, connection->answer + connection->length,
			   ANSWER_BYTES - 1 - connection->length, 0);
	if (got <= 0)
		die("the server closed a connection");
	connection->length += (size_t)got;
	connection->answer[connection->length] = '\0';
	size_t whole = answer_length(connection);
	if (!whole || connection->length < whole)
		return;
	load->latencies_us[load->ended++] = (int32_t)((now_ns() - connection->due_ns) / 1000);
	load->errors += strncmp(connection->answer, "HTTP/1.1 2", 10) != 0;
	connection->next_free = load->free;
	load->free = connection;
}

static void run(struct load *load)
{
	int64_t end_ns = load->start_ns + (int64_t)load->count * load->interval_ns + AFTER_NS;
	while (load->ended < load->count && now_ns() < end_ns) {
		struct epoll_event events[EVENTS];
		int64_t wait_ns = load->start_ns + (int64_t)load->sent * load->interval_ns - now_ns();
		if (load->sent == load->count || !load->free)
			wait_ns = 100000000;
		const struct timespec wait = { .tv_sec = wait_ns > 0 ? wait_ns / 1000000000 : 0,
					       .tv_nsec = wait_ns > 0 ? wait_ns % 1000000000 : 0 };
		int count = epoll_pwait2(load->epoll, events, EVENTS, &wait, NULL);
		for (int index = 0; index < count; index++)
			receive(load, events[index].data.ptr);
		send_due(load);
	}
}

static int compare(const void *one, const void *other)
{
	int32_t a = *(const int32_t *)one, b = *(const int32_t *)other;
	return (a > b) - (a < b);
}

static double percentile(const struct load *load, double part)
{
	size_t index = (size_t)((double)load->ended * part);
	return (double)load->latencies_us[index < load->ended ? index : load->ended - 1] / 1000;
}

static void report(struct load *load, double seconds)
{
	size_t lost = load->count - load->ended;
	if (!load->ended) {
		errno = ETIMEDOUT;
		die("no answer");
	}
	qsort(load->latencies_us, load->ended, sizeof *load->latencies_us, compare);
	printf("{\"requests\":%zu,\"errors\":%zu,\"rate\":%.1f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}\n",
	       load->ended, load->errors + lost, (double)load->ended / seconds, percentile(load, 0.5), percentile(load, 0.9),
	       percentile(load, 0.99), percentile(load, 0.999), percentile(load, 1));
}

int main(int argc, char **argv)
{
	struct load load = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
	double rate = argc > 5 ? strtod(argv[3], NULL) : 0, seconds = argc > 5 ? strtod(argv[4], NULL) : 0;
	long connections = argc > 5 ? strtol(argv[5], NULL, 10) : 0;
	if (!(rate >= 1) || !(seconds > 0) || connections < 1 || argc > 7) {
		fputs("usage: http_rate PORT PATH RATE SECONDS CONNECTIONS [HEADER]\n", stderr);
		return 64;
	}
	load.request_length = (size_t)snprintf(load.request, sizeof load.request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s\r\n",
					       argv[2], argc == 7 ? argv[6] : "", argc == 7 ? "\r\n" : "");
	load.count = (size_t)(rate * seconds);
	load.interval_ns = (int64_t)(1e9 / rate);
	load.connections = calloc((size_t)connections, sizeof *load.connections);
	load.latencies_us = calloc(load.count, sizeof *load.latencies_us);
	if (!load.connections || !load.latencies_us || load.request_length >= sizeof load.request)
		die("memory");
	for (long index = 0; index < connections; index++)
		open_connection(&load, &load.connections[index], (uint16_t)strtoul(argv[1], NULL, 10));
	load.start_ns = now_ns();
	run(&load);
	report(&load, (double)(now_ns() - load.start_ns) / 1e9);
	for (long index = 0; index < connections; index++)
		(void)close(load.connections[index].descriptor);
	free(load.connections);
	free(load.latencies_us);
	return 0;
}
