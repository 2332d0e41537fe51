/*
 * A language's model ready to read lines with: the file, its network compiled for a back end, character set, recoder
 * and dictionary; and a cache of those, so that each is loaded once, when a document first needs it, and shared by all
 * threads. Immutable once loaded.
 *
 * A cached model is known by its name and its file's SHA-256. A file that was replaced (other inode, size or times) is
 * summed again; when the sum is another, documents from then on get the new model and those that hold the old one keep
 * it. At most so many models that nobody holds are kept, the least lately used go first; eng takes about 8 MiB,
 * chi_sim 6.
 */
#ifndef FILOT_TEXT_MODEL_H
#define FILOT_TEXT_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/ocr/beam.h"
#include "common/ocr/network.h"

struct text_model {
	const char *name; /* "eng" */
	char sha256[SHA256_HEX_SIZE];
	const struct model *file;
	const struct network *network;
	struct network_shape shape;
	struct beam_model decoding; /* unicharset, recoder, dictionary, disabled; see beam.h */
	const char *blacklist;	    /* what is disabled, as text; "" when nothing is */
};

struct text_models;

/*
 * `most` models that nobody holds are kept, at least 1. `tessdata` (the folder) is copied. Any thread may call the
 * functions below. NULL with ERROR_OUT_OF_MEMORY, or ERROR_CONFIG when this machine does not run the back end.
 */
struct text_models *text_models_new(const char *tessdata, enum network_backend backend, size_t most,
				    struct error *error);
/*
 * From now on models are loaded onto these GPUs, for the back end "cuda"; borrowed. Before the first text_models_take.
 */
struct network_gpus;
void text_models_use_gpus(struct text_models *models, struct network_gpus *gpus);
void text_models_free(struct text_models *models); /* after every model was given back; NULL is fine */

/*
 * The model of one language ("eng", "script/Latin"), loaded now unless it is there. `blacklist` is the text of unichars
 * that are never read; NULL: that of the model's own config entry (tessedit_char_blacklist), which is right for a
 * language read alone. Of several languages read at once, libtesseract applies one list to all: take the first with
 * NULL and the others with its blacklist. Give it back with text_models_give. NULL with the errors of languages_find,
 * model_open, network_new, unicharset_new, recoder_new and dawg_new, which name the file.
 */
const struct text_model *text_models_take(struct text_models *models, const char *language, const char *blacklist,
					  struct error *error);

#define TEXT_MODELS_AT_ONCE 16

/*
 * The models of "deu+eng", each once, in that order; the first one's blacklist is for all. Returns how many, 0 on failure:
 * ERROR_UNKNOWN_LANGUAGE when these are no names or too many, and for a model that text_models_take refuses.
 */
size_t text_models_take_all(struct text_models *models, const char *languages,
			    const struct text_model *taken[static TEXT_MODELS_AT_ONCE], struct error *error);
void text_models_give_all(struct text_models *models, const struct text_model *const *taken, size_t count);

/* One more holder of a model that the caller holds. */
void text_models_share(struct text_models *models, const struct text_model *model);
void text_models_give(struct text_models *models, const struct text_model *model); /* NULL is fine */

/* How many models are in memory (for tests and metrics). */
size_t text_models_count(struct text_models *models);

#endif
