/* Phase 3: the queue itself, and what AWS says. */
#include <jansson.h>
#include <string.h>

#include "cmd/filot-smoke/check.h"
#include "common/redis/queue_admin.h"

/* ---- Redis ---- */

static enum smoke_status judge_queue(const struct queue_stats *stats, struct smoke_result *result)
{
	int64_t ready = 0;
	for (int priority = 0; priority < JOB_PRIORITY_COUNT; priority++)
		ready += stats->ready[priority];
	if (ready && !stats->workers)
		return smoke_fail(result, "%lld job%s, and no worker is seen: start filot-ocr-gpu --queue", (long long)ready,
				  ready == 1 ? " waits" : "s wait");
	return smoke_pass(result, "waiting: %lld, dead: %lld, workers: %lld", (long long)ready, (long long)stats->dead,
			  (long long)stats->workers);
}

enum smoke_status smoke_queue(struct smoke *smoke, struct smoke_result *result)
{
	const struct smoke_settings *settings = smoke->settings;
	const struct redis_settings server = { .url = settings->redis_url, .ca = settings->redis_ca,
					       .client_name = "filot-smoke", .connect_ms = settings->timeout_ms,
					       .command_ms = settings->timeout_ms };
	struct queue_settings named = queue_default_settings;
	struct queue_stats stats;
	struct error error = { 0 };
	named.name = settings->queue_name;
	struct redis *redis = redis_new(&server, &error);
	struct queue *queue = redis ? queue_new(&named, redis, &error) : NULL;
	enum smoke_status status = queue && queue_stats(queue, &stats, &error) ? judge_queue(&stats, result) :
										 smoke_fail(result, "%s", error.message);
	queue_free(queue);
	redis_free(redis);
	return status;
}

/* ---- AWS ---- */

/* Refused credentials fail one check, which may be tried again; what they would fail, too, is skipped. */
static bool is_refused(struct smoke *smoke, struct smoke_result *result)
{
	if (smoke->aws_refused == result)
		smoke->aws_refused = NULL;
	if (!smoke->aws_refused)
		return false;
	(void)smoke_skip(result, "No AWS credentials that work, see above");
	return true;
}

static enum smoke_status call_failed(struct smoke *smoke, const struct error *error, struct smoke_result *result)
{
	if (error->code == ERROR_NOT_FOUND)
		return smoke_skip(result, "No AWS credentials provided");
	if (error->code == ERROR_NOT_PERMITTED)
		smoke->aws_refused = result;
	return smoke_fail(result, "%s", error->message);
}

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "";
}

/* The group alone: its name is the first of those that begin with it. */
static bool find_group(struct smoke *smoke, const char *name, bool *there, struct error *error)
{
	static const struct aws_action action = { "logs", "Logs_20140328.DescribeLogGroups" };
	json_t *answer;
	if (!aws_call(smoke->aws, &action, json_pack("{s:s, s:i}", "logGroupNamePrefix", name, "limit", 1), &answer, error))
		return false;
	const json_t *first = json_array_get(json_object_get(answer, "logGroups"), 0);
	*there = strcmp(text_of(first, "logGroupName"), name) == 0;
	json_decref(answer);
	return true;
}

enum smoke_status smoke_logs(struct smoke *smoke, struct smoke_result *result)
{
	const char *const names[] = { smoke->settings->backend_log_group, smoke->settings->ocr_gpu_log_group };
	const char *region = smoke->settings->aws.region;
	struct error error = { 0 };
	bool there[2];
	if (is_refused(smoke, result))
		return SMOKE_SKIP;
	for (size_t index = 0; index < 2; index++)
		if (!find_group(smoke, names[index], &there[index], &error))
			return call_failed(smoke, &error, result);
	if (!there[0] && !there[1])
		return smoke_fail(result, "there are no log groups %s and %s in %s", names[0], names[1], region);
	if (!there[0] || !there[1])
		return smoke_fail(result, "there is no log group %s in %s", there[0] ? names[1] : names[0], region);
	return smoke_pass(result, "%s, %s", names[0], names[1]);
}

/* The newest event says most about why a service is not as it should be. */
static const char *newest_event(const json_t *service)
{
	return text_of(json_array_get(json_object_get(service, "events"), 0), "message");
}

static const json_t *primary_deployment(const json_t *service)
{
	size_t index;
	json_t *deployment;
	json_array_foreach(json_object_get(service, "deployments"), index, deployment)
		if (strcmp(text_of(deployment, "status"), "PRIMARY") == 0)
			return deployment;
	return NULL;
}

static enum smoke_status judge_service(const json_t *service, const char *name, struct smoke_result *result)
{
	long long running = json_integer_value(json_object_get(service, "runningCount"));
	long long desired = json_integer_value(json_object_get(service, "desiredCount"));
	const char *event = newest_event(service);
	const json_t *deployment = primary_deployment(service);
	if (strcmp(text_of(service, "status"), "ACTIVE") != 0)
		return smoke_fail(result, "%s is %s", name, text_of(service, "status"));
	if (desired < 1)
		return smoke_fail(result, "%s is asked for no task (desired count 0)", name);
	if (strcmp(text_of(deployment, "rolloutState"), "FAILED") == 0)
		return smoke_fail(result, "%s: the deployment of %s failed: %.200s", name,
				  text_of(deployment, "taskDefinition"), text_of(deployment, "rolloutStateReason"));
	if (running < desired)
		return smoke_fail(result, "%s: %lld of %lld tasks run%s%.200s", name, running, desired, *event ? ": " : "",
				  event);
	return smoke_pass(result, "%s: %lld of %lld tasks run", name, running, desired);
}

static enum smoke_status look_at_service(struct smoke *smoke, const char *cluster, const char *name,
					 struct smoke_result *result)
{
	static const struct aws_action action = { "ecs", "AmazonEC2ContainerServiceV20141113.DescribeServices" };
	struct error error = { 0 };
	json_t *answer;
	if (is_refused(smoke, result))
		return SMOKE_SKIP;
	if (!aws_call(smoke->aws, &action, json_pack("{s:s, s:[s]}", "cluster", cluster, "services", name), &answer, &error))
		return call_failed(smoke, &error, result);
	const json_t *service = json_array_get(json_object_get(answer, "services"), 0);
	enum smoke_status status = service ? judge_service(service, name, result) :
			   smoke_fail(result, "the cluster %s has no service %s", cluster, name);
	json_decref(answer);
	return status;
}

enum smoke_status smoke_backend(struct smoke *smoke, struct smoke_result *result)
{
	return look_at_service(smoke, smoke->settings->backend_cluster, smoke->settings->backend_service, result);
}

enum smoke_status smoke_worker(struct smoke *smoke, struct smoke_result *result)
{
	return look_at_service(smoke, smoke->settings->ocr_gpu_cluster, smoke->settings->ocr_gpu_service, result);
}
