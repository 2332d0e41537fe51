/* What the API says of itself: health, figures, its description. All are quick routes: `context` is struct api. */
#ifndef FILOT_API_SERVICE_H
#define FILOT_API_SERVICE_H

#include "cmd/filot-api/api.h"

/* Once, before the server opens. */
bool service_open(struct api *api, struct error *error);

/* For settings.observe of server.h. */
void service_observe(void *shared, const struct server_event *event);

void service_health(struct server_request *request, void *context); /* GET /health: 503 when a required service is down */
void service_live(struct server_request *request, void *context); /* GET /livez: the process answers */
void service_ready(struct server_request *request, void *context); /* GET /readyz: 503 while draining or down */
void service_metrics(struct server_request *request, void *context); /* GET /metrics */
void service_openapi(struct server_request *request, void *context); /* GET /openapi.json */
void service_docs(struct server_request *request, void *context); /* GET /docs */

#endif
