/*
 * The template with its places filled in. A document's text comes in as JSON, in which '<' is written as an escape, so that
 * nothing in it can end the element that holds it; images as base64. Neither is ever parsed as HTML or script.
 */
#include "common/ocr/output_overlay.h"

#include <openssl/evp.h>
#include <string.h>

#include "common/http/page.h"
#include "overlay_css.h"
#include "overlay_html.h"
#include "overlay_js.h"

/* `length` is below INT_MAX: those of images are. */
static void append_base64(struct buffer *out, const void *bytes, size_t length)
{
	char *end = buffer_reserve(out, (length + 2) / 3 * 4 + 1);
	if (end)
		buffer_added(out, (size_t)EVP_EncodeBlock((unsigned char *)end, bytes, (int)length));
}

/* A text without its hash in the policy does not run: the page is empty then, and safe. */
static void append_hash(struct buffer *out, const char *text)
{
	char source[PAGE_SOURCE_SIZE];
	buffer_append_string(out, page_hash(text, strlen(text), source, NULL) ? source : "'none'");
}

static void append_policy(const struct result *result, struct buffer *out)
{
	(void)result;
	buffer_append_string(out, "default-src 'none'; img-src data:; style-src ");
	append_hash(out, overlay_css);
	buffer_append_string(out, "; script-src ");
	append_hash(out, overlay_js);
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
