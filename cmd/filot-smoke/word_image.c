/*
 * Letters are lists of strokes; a pixel is as dark as it lies near to one. Only letters of straight lines are used, which
 * are also those that nothing else looks like.
 */
#include "cmd/filot-smoke/word_image.h"

#include <math.h>
#include <string.h>
#include <sys/random.h>

#define CAPITAL_PX 60 /* height: 5 mm at 300 dpi */
#define PEN_PX 8
#define GAP 20 /* between letters; hundredths of the height, as all in the table */
#define LINES 3
#define LINE_STEP_PX (CAPITAL_PX * 19 / 10)
#define MARGIN_PX CAPITAL_PX
#define WHITE 255

static const char consonants[] = "FHKLMNTVXZ", vowels[] = "AE";

struct stroke {
	short x0, y0, x1, y1; /* right and down from the top left corner */
};

struct letter {
	char name;
	short width;
	struct stroke strokes[4]; /* those of no length are none */
};

static const struct letter letters[] = {
	{ 'A', 80, { { 0, 100, 40, 0 }, { 40, 0, 80, 100 }, { 14, 65, 66, 65 } } },
	{ 'E', 60, { { 0, 0, 0, 100 }, { 0, 0, 60, 0 }, { 0, 48, 52, 48 }, { 0, 100, 60, 100 } } },
	{ 'F', 58, { { 0, 0, 0, 100 }, { 0, 0, 58, 0 }, { 0, 50, 50, 50 } } },
	{ 'H', 70, { { 0, 0, 0, 100 }, { 70, 0, 70, 100 }, { 0, 48, 70, 48 } } },
	{ 'K', 68, { { 0, 0, 0, 100 }, { 0, 62, 64, 0 }, { 22, 42, 68, 100 } } },
	{ 'L', 55, { { 0, 0, 0, 100 }, { 0, 100, 55, 100 } } },
	{ 'M', 90, { { 0, 100, 0, 0 }, { 0, 0, 45, 80 }, { 45, 80, 90, 0 }, { 90, 0, 90, 100 } } },
	{ 'N', 72, { { 0, 100, 0, 0 }, { 0, 0, 72, 100 }, { 72, 100, 72, 0 } } },
	{ 'T', 70, { { 0, 0, 70, 0 }, { 35, 0, 35, 100 } } },
	{ 'V', 78, { { 0, 0, 39, 100 }, { 39, 100, 78, 0 } } },
	{ 'X', 72, { { 0, 0, 72, 100 }, { 72, 0, 0, 100 } } },
	{ 'Z', 66, { { 0, 0, 66, 0 }, { 66, 0, 0, 100 }, { 0, 100, 66, 100 } } },
};

char *word_new(char word[static WORD_SIZE])
{
	unsigned char random[WORD_LENGTH] = { 0 };
	(void)!getentropy(random, sizeof random); /* fails only where there is no such call */
	for (size_t index = 0; index < WORD_LENGTH; index++)
		word[index] = index % 2 ? vowels[random[index] % (sizeof vowels - 1)] :
					  consonants[random[index] % (sizeof consonants - 1)];
	word[WORD_LENGTH] = '\0';
	return word;
}

static const struct letter *letter_of(char name)
{
	for (size_t index = 0; index < sizeof letters / sizeof *letters; index++)
		if (letters[index].name == name)
			return &letters[index];
	return NULL;
}

struct canvas {
	unsigned char *pixels;
	int width, height;
};

static double scaled(int hundredths)
{
	return hundredths * CAPITAL_PX / 100.0;
}

/* The distance of a point from the line between two others. */
static double distance(double x, double y, double x0, double y0, double x1, double y1)
{
	double dx = x1 - x0, dy = y1 - y0;
	double along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy);
	along = along < 0 ? 0 : along > 1 ? 1 : along;
	return hypot(x - x0 - along * dx, y - y0 - along * dy);
}

/* The letter's box and the pen around it; each pixel once, by the stroke that is nearest. */
static void draw(const struct canvas *canvas, const struct letter *letter, double left, double top)
{
	const int reach = PEN_PX / 2 + 1;
	for (int y = (int)top - reach; y <= (int)top + CAPITAL_PX + reach; y++)
		for (int x = (int)left - reach; x <= (int)(left + scaled(letter->width)) + reach; x++) {
			double nearest = reach;
			for (size_t index = 0; index < sizeof letter->strokes / sizeof *letter->strokes; index++) {
				const struct stroke *stroke = &letter->strokes[index];
				if (stroke->x0 == stroke->x1 && stroke->y0 == stroke->y1)
					break;
				double away = distance(x, y, left + scaled(stroke->x0), top + scaled(stroke->y0),
						       left + scaled(stroke->x1), top + scaled(stroke->y1));
				nearest = away < nearest ? away : nearest;
			}
			double light = nearest - PEN_PX / 2.0 + 0.5;
			unsigned char *pixel = &canvas->pixels[(size_t)y * (size_t)canvas->width + (size_t)x];
			if (light < 1)
				*pixel = light <= 0 ? 0 : (unsigned char)(light * WHITE);
		}
}

bool word_image(const char *word, struct buffer *image, struct error *error)
{
	struct canvas canvas = { .width = 2 * MARGIN_PX, .height = 2 * MARGIN_PX + (LINES - 1) * LINE_STEP_PX + CAPITAL_PX };
	double left = MARGIN_PX;
	for (const char *at = word; *at; at++) {
		const struct letter *letter = letter_of(*at);
		if (!letter)
			return error_set(error, ERROR_INTERNAL, "no strokes for '%c'", *at);
		canvas.width += (int)ceil(scaled(letter->width + GAP));
	}
	buffer_printf(image, "P5\n%d %d\n%d\n", canvas.width, canvas.height, WHITE);
	size_t bytes = (size_t)canvas.width * (size_t)canvas.height;
	canvas.pixels = (unsigned char *)buffer_reserve(image, bytes);
	if (!canvas.pixels)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for an image");
	memset(canvas.pixels, WHITE, bytes);
	for (const char *at = word; *at; at++) {
		const struct letter *letter = letter_of(*at);
		for (int line = 0; line < LINES; line++)
			draw(&canvas, letter, left, MARGIN_PX + line * LINE_STEP_PX);
		left += scaled(letter->width + GAP);
	}
	buffer_added(image, bytes);
	return true;
}
