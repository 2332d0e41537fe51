/*
 * The line recogniser's network: grey images of text lines in, probabilities of codes (classes) for each time step out,
 * with the same numbers as Tesseract computes, to the last bit of every float, many lines at a time.
 *
 * Words used here and in the back ends
 *   line      one text line's image, `height` rows (36 or 48) of its own width in pixels
 *   step      one column after pooling: x_scale pixels of the line; a line of width W has W / x_scale steps
 *   channel   one number of a layer's output at one place; class: a channel of the last layer, which is a code of the
 *             recoder or CTC's blank
 *   row       one step of one line. Lines of a batch are sorted by width, the widest first; rows stand step by step:
 *             those of step 0 of all lines, those of step 1 of all lines that have a step 1, and so on. So a batch has
 * no padding, the lines that take part in a step are always the first ones, and a line's numbers never depend on its
 * neighbours. layers' outputs are [height][rows][channels], int8 in integer models (a value v stands for v / 127), else
 * float.
 *
 * struct network is immutable and shared by threads (and by back ends on other devices); struct network_workspace is
 * one thread's memory, which grows to what its largest batch needed and is kept: about 1 KB for each step, and 4 bytes a
 * class where all outputs are wanted.
 *
 * Sources: Tesseract 5.3.0, lstm/{convolve,fullyconnected,lstm,maxpool,networkio}.cpp, functions.h. The sums of integer
 * models are exact, so each back end gives the same bits; those of float models follow the order of Tesseract's AVX dot
 * product (arch/dotproductavx.cpp).
 */
#ifndef FILOT_NETWORK_H
#define FILOT_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/ocr/beam_step.h"
#include "common/ocr/model.h"

enum network_backend { NETWORK_GENERIC, NETWORK_AVX2, NETWORK_AVX512VNNI, NETWORK_CUDA, NETWORK_BACKEND_COUNT };

/* The fastest that this machine's processor runs; a GPU is asked for by name, or by who opened one (network_gpus.h). */
enum network_backend network_backend_best(void);
/* Whether this machine runs it. Of NETWORK_CUDA: whether there is a GPU, which starts CUDA when it is asked first. */
bool network_backend_runs(enum network_backend backend);
/* "generic", "avx2", "avx512vnni", "cuda": the names of `--backend` and of result lines. */
const char *network_backend_name(enum network_backend backend);

struct network;

/*
 * Compiles a model for a back end. The model is borrowed until network_free. ERROR_CONFIG when the layers are arranged
 * in a way that we do not run (the message names the layer and says that `--engine tesseract` takes it) or when this
 * machine does not run the back end; ERROR_OUT_OF_MEMORY. With NETWORK_CUDA it is on all GPUs there are.
 */
struct network *network_new(const struct model *model, enum network_backend backend, struct error *error);

/* The same for the back end "cuda" on GPUs that were opened; borrowed. ERROR_UNAVAILABLE when one is lost. */
struct network_gpus;
struct network *network_new_on(const struct model *model, struct network_gpus *gpus, struct error *error);
void network_free(struct network *network); /* NULL is fine */

struct network_shape {
	int32_t height;		 /* of line images */
	int32_t x_scale;	 /* pixels a step */
	int32_t class_count;	 /* probabilities a step */
	int64_t step_operations; /* multiplications a step, to say how far from a machine's limit a back end is */
};
struct network_shape network_shape(const struct network *network);

/* A line's image: grey bytes, 0 black; borrowed while network_run runs. A pixel enters the network as
 * (pixel - black) / contrast - 1, in integer models times 128, rounded, within ±127 (networkio.cpp, SetPixel). */
struct network_line {
	const uint8_t *pixels; /* [height][stride], the network's height */
	size_t stride_bytes;
	int32_t width;	       /* x_scale to NETWORK_WIDTH_MOST */
	float black, contrast; /* contrast > 0 */
};

/* A line's result: [step_count][class_count] probabilities. Belongs to the workspace, until its next run. */
struct network_output {
	const float *probabilities;
	int32_t step_count;
};

#define NETWORK_WIDTH_MOST 65536
#define NETWORK_LINES_MOST 4096
#define NETWORK_COLUMNS_MOST (1 << 20) /* pixels of width of all lines of a batch */

struct network_workspace;

/* `network` is borrowed. NULL with ERROR_OUT_OF_MEMORY. */
struct network_workspace *network_workspace_new(const struct network *network, struct error *error);
void network_workspace_free(struct network_workspace *workspace); /* NULL is fine */

/*
 * Runs a batch of 1 to NETWORK_LINES_MOST lines of any widths; outputs[i] is that of lines[i]. Lines of like width in
 * one batch are fastest, 8 or more. ERROR_BAD_INPUT when a line or the batch is outside of the limits above,
 * ERROR_OUT_OF_MEMORY (of the machine or the GPU: fewer lines may do), ERROR_UNAVAILABLE when a GPU is lost.
 */
bool network_run(struct network_workspace *workspace, const struct network_line *lines, size_t count,
		 struct network_output *outputs, struct error *error);

/* What reading takes of a line's result: [step_count]. Belongs to the workspace, until its next run. */
struct network_reading {
	const struct beam_reduced *steps;
	int32_t step_count;
};

/* The same as network_run; each step is reduced (beam_reduce) where it is made, so the outputs are in no memory whole. */
bool network_read(struct network_workspace *workspace, const struct network_line *lines, size_t count,
		  struct network_reading *readings, struct error *error);

#endif
