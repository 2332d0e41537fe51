/* The handlers. */
#include "cmd/filot-healthd/serve.h"

#include "common/base/clock.h"
#include "common/http/problem.h"
#include "status_page_html.h"

#define IO_THREADS 1
#define CONNECTIONS 512
#define JSON_TYPE "application/json"

/* ---- health ---- */

static void answer_livez(struct server_request *request, void *context)
{
	const struct serve *serve = context;
	int64_t ago_ms = clock_monotonic_ms() - collector_looked_ms(serve->collector);
	if (ago_ms > serve->settings->stuck_ms + serve->settings->interval_ms)
		problem_answerf(request, 503, "stuck", "the last look ended %lld s ago", (long long)ago_ms / 1000);
	else
		server_answer_text(request, 200, JSON_TYPE, "{\"status\":\"ok\"}\n");
}

static void answer_health(struct server_request *request, void *context)
{
	struct serve *serve = context;
	struct buffer json = { 0 };
	enum health_status status = health_write(serve->health, &json);
	buffer_append_char(&json, '\n');
	server_answer(request, status == HEALTH_DOWN ? 503 : 200, JSON_TYPE, &json);
}

static void answer_readyz(struct server_request *request, void *context)
{
	if (server_draining(server_request_server(request)))
		problem_answer(request, 503, "draining", "the daemon ends");
	else
		answer_health(request, context);
}

/* ---- figures ---- */

static void answer_unknown(struct server_request *request, struct buffer *unused)
{
	buffer_free(unused);
	server_answer_header(request, "Retry-After", "2");
	problem_answer(request, 503, "not_yet", "nothing was looked at yet");
}

static void answer_metrics(struct server_request *request, void *context)
{
	struct serve *serve = context;
	struct buffer text = { 0 };
	if (collector_metrics(serve->collector, &text))
		server_answer(request, 200, METRICS_CONTENT_TYPE, &text);
	else
		answer_unknown(request, &text);
}

static void answer_status(struct server_request *request, void *context)
{
	struct serve *serve = context;
	struct buffer json = { 0 };
	buffer_append_string(&json, "{\"v\":1,\"health\":");
	(void)health_write(serve->health, &json);
	buffer_append_char(&json, ',');
	if (!collector_status(serve->collector, &json)) {
		answer_unknown(request, &json);
		return;
	}
	buffer_append_string(&json, "}\n");
	server_answer(request, 200, JSON_TYPE, &json);
}

static void answer_history(struct server_request *request, void *context)
{
	struct serve *serve = context;
	struct buffer json = { 0 };
	if (collector_history(serve->collector, &json))
		server_answer(request, 200, JSON_TYPE, &json);
	else
		answer_unknown(request, &json);
}

static void answer_page(struct server_request *request, void *context)
{
	const struct serve *serve = context;
	server_answer_header(request, "Content-Security-Policy", serve->policy);
	server_answer_static(request, 200, "text/html; charset=utf-8", status_page_html, sizeof status_page_html - 1);
}

struct server *serve_open(struct serve *serve, struct error *error)
{
	static const struct server_route routes[] = {
		{ "GET", "/livez", answer_livez, .quick = true, .quiet = true },
		{ "GET", "/readyz", answer_readyz, .quick = true, .quiet = true },
		{ "GET", "/health", answer_health, .quick = true, .quiet = true },
		{ "GET", "/metrics", answer_metrics, .quick = true, .quiet = true },
		{ "GET", "/status.json", answer_status, .quick = true, .quiet = true },
		{ "GET", "/history.json", answer_history, .quick = true, .quiet = true },
		{ "GET", "/", answer_page, .quick = true },
		{ 0 },
	};
	const struct server_settings settings = { .listen = serve->settings->listen, .socket = serve->settings->socket,
						  .routes = routes, .shared = serve, .io_threads = IO_THREADS,
						  .workers = 1, .stream_workers = 1, .connections = CONNECTIONS };
	return page_policy(status_page_html, serve->policy, error) ? server_open(&settings, error) : NULL;
}
