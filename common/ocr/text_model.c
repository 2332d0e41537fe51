/*
 * The cache is a short list under one lock. A model is loaded outside of the lock, so that documents in other languages
 * do not wait for it; when two threads load the same one at once, the second one's copy is dropped.
 */
#include "common/ocr/text_model.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/ocr/languages.h"

#define BLACKLIST_NAME "tessedit_char_blacklist"

/* What tells a file from the one that stood there before. */
struct file_identity {
	dev_t device;
	ino_t inode;
	off_t bytes;
	struct timespec modified;
};

struct entry {
	struct text_model model; /* first: a model's address is its entry's */
	char *name, *blacklist;
	struct file_identity identity;
	bool is_own_blacklist; /* taken from the config entry */
	bool is_old;	       /* its file was replaced: nobody else gets it */
	size_t holders;
	uint64_t used; /* the cache's clock when it was last given back */
	struct model *file;
	struct network *network;
	struct unicharset *unicharset;
	struct recoder *recoder;
	struct dawg *punctuation, *words, *numbers;
	struct dictionary dictionary;
	uint8_t *disabled;
	struct entry *next;
};

struct text_models {
	char *tessdata;
	enum network_backend backend;
	struct network_gpus *gpus; /* NULL: none */
	size_t most;
	pthread_mutex_t lock;
	struct entry *entries;
	uint64_t clock;
};

static void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	dawg_free(entry->punctuation);
	dawg_free(entry->words);
	dawg_free(entry->numbers);
	recoder_free(entry->recoder);
	unicharset_free(entry->unicharset);
	network_free(entry->network);
	model_close(entry->file);
	free(entry->disabled);
	free(entry->blacklist);
	free(entry->name);
	free(entry);
}

/* The value of the config entry's last line of that name, to be freed; "" when there is none, NULL without memory. */
static char *config_blacklist(const struct model *model)
{
	struct model_bytes value = model_setting(model, BLACKLIST_NAME);

	return value.data ? strndup((const char *)value.data, value.length) : strdup("");
}

static bool read_dawg(const struct entry *entry, enum model_entry which, struct dawg **dawg, struct error *error)
{
	struct model_bytes bytes = entry->file->entries[which];

	if (!bytes.data)
		return true;
	*dawg = dawg_new(bytes.data, bytes.length, entry->unicharset->count, error);
	return *dawg != NULL;
}

static bool read_text_parts(struct entry *entry, struct error *error)
{
	const struct model *file = entry->file;
	struct model_bytes charset = file->entries[MODEL_UNICHARSET], recoder = file->entries[MODEL_RECODER];

	if (!charset.data || !recoder.data)
		return error_set(error, ERROR_CONFIG, "no entry with its %s; `--engine tesseract` takes such a model",
				 charset.data ? "recoder" : "character set");
	entry->unicharset = unicharset_new(charset.data, charset.length, error);
	if (!entry->unicharset)
		return false;
	entry->recoder = recoder_new(recoder.data, recoder.length, entry->unicharset->count,
				     network_shape(entry->network).class_count, file->null_code, error);
	return entry->recoder && read_dawg(entry, MODEL_PUNCTUATION, &entry->punctuation, error) &&
	       read_dawg(entry, MODEL_WORDS, &entry->words, error) &&
	       read_dawg(entry, MODEL_NUMBERS, &entry->numbers, error);
}

static bool read_blacklist(struct entry *entry, const char *blacklist, struct error *error)
{
	entry->is_own_blacklist = !blacklist;
	entry->blacklist = blacklist ? strdup(blacklist) : config_blacklist(entry->file);
	if (entry->blacklist && *entry->blacklist)
		entry->disabled = calloc((size_t)entry->unicharset->count, 1);
	if (!entry->blacklist || (*entry->blacklist && !entry->disabled))
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the model");
	if (entry->disabled)
		unicharset_mark(entry->unicharset, entry->blacklist, entry->disabled);
	return true;
}

/* Everything is there: what the others see of it. */
static void complete(struct entry *entry)
{
	struct text_model *model = &entry->model;

	entry->dictionary = (struct dictionary){ .unicharset = entry->unicharset,
						 .punctuation = entry->punctuation,
						 .words = entry->words,
						 .numbers = entry->numbers };
	model->name = entry->name;
	model->file = entry->file;
	model->network = entry->network;
	model->shape = network_shape(entry->network);
	model->blacklist = entry->blacklist;
	model->decoding = (struct beam_model){ .unicharset = entry->unicharset,
					       .recoder = entry->recoder,
					       .dictionary = &entry->dictionary,
					       .disabled = entry->disabled };
	if (!entry->punctuation && !entry->words && !entry->numbers)
		model->decoding.dictionary = NULL;
}

static struct entry *load(const struct text_models *models, const char *language, const char *blacklist,
			  const char *path, struct error *error)
{
	struct entry *entry = calloc(1, sizeof *entry);

	if (!entry || !(entry->name = strdup(language))) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the model %s", language);
		goto failed;
	}
	entry->file = model_open(path, error);
	if (!entry->file)
		goto failed;
	/* Of the bytes that were read: the file may have been replaced since it was found. */
	if (!sha256_of(entry->file->bytes, entry->file->length, entry->model.sha256)) {
		(void)error_set(error, ERROR_INTERNAL, "%s: its SHA-256 cannot be computed", path);
		goto failed;
	}
	entry->network = models->gpus ? network_new_on(entry->file, models->gpus, error) :
					network_new(entry->file, models->backend, error);
	if (!entry->network || !read_text_parts(entry, error) || !read_blacklist(entry, blacklist, error)) {
		(void)error_prefix(error, "%s", path);
		goto failed;
	}
	complete(entry);
	return entry;
failed:
	entry_free(entry);
	return NULL;
}

static bool same_identity(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
	       a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

/* The cached model that will do, with one more holder; NULL when there is none. `sha256` may be NULL: not known yet. */
static struct entry *find(const struct text_models *models, const char *language, const char *blacklist,
			  const struct file_identity *identity, const char *sha256)
{
	for (struct entry *entry = models->entries; entry; entry = entry->next) {
		if (entry->is_old || strcmp(entry->name, language) != 0 ||
		    (blacklist ? strcmp(entry->blacklist, blacklist) != 0 : !entry->is_own_blacklist))
			continue;
		if (sha256 ? strcmp(entry->model.sha256, sha256) != 0 : !same_identity(&entry->identity, identity))
			continue;
		entry->identity = *identity;
		entry->holders++;
		return entry;
	}
	return NULL;
}

/* Drops what nobody holds: all that is old, and the least lately used ones over the limit. */
static void evict(struct text_models *models)
{
	for (;;) {
		struct entry **least = NULL;
		size_t idle = 0;
		bool has_old = false;

		for (struct entry **at = &models->entries; *at; at = &(*at)->next) {
			if ((*at)->holders > 0)
				continue;
			idle++;
			if (has_old)
				continue;
			has_old = (*at)->is_old;
			if (has_old || !least || (*at)->used < (*least)->used)
				least = at;
		}
		if (!least || (!has_old && idle <= models->most))
			return;
		struct entry *entry = *least;
		*least = entry->next;
		entry_free(entry);
	}
}

static bool find_file(const struct text_models *models, const char *language, char *path, size_t size,
		      struct file_identity *identity, struct error *error)
{
	char sha256[SHA256_HEX_SIZE];
	struct stat status;

	if (!languages_valid(language) || strchr(language, '+'))
		return error_set(error, ERROR_UNKNOWN_LANGUAGE, "\"%.64s\" names no language", language);
	if (snprintf(path, size, "%s/%s.traineddata", models->tessdata, language) >= (int)size)
		return error_set(error, ERROR_CONFIG, "the path of the tessdata folder is too long");
	/* Where it is not: the message that names those that are. */
	if (stat(path, &status) != 0)
		return languages_find(models->tessdata, language, sha256, error) &&
		       error_set(error, ERROR_TRY_AGAIN, "%s is being replaced", path);
	*identity = (struct file_identity){
		.device = status.st_dev, .inode = status.st_ino, .bytes = status.st_size, .modified = status.st_mtim
	};
	return true;
}

/* A model that was loaded takes its place, unless another thread was faster. */
static struct entry *enter(struct text_models *models, struct entry *loaded, const char *blacklist)
{
	struct entry *found = find(models, loaded->name, blacklist, &loaded->identity, loaded->model.sha256);

	if (found)
		return found;
	for (struct entry *other = models->entries; other; other = other->next)
		if (strcmp(other->name, loaded->name) == 0 && strcmp(other->model.sha256, loaded->model.sha256) != 0)
			other->is_old = true;
	loaded->next = models->entries;
	loaded->holders = 1;
	models->entries = loaded;
	evict(models);
	return loaded;
}

const struct text_model *text_models_take(struct text_models *models, const char *language, const char *blacklist,
					  struct error *error)
{
	struct entry *entry, *loaded;
	struct file_identity identity;
	char path[PATH_MAX];

	if (!find_file(models, language, path, sizeof path, &identity, error))
		return NULL;
	pthread_mutex_lock(&models->lock);
	entry = find(models, language, blacklist, &identity, NULL);
	pthread_mutex_unlock(&models->lock);
	if (entry)
		return &entry->model;
	loaded = load(models, language, blacklist, path, error);
	if (!loaded)
		return NULL;
	loaded->identity = identity;
	pthread_mutex_lock(&models->lock);
	entry = enter(models, loaded, blacklist);
	pthread_mutex_unlock(&models->lock);
	if (entry != loaded)
		entry_free(loaded);
	return &entry->model;
}

static struct entry *entry_of(const struct text_model *model)
{
	return (struct entry *)(uintptr_t)model;
}

void text_models_share(struct text_models *models, const struct text_model *model)
{
	pthread_mutex_lock(&models->lock);
	entry_of(model)->holders++;
	pthread_mutex_unlock(&models->lock);
}

void text_models_give(struct text_models *models, const struct text_model *model)
{
	if (!model)
		return;
	pthread_mutex_lock(&models->lock);
	entry_of(model)->holders--;
	entry_of(model)->used = ++models->clock;
	evict(models);
	pthread_mutex_unlock(&models->lock);
}

/* One language of a list, if it is not there already. */
static bool take_next(struct text_models *models, const char *name, size_t length,
		      const struct text_model *taken[static TEXT_MODELS_AT_ONCE], size_t *count, struct error *error)
{
	char language[128];

	if (*count == TEXT_MODELS_AT_ONCE || length >= sizeof language)
		return error_set(error, ERROR_UNKNOWN_LANGUAGE, "too many languages; --engine tesseract takes more");
	(void)snprintf(language, sizeof language, "%.*s", (int)length, name);
	for (size_t i = 0; i < *count; i++)
		if (strcmp(taken[i]->name, language) == 0)
			return true;
	taken[*count] = text_models_take(models, language, *count ? taken[0]->blacklist : NULL, error);
	if (taken[*count]) {
		++*count;
		return true;
	}
	/* For whoever sent the job it is the language that is wrong. */
	if (error && error->code == ERROR_CONFIG)
		error->code = ERROR_UNKNOWN_LANGUAGE;
	return false;
}

size_t text_models_take_all(struct text_models *models, const char *languages,
			    const struct text_model *taken[static TEXT_MODELS_AT_ONCE], struct error *error)
{
	size_t count = 0;

	if (!languages_valid(languages))
		return error_set(error, ERROR_UNKNOWN_LANGUAGE,
				 "\"%.64s\" names no languages; write them as eng or deu+eng", languages);
	for (const char *name = languages; *name;) {
		size_t length = strcspn(name, "+");

		if (!take_next(models, name, length, taken, &count, error)) {
			text_models_give_all(models, taken, count);
			return 0;
		}
		name += length + (name[length] == '+');
	}
	return count;
}

void text_models_give_all(struct text_models *models, const struct text_model *const *taken, size_t count)
{
	for (size_t i = 0; i < count; i++)
		text_models_give(models, taken[i]);
}

size_t text_models_count(struct text_models *models)
{
	size_t count = 0;

	pthread_mutex_lock(&models->lock);
	for (const struct entry *entry = models->entries; entry; entry = entry->next)
		count++;
	pthread_mutex_unlock(&models->lock);
	return count;
}

struct text_models *text_models_new(const char *tessdata, enum network_backend backend, size_t most,
				    struct error *error)
{
	struct text_models *models;

	if (!network_backend_runs(backend)) {
		(void)error_set(error, ERROR_CONFIG, "this machine does not run the back end %s, but %s",
				network_backend_name(backend), network_backend_name(network_backend_best()));
		return NULL;
	}
	models = calloc(1, sizeof *models);
	if (!models || !(models->tessdata = strdup(tessdata))) {
		free(models);
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the models");
		return NULL;
	}
	models->backend = backend;
	models->most = most > 0 ? most : 1;
	pthread_mutex_init(&models->lock, NULL);
	return models;
}

void text_models_use_gpus(struct text_models *models, struct network_gpus *gpus)
{
	models->gpus = gpus;
}

void text_models_free(struct text_models *models)
{
	if (!models)
		return;
	while (models->entries) {
		struct entry *entry = models->entries;

		models->entries = entry->next;
		entry_free(entry);
	}
	pthread_mutex_destroy(&models->lock);
	free(models->tessdata);
	free(models);
}
