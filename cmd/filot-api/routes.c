/* All that filot-api answers, in one table. Its description for clients is openapi.json. */
#include "cmd/filot-api/api.h"
#include "cmd/filot-api/auth.h"
#include "cmd/filot-api/service.h"
#include "cmd/filot-api/verification.h"

#define AUTH_BODY_BYTES (16 * 1024)

const struct server_route api_routes[] = {
	{ "GET", "/health", service_health, .quick = true, .quiet = true },
	{ "GET", "/livez", service_live, .quick = true, .quiet = true },
	{ "GET", "/readyz", service_ready, .quick = true, .quiet = true },
	{ "GET", "/metrics", service_metrics, .quick = true, .quiet = true },
	{ "GET", "/openapi.json", service_openapi, .quick = true },
	{ "GET", "/docs", service_docs, .quick = true },

	{ "POST", "/auth/register", auth_register, SERVER_BODY_BUFFERED, AUTH_BODY_BYTES },
	{ "POST", "/auth/login", auth_login, SERVER_BODY_BUFFERED, AUTH_BODY_BYTES },
	{ "POST", "/auth/refresh", auth_refresh, SERVER_BODY_BUFFERED, AUTH_BODY_BYTES },
	{ "POST", "/auth/logout", auth_logout, SERVER_BODY_BUFFERED, AUTH_BODY_BYTES },
	{ "GET", "/auth/me", auth_me },

	{ "POST", "/verification/evaluate", verification_evaluate, SERVER_BODY_BUFFERED },
	{ "GET", "/verification/{id}", verification_get },
	{ "POST", "/callbacks/buli2", callbacks_buli2, SERVER_BODY_BUFFERED },

	{ NULL },
};
