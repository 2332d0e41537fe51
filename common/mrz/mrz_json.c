/* Check digits that a format does not have, and optional data that is empty, are left out. */
#include "common/mrz/mrz_json.h"

#include <string.h>

#include "common/base/json_text.h"

static void append_string(struct buffer *out, const char *before, const char *text)
{
	buffer_append_string(out, before);
	json_text_string(out, text, strlen(text));
}

static void append_strings(struct buffer *out, const char *name, const char *const *texts, int count)
{
	buffer_printf(out, ",\"%s\":[", name);
	for (int index = 0, written = 0; index < count; index++)
		if (*texts[index])
			append_string(out, written++ ? "," : "", texts[index]);
	buffer_append_char(out, ']');
}

static void append_checks(struct buffer *out, const struct mrz *mrz)
{
	const struct {
		const char *name;
		enum mrz_check check;
	} checks[] = {
		{ "number", mrz->number_check },     { "birth", mrz->birth_check },
		{ "expiry", mrz->expiry_check },     { "optional", mrz->optional_check },
		{ "composite", mrz->composite_check },
	};
	buffer_append_string(out, ",\"checks\":{");
	for (size_t index = 0, written = 0; index < sizeof checks / sizeof *checks; index++)
		if (checks[index].check != MRZ_CHECK_NONE)
			buffer_printf(out, "%s\"%s\":%s", written++ ? "," : "", checks[index].name,
				      checks[index].check == MRZ_CHECK_RIGHT ? "true" : "false");
	buffer_append_char(out, '}');
}

void mrz_write_json(const struct mrz *mrz, struct buffer *out)
{
	const char *const lines[] = { mrz->lines[0], mrz->lines[1], mrz->lines[2] };
	const char *const optional[] = { mrz->optional[0], mrz->optional[1] };
	const char sex[] = { mrz->sex, '\0' };
	append_string(out, "{\"format\":", mrz_format_names[mrz->format]);
	buffer_printf(out, ",\"valid\":%s,\"corrections\":%d", mrz->valid ? "true" : "false", mrz->corrections);
	append_strings(out, "lines", lines, mrz->line_count);
	append_string(out, ",\"document_code\":", mrz->document_code);
	append_string(out, ",\"issuer\":", mrz->issuer);
	append_string(out, ",\"surname\":", mrz->surname);
	append_string(out, ",\"given_names\":", mrz->given_names);
	buffer_append_string(out, mrz->names_cut ? ",\"names_cut\":true" : "");
	append_string(out, ",\"document_number\":", mrz->document_number);
	append_string(out, ",\"nationality\":", mrz->nationality);
	append_string(out, ",\"birth_date\":", mrz->birth_date);
	append_string(out, ",\"sex\":", sex);
	append_string(out, ",\"expiry_date\":", mrz->expiry_date);
	append_strings(out, "optional", optional, 2);
	append_checks(out, mrz);
	buffer_append_char(out, '}');
}
