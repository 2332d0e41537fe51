/*
 * draw_lines FONT SIZE SHARPNESS < LINES > PNG: a page in black on white with each line of standard input in that font, its
 * size in pixels. A SHARPNESS below 1 draws it so much smaller and scales it up again, as a poor camera or fax does.
 */
#include <cairo.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_PX 2200
#define HEIGHT_PX 1500

static cairo_status_t put(void *unused, const unsigned char *bytes, unsigned int length)
{
	(void)unused;
	return fwrite(bytes, 1, length, stdout) == length ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static cairo_t *white(cairo_surface_t **page, double scale)
{
	*page = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(WIDTH_PX * scale), (int)(HEIGHT_PX * scale));
	cairo_t *pen = cairo_create(*page);
	cairo_set_source_rgb(pen, 1, 1, 1);
	cairo_paint(pen);
	return pen;
}

static void draw(cairo_t *pen, const char *font, double size)
{
	char line[256];
	double y = 2 * size;
	cairo_set_source_rgb(pen, 0.08, 0.08, 0.08);
	cairo_select_font_face(pen, font, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(pen, size);
	for (; fgets(line, sizeof line, stdin); y += 1.7 * size) {
		line[strcspn(line, "\n")] = '\0';
		cairo_move_to(pen, 100, y);
		cairo_show_text(pen, line);
	}
}

int main(int argc, char **argv)
{
	double sharpness = argc == 4 ? strtod(argv[3], NULL) : 0;
	cairo_surface_t *small, *page;
	if (!(sharpness > 0.1 && sharpness <= 1)) {
		fprintf(stderr, "usage: draw_lines FONT SIZE SHARPNESS < LINES > PNG\n");
		return 64;
	}
	cairo_t *pen = white(&small, sharpness);
	cairo_scale(pen, sharpness, sharpness);
	draw(pen, argv[1], strtod(argv[2], NULL));
	cairo_destroy(pen);
	pen = white(&page, 1);
	cairo_scale(pen, 1 / sharpness, 1 / sharpness);
	cairo_set_source_surface(pen, small, 0, 0);
	cairo_pattern_set_filter(cairo_get_source(pen), CAIRO_FILTER_BILINEAR);
	cairo_paint(pen);
	cairo_destroy(pen);
	bool done = cairo_surface_write_to_png_stream(page, put, NULL) == CAIRO_STATUS_SUCCESS && fflush(stdout) == 0;
	cairo_surface_destroy(small);
	cairo_surface_destroy(page);
	return done ? 0 : 1;
}
