/* draw_words COUNT: so many of the canary's words as WORD.pgm in the present folder, for a reader to read. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/filot-smoke/word_image.c" /* a command's own file: it is in no library */

int main(int argc, char **argv)
{
	for (long left = argc == 2 ? strtol(argv[1], NULL, 10) : 0; left > 0; left--) {
		char word[WORD_SIZE], name[WORD_SIZE + 8];
		struct buffer image = { 0 };
		struct error error = { 0 };
		(void)snprintf(name, sizeof name, "%s.pgm", word_new(word));
		FILE *file = fopen(name, "w");
		if (!file || !word_image(word, &image, &error) || fwrite(image.data, 1, image.length, file) != image.length ||
		    fclose(file) != 0) {
			fprintf(stderr, "%s: %s\n", name, error.message);
			return 1;
		}
		buffer_free(&image);
	}
	return 0;
}
