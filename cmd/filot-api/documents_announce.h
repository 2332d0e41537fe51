/* POST /documents with a JSON body, from documents_create.c. */
#ifndef FILOT_API_DOCUMENTS_ANNOUNCE_H
#define FILOT_API_DOCUMENTS_ANNOUNCE_H

#include "cmd/filot-api/creation.h"

void documents_announce(struct creation *creation);

#endif
