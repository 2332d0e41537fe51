/* The settings by which every command finds its Redis: rows for its table (options.h), which all say the same. */
#ifndef FILOT_REDIS_OPTIONS_H
#define FILOT_REDIS_OPTIONS_H

#include "common/base/options.h"

/* `s` has redis_url, redis_password and redis_ca; `help` is of the URL; then further members of its row (.required_if …). */
#define REDIS_OPTIONS(s, help, ...) \
	{ "redis-url", 0, OPTION_STRING, &(s)->redis_url, "URL", help, .setting = "FILOT_REDIS_URL", .alias = "REDIS_URL", \
	  .secret = true, .password = &(s)->redis_password, __VA_ARGS__ }, \
	{ NULL, 0, OPTION_STRING, &(s)->redis_password, NULL, "Redis' password, where its URL has none", \
	  .setting = "FILOT_REDIS_PASSWORD", .secret = true }, \
	{ "redis-ca", 0, OPTION_STRING, &(s)->redis_ca, "FILE", "authorities for rediss:// (the system's)", \
	  .setting = "FILOT_REDIS_CA" }

#endif
