/* filot-api: the backend's HTTP API. See filot-api(1). */
#include <sodium.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/filot-api/api.h"
#include "cmd/filot-api/auth.h"
#include "cmd/filot-api/documents.h"
#include "cmd/filot-api/evaluator.h"
#include "cmd/filot-api/rates.h"
#include "cmd/filot-api/service.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/base/version.h"
#include "common/http/http.h"
#include "common/redis/metrics_publish.h"

static bool open_health(struct api *api, struct error *error)
{
	const struct api_settings *settings = api->settings;
	const struct health_services services = {
		.command = "filot-api",
		.redis_url = settings->redis_url,
		.redis_ca = settings->redis_ca,
		.queue_name = settings->queue_name,
		.database_url = settings->database_url,
		.r2_endpoint = settings->r2_endpoint,
		.r2_access_key = settings->r2_access_key,
		.r2_secret_key = settings->r2_secret_key,
		.r2_bucket = settings->r2_bucket,
		.r2_region = settings->r2_region,
		.temporal = settings->temporal,
	};
	struct health_check checks[HEALTH_SERVICE_COUNT];
	if (!health_services_open(&services, checks, error))
		return false;
	api->health = health_start(checks, HEALTH_SERVICE_COUNT, 0, error);
	return api->health != NULL;
}

static bool open_server(struct api *api, struct error *error)
{
	static const char *const headers[] = { "Strict-Transport-Security: max-age=31536000", NULL };
	const struct api_settings *settings = api->settings;
	const struct server_settings serving = {
		.listen = settings->listen,
		.socket = settings->socket,
		.routes = api_routes,
		.shared = api,
		.worker_open = api_context_open,
		.worker_close = api_context_close,
		.observe = service_observe,
		.trusted_proxies = settings->trusted_proxies_list,
		.io_threads = (int)settings->io_threads,
		.workers = (int)settings->workers,
		.stream_workers = (int)settings->stream_workers,
		.connections = (int)settings->connections,
		.connections_per_address = (int)settings->connections_per_address,
		.request_ms = settings->request_ms,
		.idle_ms = settings->idle_ms,
		.headers = headers,
	};
	api->server = server_open(&serving, error);
	return api->server != NULL;
}

static void wait_for_stop(struct api *api, struct metrics_publisher *publisher)
{
	log_info("serving", log_string("version", FILOT_VERSION), log_string("listen", api->settings->listen),
		 log_integer("port", server_port(api->server)), log_string("socket", api->settings->socket));
	while (!stop_requests) {
		metrics_set(api->metrics, METRIC_API_CONNECTIONS, server_connections(api->server),
			    metrics_publisher_process(publisher));
		clock_sleep_ms(1000);
	}
}

/* Readiness goes red first, so that load balancers look elsewhere before anything is refused. */
static bool drain(struct api *api)
{
	int64_t grace_until_ms = clock_monotonic_ms() + api->settings->drain_grace_ms;
	log_info("draining", log_integer("running", server_running(api->server)),
		 log_integer("connections", server_connections(api->server)));
	server_drain(api->server);
	while (stop_requests < 2 && clock_monotonic_ms() < grace_until_ms)
		clock_sleep_ms(grace_until_ms - clock_monotonic_ms());
	documents_drain(api->documents);
	return server_close(api->server, stop_requests < 2 ? api->settings->drain_ms : 0);
}

/* -1: *error says why it did not begin. */
static int serve(struct api *api, struct error *error)
{
	struct metrics_publisher *publisher = NULL;
	struct evaluator *evaluator = NULL;
	const struct metrics_publish_settings publishing = { .redis_url = api->settings->redis_url,
							     .redis_ca = api->settings->redis_ca,
							     .queue_name = api->settings->queue_name,
							     .command = "filot-api" };
	bool good = (api->metrics = metrics_new(error)) && (api->auth = auth_new(api->settings, error)) &&
		    (api->rates = rates_new(error)) && service_open(api, error) && open_health(api, error) &&
		    (api->documents = documents_open(api->settings, error));
	if (good) {
		struct metrics_publish_settings settings = publishing;
		settings.metrics = api->metrics;
		good = (publisher = metrics_publisher_start(&settings, error)) &&
		       (evaluator = evaluator_open(api->settings, error)) && open_server(api, error);
	}
	if (good) {
		wait_for_stop(api, publisher);
		if (!drain(api)) {
			/* Threads still use what would be freed. Their clients' requests are cut off by the exit. */
			log_warning("drain_timeout", log_integer("running", server_running(api->server)));
			_exit(EX_TEMPFAIL);
		}
		log_info("drained");
	}
	evaluator_close(evaluator);
	documents_close(api->documents);
	metrics_publisher_stop(publisher);
	health_stop(api->health);
	rates_free(api->rates);
	auth_free(api->auth);
	metrics_free(api->metrics);
	return good ? EX_OK : -1;
}

int main(int argc, char **argv)
{
	struct api_settings settings;
	struct options options;
	struct error error = { 0 };
	const struct command command = api_command(&settings);
	struct api api = { .settings = &settings };
	enum options_outcome outcome = options_parse(&command, &options, argc, argv, &error);
	int status = outcome == OPTIONS_DONE ? EX_OK : -1;
	if (outcome == OPTIONS_DONE && options.checked && !api_settings_check(&settings, &error))
		status = -1;
	if (outcome == OPTIONS_RUN) {
		stop_install();
		if (options.operands.count)
			(void)error_set(&error, ERROR_USAGE, "\"%s\": there are no operands", options.operands.items[0]);
		else if (sodium_init() < 0)
			(void)error_set(&error, ERROR_INTERNAL, "libsodium does not start");
		else if (api_settings_check(&settings, &error) && http_setup(&error))
			status = serve(&api, &error);
	}
	if (status < 0)
		status = options_exit(&command, &error);
	api_settings_free(&settings);
	options_free(&options, &command);
	return status;
}
