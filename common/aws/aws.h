/*
 * Calls of AWS' JSON APIs (ECS, CloudWatch Logs) without its SDK: a POST with X-Amz-Target, signed by libcurl.
 *
 * Credentials come from where the SDKs look, in their order, for what runs in a container or on an instance: the
 * environment, the container credentials endpoint (ECS, EKS), the instance's metadata (IMDSv2 only). Profiles and their
 * files are not read: `aws configure export-credentials --format env` puts one into the environment.
 * Sources: AWS SDKs and Tools Reference Guide, "Container credential provider" and "IMDS credential provider"; ECS and
 * CloudWatch Logs API references, "Common parameters".
 */
#ifndef FILOT_AWS_H
#define FILOT_AWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"

/* What is not set is NULL. The members are called as the SDKs' environment variables; the strings stay the caller's. */
struct aws_settings {
	const char *region;
	const char *access_key_id, *secret_access_key, *session_token;
	const char *endpoint_url; /* instead of https://SERVICE.REGION.amazonaws.com */
	const char *container_relative_uri, *container_full_uri, *container_token;
	const char *metadata_endpoint; /* instead of http://169.254.169.254 */
	bool metadata_disabled;
	int64_t timeout_ms; /* of a call with its tries */
};

struct aws;

/* The process must have called http_setup. ERROR_CONFIG: not a region, or half of a pair of keys. */
struct aws *aws_new(const struct aws_settings *settings, struct error *error);
void aws_free(struct aws *aws); /* NULL is fine */

struct aws_action {
	const char *service; /* as in the host's name and the signature: "ecs", "logs" */
	const char *target; /* "AmazonEC2ContainerServiceV20141113.DescribeServices" */
};

/*
 * Sends `body` (whose reference is taken) and gives the answer, which the caller decrefs. The first call finds credentials.
 * ERROR_NOT_FOUND: nobody has given any; ERROR_NOT_PERMITTED: they cannot be had where they should be, or are refused
 * (expired, unknown, wrong); ERROR_TRY_AGAIN: throttled, or AWS failed; ERROR_BAD_INPUT: any other exception, a lack of
 * rights among them; ERROR_UNAVAILABLE, ERROR_TIMEOUT: no answer. The message has the action and what AWS says.
 */
bool aws_call(struct aws *aws, const struct aws_action *action, json_t *body, json_t **answer, struct error *error);

#endif
