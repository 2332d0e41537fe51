/* The config entry of a model: settings of Tesseract that the language wants otherwise. */
#include <string.h>

#include "common/ocr/model.h"

struct model_bytes model_setting(const struct model *model, const char *name)
{
	struct model_bytes config = model->entries[MODEL_CONFIG], value = { NULL, 0 };
	size_t name_length = strlen(name), at = 0;

	while (config.data && at < config.length) {
		const uint8_t *line = config.data + at, *stop = memchr(line, '\n', config.length - at);
		size_t length = stop ? (size_t)(stop - line) : config.length - at;

		at += length + 1;
		if (length <= name_length || memcmp(line, name, name_length) != 0 ||
		    (line[name_length] != ' ' && line[name_length] != '\t'))
			continue;
		value = (struct model_bytes){ line + name_length + 1, length - name_length - 1 };
		while (value.length > 0 &&
		       (value.data[value.length - 1] == '\r' || value.data[value.length - 1] == ' '))
			value.length--;
	}
	return value;
}
