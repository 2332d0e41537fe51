/*
 * Where a line of fixed pitch is cut into cells: what libtesseract does for each place of each line and each pitch that it
 * tries (FPCUTPT::assign), a fourteenth of a page's time. It compares the left and the right half of each cell that could
 * end at a place, pixel by pixel, though each cut has the bits of both beside it.
 *
 * The structures are libtesseract's own, which no header of its has: those of 5.3 to 5.5. Nothing is taken on trust: the
 * first PITCH_COMPARED cuts of a process are made by both, and when one differs in a bit, all others by libtesseract.
 *
 * Source: Tesseract 5.3.0, textord/pithsync.cpp, ccstruct/statistc.h.
 */
#ifndef FILOT_PITCH_H
#define FILOT_PITCH_H

#include <stdbool.h>
#include <stdint.h>

#define PITCH_ASSIGN "_ZN9tesseract7FPCUTPT6assignEPS0_ssbbsPNS_5STATSEfsss"
#define PITCH_COMPARED 64

/* FPCUTPT: the best way to cut a line from its start to this place. */
struct pitch_cut {
	bool faked, terminal; /* cut where something stands; no cell begins here */
	int16_t fake_count;   /* of the way; INT16_MAX: there is none */
	int16_t cell_count, free_count;
	int32_t x;
	uint32_t left_bits, right_bits; /* which places beside it are occupied, nearest 32 at most */
	const struct pitch_cut *previous;
	double sum, squares, cost;
};

/* STATS: how many pixels stand at each x. Those outside of least to most are as those at the nearer end. */
struct pitch_projection {
	int32_t least, most, total;
	const int32_t *counts;
};

/* A place at which a line may be cut, and what libtesseract gives to say so. */
struct pitch_place {
	struct pitch_cut *cuts; /* of all places from `origin` on */
	int16_t origin, x;
	bool faked, is_free;
	int16_t offset;
	const struct pitch_projection *projection;
	float scale;
	int16_t zero_count; /* occupied: by more pixels */
	int16_t pitch, pitch_error;
};

/*
 * Sets *cut, which is the place's own, from the cuts before it. A cell is as wide as the pitch, give or take its error.
 * False, with nothing done, when cells could have no width.
 */
bool pitch_assign(struct pitch_cut *cut, const struct pitch_place *place);

typedef void pitch_assign_function(struct pitch_cut *cut, struct pitch_cut *cuts, int16_t origin, int16_t x, bool faked,
				   bool is_free, int16_t offset, const struct pitch_projection *projection, float scale,
				   int16_t zero_count, int16_t pitch, int16_t pitch_error);

/* A process's trust in pitch_assign. */
struct pitch_trust {
	pitch_assign_function *theirs;
	int32_t compared;
	bool differs;
};

/* By libtesseract's function, by ours, or by both, as it is trusted. */
void pitch_assign_trusted(struct pitch_trust *trust, struct pitch_cut *cut, const struct pitch_place *place);

#endif
