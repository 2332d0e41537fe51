/* The random part is the end of a ULID. */
#include "common/base/process_name.h"

#include <stdio.h>
#include <unistd.h>

#include "common/base/ulid.h"

#define RANDOM_FROM 18 /* of a ULID's 26 characters */

char *process_name(char *name, size_t size)
{
	char host[64] = "", random[ULID_SIZE];
	(void)gethostname(host, sizeof host - 1);
	(void)snprintf(name, size, "%s-%ld-%s", host, (long)getpid(), ulid_new(random) + RANDOM_FROM);
	return name;
}
