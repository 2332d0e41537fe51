/*
 * The models of a tessdata folder, by name: "eng" is eng.traineddata, "script/Latin" lies in a sub-folder, "deu+eng" is
 * several at once. Names are checked before a path is made of them.
 */
#ifndef FILOT_LANGUAGES_H
#define FILOT_LANGUAGES_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/sha256.h"

/* True for names joined by '+' of letters, digits, '_' and '-', each with at most one '/' inside. */
bool languages_valid(const char *languages);

/*
 * Checks that each model is there and computes `sha256`: of the traineddata file; of several, the sum of their sums'
 * texts joined by '\n' in the order given. ERROR_UNKNOWN_LANGUAGE names the missing one and lists those installed.
 */
bool languages_find(const char *tessdata, const char *languages, char sha256[static SHA256_HEX_SIZE],
		    struct error *error);

#endif
