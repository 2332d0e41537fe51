/* Health, figures, and the description. */
#include "cmd/filot-api/service.h"

#include <stdio.h>

#include "common/base/version.h"
#include "docs_html.h"
#include "openapi_json.h"

bool service_open(struct api *api, struct error *error)
{
	return page_policy(docs_html, api->docs_policy, error);
}

void service_observe(void *shared, const struct server_event *event)
{
	struct api *api = shared;
	char status[16];
	(void)snprintf(status, sizeof status, "%d", event->status);
	metrics_count(api->metrics, METRIC_API_REQUESTS, 1, event->route, event->method, status);
	metrics_time_us(api->metrics, METRIC_API_SECONDS, event->duration_us, event->route);
}

void service_health(struct server_request *request, void *context)
{
	const struct api *api = context;
	struct buffer body = { 0 };
	enum health_status status = health_write_public(api->health, &body);
	server_answer(request, status == HEALTH_DOWN ? 503 : 200, "application/json", &body);
}

void service_live(struct server_request *request, void *context)
{
	(void)context;
	server_answer_static(request, 200, "application/json", "{\"status\":\"ok\"}\n", 16);
}

void service_ready(struct server_request *request, void *context)
{
	const struct api *api = context;
	if (server_draining(server_request_server(request)))
		server_answer_text(request, 503, "application/json", "{\"status\":\"draining\"}\n");
	else if (health_overall(api->health) == HEALTH_DOWN)
		server_answer_text(request, 503, "application/json", "{\"status\":\"down\"}\n");
	else
		server_answer_static(request, 200, "application/json", "{\"status\":\"ok\"}\n", 16);
}

void service_metrics(struct server_request *request, void *context)
{
	const struct api *api = context;
	struct buffer body = { 0 };
	health_metrics(api->health, api->metrics);
	metrics_set(api->metrics, METRIC_BUILD, 1, FILOT_VERSION);
	metrics_render(api->metrics, &body);
	server_answer(request, 200, METRICS_CONTENT_TYPE, &body);
}

void service_openapi(struct server_request *request, void *context)
{
	(void)context;
	server_answer_header(request, "Cache-Control", "public, max-age=300");
	server_answer_header(request, "Access-Control-Allow-Origin", "*");
	server_answer_header(request, "Cross-Origin-Resource-Policy", "cross-origin");
	server_answer_static(request, 200, "application/json", openapi_json, sizeof openapi_json - 1);
}

void service_docs(struct server_request *request, void *context)
{
	const struct api *api = context;
	server_answer_header(request, "Cache-Control", "public, max-age=300");
	server_answer_header(request, "Content-Security-Policy", api->docs_policy);
	server_answer_static(request, 200, "text/html; charset=utf-8", docs_html, sizeof docs_html - 1);
}
