/* A name of this process that no other has or had. */
#ifndef FILOT_PROCESS_NAME_H
#define FILOT_PROCESS_NAME_H

#include <stddef.h>

/*
 * Writes "HOST-PID-RANDOM", the host's name cut to 63 bytes; returns `name`. The random tail keeps processes apart that
 * share host name and process id, as containers do. Another call writes another name.
 */
char *process_name(char *name, size_t size);

#endif
