/*
 * The template with its places filled in. A document's text comes in as JSON, in which '<' is written as an escape, so that
 * nothing in it can end the element that holds it; images as base64. Neither is ever parsed as HTML or script.
 */
#include "common/ocr/output_overlay.h"

#include <openssl/evp.h>
#include <string.h>

#include "overlay_css.h"
#include "overlay_html.h"
#include "overlay_js.h"

/* `length` is below INT_MAX: those of images and of sums are. */
static void append_base64(struct buffer *out, const void *bytes, size_t length)
{
	char *end = buffer_reserve(out, (length + 2) / 3 * 4 + 1);
	if (end)
		buffer_added(out, (size_t)EVP_EncodeBlock((unsigned char *)end, bytes, (int)length));
}

static void append_sum(struct buffer *out, const char *text)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	if (EVP_Digest(text, strlen(text), digest, &length, EVP_sha256(), NULL) != 1)
		length = 0; /* a sum of nothing allows nothing: the page stays empty and safe */
	buffer_append_string(out, "'sha256-");
	append_base64(out, digest, length);
	buffer_append_char(out, '\'');
}

static void append_policy(const struct result *result, struct buffer *out)
{
	(void)result;
	buffer_append_string(out, "default-src 'none'; img-src data:; style-src ");
	append_sum(out, overlay_css);
	buffer_append_string(out, "; script-src ");
	append_sum(out, overlay_js);
	buffer_append_string(out, "; base-uri 'none'; form-action 'none'");
}

static void append_style(const struct result *result, struct buffer *out)
{
	(void)result;
	buffer_append_string(out, overlay_css);
}

static void append_script(const struct result *result, struct buffer *out)
{
	(void)result;
	buffer_append_string(out, overlay_js);
}

static void append_result(const struct result *result, struct buffer *out)
{
	struct buffer line = { 0 };
	result_write(result, &line);
	out->failed = out->failed || line.failed;
	for (const char *at = line.failed ? NULL : line.data; at;) {
		const char *less = strchr(at, '<');
		buffer_append(out, at, less ? (size_t)(less - at) : strlen(at));
		if (less)
			buffer_append_string(out, "\\u003c");
		at = less ? less + 1 : NULL;
	}
	buffer_free(&line);
}

static void append_images(const struct result *result, struct buffer *out)
{
	for (size_t index = 0; index < result->page_count; index++) {
		const struct page *page = &result->pages[index];
		if (!page->image.bytes)
			continue;
		buffer_printf(out, "<script type=\"text/plain\" id=\"image-%d\">data:%s;base64,", page->number,
			      page->image.media_type);
		append_base64(out, page->image.bytes, page->image.length);
		buffer_append_string(out, "</script>\n");
	}
}

static const struct {
	const char *name;
	void (*append)(const struct result *result, struct buffer *out);
} places[] = {
	{ "{{policy}}", append_policy }, { "{{style}}", append_style },	  { "{{result}}", append_result },
	{ "{{images}}", append_images }, { "{{script}}", append_script },
};

/* The places come in the template in the order of the table. */
void output_overlay_write(const struct result *result, struct buffer *out)
{
	const char *rest = overlay_html;
	for (size_t index = 0; index < sizeof places / sizeof *places; index++) {
		const char *place = strstr(rest, places[index].name);
		if (!place)
			continue;
		buffer_append(out, rest, (size_t)(place - rest));
		places[index].append(result, out);
		rest = place + strlen(places[index].name);
	}
	buffer_append_string(out, rest);
}
