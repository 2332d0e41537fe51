/*
 * What the benchmarks share that watch libtesseract from within: they define functions of the names that it calls, so
 * that these calls come to them first, and hand them on to its own.
 */
#ifndef FILOT_BENCH_HOOKS_H
#define FILOT_BENCH_HOOKS_H

#include <dlfcn.h>
#include <leptonica/allheaders.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline void *allocate(size_t bytes)
{
	void *memory = malloc(bytes);

	if (!memory)
		abort();
	return memory;
}

/* libtesseract's own function of a name. */
static inline void *original(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function) {
		(void)fprintf(stderr, "this libtesseract has no %s\n", name);
		exit(1);
	}
	return function;
}

/* A grey image's bytes without padding. */
static inline uint8_t *pixels_of(PIX *pix, size_t *width, size_t *height)
{
	uint8_t *pixels;

	*width = (size_t)pixGetWidth(pix);
	*height = (size_t)pixGetHeight(pix);
	pixels = allocate(*width * *height);
	for (size_t y = 0; y < *height; y++) {
		const l_uint32 *row = pixGetData(pix) + (size_t)pixGetWpl(pix) * y;

		for (size_t x = 0; x < *width; x++)
			pixels[y * *width + x] = (uint8_t)GET_DATA_BYTE(row, x);
	}
	return pixels;
}

#endif
