/* The flags and settings of filot-smoke. */
#ifndef FILOT_SMOKE_SETTINGS_H
#define FILOT_SMOKE_SETTINGS_H

#include "common/aws/aws.h"
#include "common/base/options.h"

struct smoke_settings {
	const char *api_url, *jwt, *service_key;
	bool canary;
	struct string_list only;
	int64_t retry, timeout_ms, canary_timeout_ms;
	bool verbose, tap, json;
	const char *junit;
	const char *backend_cluster, *backend_service, *ocr_gpu_cluster, *ocr_gpu_service;
	const char *backend_log_group, *ocr_gpu_log_group;
	const char *redis_url, *redis_password, *redis_ca, *queue_name;
	const char *metadata_disabled;
	struct aws_settings aws;
	struct option_row rows[40];
};

struct command smoke_command(struct smoke_settings *settings);

/* What the table cannot say. */
bool smoke_settings_check(struct smoke_settings *settings, const struct string_list *operands, struct error *error);

#endif
