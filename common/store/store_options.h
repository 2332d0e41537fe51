/* The settings by which every command finds object storage: rows for its table (options.h), which all say the same. */
#ifndef FILOT_STORE_OPTIONS_H
#define FILOT_STORE_OPTIONS_H

#include "common/base/options.h"

/* `s` has r2_endpoint, _access_key, _secret_key, _bucket and _region; then what the first four have besides. */
#define STORE_OPTIONS(s, ...) \
	{ NULL, 0, OPTION_STRING, &(s)->r2_endpoint, NULL, "object storage: its S3 endpoint", \
	  .setting = "FILOT_R2_ENDPOINT", __VA_ARGS__ }, \
	{ NULL, 0, OPTION_STRING, &(s)->r2_access_key, NULL, "object storage: access key", \
	  .setting = "FILOT_R2_ACCESS_KEY", .secret = true, __VA_ARGS__ }, \
	{ NULL, 0, OPTION_STRING, &(s)->r2_secret_key, NULL, "object storage: secret key", \
	  .setting = "FILOT_R2_SECRET_KEY", .secret = true, __VA_ARGS__ }, \
	{ NULL, 0, OPTION_STRING, &(s)->r2_bucket, NULL, "object storage: the bucket", .setting = "FILOT_R2_BUCKET", \
	  __VA_ARGS__ }, \
	{ NULL, 0, OPTION_STRING, &(s)->r2_region, NULL, "object storage: region (auto)", .setting = "FILOT_R2_REGION" }

#endif
