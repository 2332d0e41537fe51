/* Shared by aws.c and credentials.c. */
#ifndef FILOT_AWS_PRIVATE_H
#define FILOT_AWS_PRIVATE_H

#include "common/aws/aws.h"
#include "common/http/http.h"

struct aws {
	struct aws_settings settings;
	struct http *http;
	char *access_key, *secret_key, *token; /* found ones; token may be NULL */
};

/*
 * From the container's or the instance's endpoint into access_key, secret_key and token. ERROR_NOT_FOUND: there are none;
 * anything else: there should be some.
 */
bool aws_fetch_credentials(struct aws *aws, struct error *error);

#endif
