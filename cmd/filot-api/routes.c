/* All that filot-api answers, in one table. Its description for clients is openapi.json. */
#include "cmd/filot-api/api.h"
#include "cmd/filot-api/auth.h"
#include "cmd/filot-api/documents.h"
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

	/* The handler knows the limit of an upload, and of what goes in a form beside it. */
	{ "POST", "/documents", documents_create, SERVER_BODY_STREAMED, INT64_C(1) << 50 },
	{ "GET", "/documents", documents_list },
	{ "GET", "/documents/{id}", documents_get },
	{ "DELETE", "/documents/{id}", documents_delete },
	{ "POST", "/documents/{id}/complete", documents_complete, SERVER_BODY_STREAMED },
	{ "GET", "/documents/{id}/text", documents_text },
	{ "GET", "/documents/{id}/result", documents_result },
	{ "GET", "/documents/{id}/file", documents_file },
	{ "GET", "/documents/{id}/events", documents_events },
	{ "GET", "/search", documents_search },

	{ "POST", "/verification/evaluate", verification_evaluate, SERVER_BODY_BUFFERED },
	{ "GET", "/verification/{id}", verification_get },
	{ "POST", "/callbacks/buli2", callbacks_buli2, SERVER_BODY_BUFFERED },

	{ NULL },
};
