/* filot-healthd: looks at FiLot's services and queue again and again, and tells what it saw. See filot-healthd(1). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/filot-healthd/emf.h"
#include "cmd/filot-healthd/probe.h"
#include "cmd/filot-healthd/serve.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/stop.h"
#include "common/http/http.h"

#define FIRST_PROBES_MS 7000 /* two timeouts */
#define DRAIN_MS 5000

struct daemon {
	const struct healthd_settings *settings;
	struct health *health;
	struct collector *collector;
};

static bool open_health(struct daemon *daemon, struct error *error)
{
	const struct healthd_settings *s = daemon->settings;
	const struct health_services services = {
		.command = "filot-healthd",
		.redis_url = s->redis_url,
		.redis_ca = s->redis_ca,
		.queue_name = s->queue_name,
		.database_url = s->database_url,
		.r2_endpoint = s->r2_endpoint,
		.r2_access_key = s->r2_access_key,
		.r2_secret_key = s->r2_secret_key,
		.r2_bucket = s->r2_bucket,
		.r2_region = s->r2_region,
		.temporal = s->temporal,
		.visibility_ms = s->visibility_ms,
		.oldest_degraded_ms = s->oldest_ms,
	};
	struct health_check checks[HEALTH_SERVICE_COUNT];
	if (!health_services_open(&services, checks, error))
		return false;
	daemon->health = health_start(checks, HEALTH_SERVICE_COUNT, s->interval_ms, error);
	return daemon->health != NULL;
}

/* One line of figures; what was counted since the last one is told in the next one when this one's base is not known. */
static bool print_emf(struct daemon *daemon, struct figures *figures, struct error *error)
{
	struct figures_totals last;
	struct buffer line = { 0 };
	struct error why = { 0 };
	bool known = false;
	if (figures->totals_known && !collector_swap_told(daemon->collector, &figures->totals, &last, &known, &why)) {
		figures->totals_known = false;
		log_warning("figures_not_swapped", log_failure(&why));
	}
	bool healthy = health_overall(daemon->health) == HEALTH_OK;
	emf_write(figures, known ? &last : NULL, daemon->settings->service, healthy, &line);
	bool good = !line.failed && fwrite(line.data, 1, line.length, stdout) == line.length && fflush(stdout) == 0;
	if (!good)
		(void)error_set(error, ERROR_INTERNAL, "standard output: %s", strerror(errno));
	buffer_free(&line);
	return good;
}

static void wait_until(int64_t monotonic_ms)
{
	for (int64_t left_ms; !stop_requests && (left_ms = monotonic_ms - clock_monotonic_ms()) > 0;)
		clock_sleep_ms(left_ms < 200 ? left_ms : 200);
}

/* Looks until a signal comes. */
static bool watch(struct daemon *daemon, struct error *error)
{
	struct figures figures;
	/* So that the first figures do not say that all is unknown. */
	(void)health_wait_first(daemon->health, FIRST_PROBES_MS);
	int64_t look_ms = clock_monotonic_ms(), emf_ms = look_ms;
	while (!stop_requests) {
		collector_look(daemon->collector, &figures);
		bool due = daemon->settings->emf && clock_monotonic_ms() >= emf_ms;
		if (due && !print_emf(daemon, &figures, error))
			return false;
		for (; due && emf_ms <= clock_monotonic_ms(); emf_ms += daemon->settings->emf_ms)
			; /* lines that were missed are not made up for */
		look_ms = clock_monotonic_ms() + daemon->settings->interval_ms;
		wait_until(daemon->settings->emf && emf_ms < look_ms ? emf_ms : look_ms);
	}
	return true;
}

static bool serve(struct daemon *daemon, struct error *error)
{
	struct serve serve = { .settings = daemon->settings, .collector = daemon->collector, .health = daemon->health };
	struct server *server = serve_open(&serve, error);
	if (!server)
		return false;
	log_info("ready", log_string("listen", daemon->settings->listen), log_integer("port", server_port(server)),
		 log_string("socket", daemon->settings->socket));
	bool good = watch(daemon, error);
	server_drain(server);
	if (!server_close(server, DRAIN_MS))
		log_warning("requests_cut_off");
	log_info("stopped");
	return good;
}

static bool run(const struct healthd_settings *settings, struct error *error)
{
	struct daemon daemon = { .settings = settings };
	struct figures figures;
	bool good = open_health(&daemon, error);
	daemon.collector = good ? collector_new(settings, daemon.health, error) : NULL;
	good = daemon.collector != NULL;
	if (good && settings->once) {
		(void)health_wait_first(daemon.health, FIRST_PROBES_MS);
		collector_look(daemon.collector, &figures);
		good = print_emf(&daemon, &figures, error);
	} else if (good) {
		good = serve(&daemon, error);
	}
	health_stop(daemon.health);
	collector_free(daemon.collector);
	return good;
}

int main(int argc, char **argv)
{
	struct healthd_settings settings;
	struct options options;
	struct error error = { 0 };
	const struct command command = healthd_command(&settings);
	enum options_outcome outcome = options_parse(&command, &options, argc, argv, &error);
	int status = EX_OK;
	if (outcome == OPTIONS_RUN) {
		stop_install();
		outcome = OPTIONS_FAILED;
		if (!healthd_settings_check(&settings, options.operands.count, &error) || !http_setup(&error))
			; /* told below */
		else if (settings.probe ? probe_ask(options.operands.items[0], settings.probe_ms, &error) :
					  run(&settings, &error))
			outcome = OPTIONS_RUN;
	}
	if (outcome == OPTIONS_FAILED) {
		status = options_exit(&command, &error);
		/* container engines know healthy and unhealthy only */
		if (settings.probe && error.code == ERROR_UNAVAILABLE)
			status = 1;
	}
	options_free(&options, &command);
	return status;
}
