/* The table of filot-smoke's flags and settings. */
#include "cmd/filot-smoke/settings.h"

#include <string.h>
#include <strings.h>

#include "cmd/filot-smoke/check.h"
#include "common/redis/redis_options.h"

static void set_defaults(struct smoke_settings *settings)
{
	*settings = (struct smoke_settings){
		.timeout_ms = 10 * 1000,
		.canary_timeout_ms = 2 * 60 * 1000,
		.backend_cluster = "filot-backend-cluster",
		.backend_service = "filot-backend-service",
		.ocr_gpu_cluster = "filot-ocr-gpu-cluster",
		.ocr_gpu_service = "filot-ocr-gpu-service",
		.backend_log_group = "/ecs/filot-backend",
		.ocr_gpu_log_group = "/ecs/filot-ocr-gpu-worker",
		.queue_name = "ocr",
		.aws.region = "ap-southeast-2",
	};
}

/* Two tables in one array: what is looked at, then AWS. */
static size_t add_checks(struct smoke_settings *s)
{
	const struct option_row table[] = {
		{ "api-url", 0, OPTION_STRING, &s->api_url, "URL", "the API to look at", .setting = "FILOT_API_URL",
		  .required_if = &options_always },
		{ "jwt", 0, OPTION_STRING, &s->jwt, "TOKEN", "a user's access token; better given by FILOT_SMOKE_JWT",
		  .setting = "FILOT_SMOKE_JWT", .secret = true },
		{ "canary", 0, OPTION_FLAG, &s->canary, NULL, "also send a document through the whole system" },
		{ "only", 0, OPTION_LIST, &s->only, "CHECK", "only this check; may be repeated" },
		{ "retry", 'r', OPTION_INTEGER, &s->retry, "N", "try a check that failed so often again (0)", .maximum = 100 },
		{ "timeout", 't', OPTION_DURATION, &s->timeout_ms, "TIME", "longest time for a request (10s)",
		  .minimum = 100, .maximum = 600000 },
		{ "canary-timeout", 0, OPTION_DURATION, &s->canary_timeout_ms, "TIME",
		  "the canary must be read back within this (2m)", .minimum = 1000, .maximum = 3600000 },
		{ "verbose", 'v', OPTION_FLAG, &s->verbose, NULL, "say what was seen, and how long it took" },
		{ "tap", 0, OPTION_FLAG, &s->tap, NULL, "TAP on standard output" },
		{ "json", 0, OPTION_FLAG, &s->json, NULL, "JSON lines on standard output" },
		{ "junit", 0, OPTION_STRING, &s->junit, "FILE", "a JUnit report, too" },
		REDIS_OPTIONS(s, "look at the queue itself, too; rediss:// is TLS"),
		{ "queue-name", 0, OPTION_STRING, &s->queue_name, "NAME", "which queue (ocr)", .setting = "FILOT_QUEUE_NAME" },
		{ NULL, 0, OPTION_STRING, &s->service_key, NULL, "sends the canary where there is no user's token",
		  .setting = "FILOT_SERVICE_KEY", .secret = true },
	};
	memcpy(s->rows, table, sizeof table);
	return sizeof table / sizeof *table;
}

static void add_aws(struct smoke_settings *s, size_t count)
{
	const struct option_row table[] = {
		{ "backend-cluster", 0, OPTION_STRING, &s->backend_cluster, "NAME", "ECS (filot-backend-cluster)",
		  .setting = "FILOT_BACKEND_CLUSTER" },
		{ "backend-service", 0, OPTION_STRING, &s->backend_service, "NAME", "ECS (filot-backend-service)",
		  .setting = "FILOT_BACKEND_SERVICE" },
		{ "backend-log-group", 0, OPTION_STRING, &s->backend_log_group, "NAME", "CloudWatch (/ecs/filot-backend)",
		  .setting = "FILOT_BACKEND_LOG_GROUP" },
		{ "ocr-gpu-cluster", 0, OPTION_STRING, &s->ocr_gpu_cluster, "NAME", "ECS (filot-ocr-gpu-cluster)",
		  .setting = "FILOT_OCR_GPU_CLUSTER" },
		{ "ocr-gpu-service", 0, OPTION_STRING, &s->ocr_gpu_service, "NAME", "ECS (filot-ocr-gpu-service)",
		  .setting = "FILOT_OCR_GPU_SERVICE" },
		{ "ocr-gpu-log-group", 0, OPTION_STRING, &s->ocr_gpu_log_group, "NAME",
		  "CloudWatch (/ecs/filot-ocr-gpu-worker)", .setting = "FILOT_OCR_GPU_LOG_GROUP" },
		{ "region", 0, OPTION_STRING, &s->aws.region, "NAME", "AWS (ap-southeast-2)", .setting = "AWS_REGION",
		  .alias = "AWS_DEFAULT_REGION" },
		{ NULL, 0, OPTION_STRING, &s->aws.endpoint_url, NULL, "AWS: another endpoint for all its services",
		  .setting = "AWS_ENDPOINT_URL" },
		{ NULL, 0, OPTION_STRING, &s->aws.access_key_id, NULL, "AWS: the access key's id",
		  .setting = "AWS_ACCESS_KEY_ID", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->aws.secret_access_key, NULL, "AWS: the access key",
		  .setting = "AWS_SECRET_ACCESS_KEY", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->aws.session_token, NULL, "AWS: the token of temporary credentials",
		  .setting = "AWS_SESSION_TOKEN", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->aws.container_relative_uri, NULL, "AWS: set by ECS, where a task's credentials are",
		  .setting = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->aws.container_full_uri, NULL, "AWS: the same as a whole URL",
		  .setting = "AWS_CONTAINER_CREDENTIALS_FULL_URI", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->aws.container_token, NULL, "AWS: what to show there",
		  .setting = "AWS_CONTAINER_AUTHORIZATION_TOKEN", .secret = true },
		{ NULL, 0, OPTION_STRING, &s->aws.metadata_endpoint, NULL, "AWS: where an instance's metadata are",
		  .setting = "AWS_EC2_METADATA_SERVICE_ENDPOINT" },
		{ NULL, 0, OPTION_STRING, &s->metadata_disabled, NULL, "AWS: \"true\" leaves the metadata alone",
		  .setting = "AWS_EC2_METADATA_DISABLED" },
	};
	_Static_assert(sizeof table + 17 * sizeof *table < sizeof s->rows, "the table needs its empty last row");
	memcpy(s->rows + count, table, sizeof table);
}

struct command smoke_command(struct smoke_settings *s)
{
	set_defaults(s);
	add_aws(s, add_checks(s));
	return (struct command){
		.name = "filot-smoke",
		.summary = "prove that production works",
		.usage = "--api-url URL [flags]\n--api-url URL --canary [flags]",
		.details = "CHECK is one of: health, redis, database, metrics, auth, documents, verification, queue, logs,\n"
			   "backend, worker, canary.\n"
			   "Exit status: 0 nothing failed; 1 a check failed; 64 usage; 75 stopped before the end; 78 configuration.",
		.rows = s->rows,
	};
}

bool smoke_settings_check(struct smoke_settings *settings, const struct string_list *operands, struct error *error)
{
	const char *url = settings->api_url;
	if (operands->count)
		return error_set(error, ERROR_USAGE, "\"%s\" is too much", operands->items[0]);
	if (settings->tap && settings->json)
		return error_set(error, ERROR_USAGE, "--tap and --json exclude each other");
	if (strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0)
		return error_set(error, ERROR_USAGE, "--api-url: \"%s\" is not a URL such as https://api.filot.me", url);
	if (strpbrk(url, "?#@ "))
		return error_set(error, ERROR_USAGE, "--api-url is only a scheme, a host, and a path where there is one");
	for (size_t index = 0; index < settings->only.count; index++) {
		int check = smoke_check_find(settings->only.items[index]);
		if (check < 0)
			return error_set(error, ERROR_USAGE, "--only: \"%s\" is no check; --help lists them",
					 settings->only.items[index]);
		settings->canary = settings->canary || check == SMOKE_CANARY;
		if (check == SMOKE_QUEUE && !settings->redis_url)
			return error_set(error, ERROR_CONFIG, "--only queue: FILOT_REDIS_URL is not set");
	}
	if (settings->canary && !settings->jwt && !settings->service_key)
		return error_set(error, ERROR_CONFIG, "--canary needs FILOT_SMOKE_JWT, a user's token, or FILOT_SERVICE_KEY");
	settings->aws.metadata_disabled = settings->metadata_disabled && strcasecmp(settings->metadata_disabled, "true") == 0;
	settings->aws.timeout_ms = settings->timeout_ms;
	return true;
}
