/* The settings by which every command finds Temporal: rows for its table (options.h), which all say the same. */
#ifndef FILOT_TEMPORAL_OPTIONS_H
#define FILOT_TEMPORAL_OPTIONS_H

#include "common/base/options.h"

struct temporal_place {
	const char *endpoint; /* http[s]://host[:port][/path]; NULL: Temporal is off */
	const char *namespace; /* NULL: "default" */
	const char *api_key; /* or NULL */
};

#define TEMPORAL_OPTIONS(place) \
	{ NULL, 0, OPTION_STRING, &(place)->endpoint, NULL, "Temporal: URL of its HTTP API (off)", \
	  .setting = "FILOT_TEMPORAL_ENDPOINT" }, \
	{ NULL, 0, OPTION_STRING, &(place)->namespace, NULL, "Temporal: namespace (default)", \
	  .setting = "FILOT_TEMPORAL_NAMESPACE" }, \
	{ NULL, 0, OPTION_STRING, &(place)->api_key, NULL, "Temporal: API key (none)", \
	  .setting = "FILOT_TEMPORAL_API_KEY", .secret = true }

#endif
