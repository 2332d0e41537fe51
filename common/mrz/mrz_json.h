/* A machine readable zone as JSON: the member "mrz" of a page (filot-jobs(5)). */
#ifndef FILOT_MRZ_JSON_H
#define FILOT_MRZ_JSON_H

#include "common/base/buffer.h"
#include "common/mrz/mrz.h"

/* Appends the object. */
void mrz_write_json(const struct mrz *mrz, struct buffer *out);

#endif
