/*
 * Adding to libtesseract's sorted lists (CLIST::add_sorted): its layout collects each letter's neighbours, and theirs, in
 * such lists, and spends a fourteenth of a page's time on walking along them by calls. Here the walk is a loop.
 *
 * The structures are libtesseract's own, those of 5.0 to 5.5. Nothing is taken on trust: where the first
 * SORTED_LIST_COMPARED elements of a process belong is worked out, and libtesseract adds them; when one comes elsewhere,
 * it adds all others, too.
 *
 * Source: Tesseract 5.3.0, ccutil/clst.h, clst.cpp.
 */
#ifndef FILOT_SORTED_LIST_H
#define FILOT_SORTED_LIST_H

#include <stdbool.h>
#include <stdint.h>

#define SORTED_LIST_ADD "_ZN9tesseract5CLIST10add_sortedEPFiPKvS2_EbPv"
#define SORTED_LIST_COMPARED 64

struct sorted_link {
	struct sorted_link *next; /* of the last: the first */
	void *data;
};

struct sorted_list {
	struct sorted_link *last; /* NULL: there are none */
};

/* Takes pointers to two elements' data. */
typedef int sorted_list_compare_function(const void *left, const void *right);

typedef bool sorted_list_add_function(struct sorted_list *list, sorted_list_compare_function *compare, bool unique,
				      void *data);

/*
 * Adds an element before the first that is greater. `unique`: not when it is found among those before. Returns whether it
 * was added. The new link is libtesseract's, from operator new; what that throws when there is no memory passes through to
 * libtesseract's caller.
 */
bool sorted_list_add(struct sorted_list *list, sorted_list_compare_function *compare, bool unique, void *data);

/* A process's trust in sorted_list_add. */
struct sorted_list_trust {
	sorted_list_add_function *theirs;
	int32_t compared;
	bool differs;
};

/* The same by libtesseract's function or by ours, as it is trusted. */
bool sorted_list_add_trusted(struct sorted_list_trust *trust, struct sorted_list *list,
			     sorted_list_compare_function *compare, bool unique, void *data);

#endif
