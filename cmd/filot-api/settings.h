/* filot-api's flags and settings. */
#ifndef FILOT_API_SETTINGS_H
#define FILOT_API_SETTINGS_H

#include "common/base/options.h"
#include "common/temporal/temporal_options.h"

struct api_settings {
	/* serving */
	const char *listen, *socket;
	int64_t workers, stream_workers, io_threads, connections, connections_per_address;
	int64_t request_ms, idle_ms, drain_grace_ms, drain_ms;
	int64_t upload_bytes; /* of one document */
	struct string_list trusted_proxies;
	const char **trusted_proxies_list; /* the same, NULL-terminated; freed by api_settings_free */

	/* services */
	const char *redis_url, *redis_password, *redis_ca, *database_url, *queue_name;
	const char *r2_endpoint, *r2_access_key, *r2_secret_key, *r2_bucket, *r2_region;
	struct temporal_place temporal; /* for /health, and whether workflows are wanted */

	/* who may come in */
	const char *jwt_secret, *jwt_secret_previous; /* at least 32 bytes; both verify, the first signs */
	const char *session_secret, *session_secret_previous; /* key of the refresh tokens' hashes */
	const char *service_key, *service_key_previous; /* of other services; NULL: none may */
	const char *issuer, *audience;
	int64_t access_ms, refresh_ms; /* lives of the tokens */
	bool no_registration; /* POST /auth/register is 403 but for the service key */
	int64_t password_hashes; /* at once */
	int64_t rate_per_minute, rate_burst; /* requests of one user */
	int64_t login_per_minute; /* attempts from one address, and on one account */

	/* verification */
	const char *buli2_signature_secret, *buli2_signature_secret_previous; /* of the callbacks */

	struct option_row rows[48];
};

/* The command with its table; *settings gets the defaults and is filled by options_parse. */
struct command api_command(struct api_settings *settings);

/* What the table cannot say. ERROR_CONFIG. */
bool api_settings_check(struct api_settings *settings, struct error *error);
void api_settings_free(struct api_settings *settings);

#endif
