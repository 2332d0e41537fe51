/* Sorted lists: each element where libtesseract's own function puts it. */
#include <stdlib.h>

#include "common/ocr/sorted_list.h"
#define RANDOM_SEED 71993
#include "tests/unit/random.h"
#include "tests/unit/test.h"

sorted_list_add_function theirs __asm__(SORTED_LIST_ADD);
void operator_delete(void *link) __asm__("_ZdlPv");

#define ELEMENTS 60

static int compare(const void *left, const void *right)
{
	const int *const *a = left, *const *b = right;

	return **a < **b ? -1 : **a > **b;
}

static void list_free(struct sorted_list *list)
{
	struct sorted_link *link = list->last ? list->last->next : NULL;

	for (bool more = link; more;) {
		struct sorted_link *next = link->next;

		more = link != list->last;
		operator_delete(link);
		link = next;
	}
	list->last = NULL;
}

static bool same_lists(const struct sorted_list *left, const struct sorted_list *right)
{
	const struct sorted_link *a = left->last, *b = right->last;

	if (!a || !b)
		return !a && !b;
	do {
		if (a->data != b->data)
			return false;
		a = a->next;
		b = b->next;
	} while (a != left->last && b != right->last);
	return a == left->last && b == right->last;
}

static void elements_come_where_libtesseract_puts_them(void)
{
	int elements[ELEMENTS];

	printf("# seed %llu\n", (unsigned long long)random_state);
	for (int round = 0; round < 500; round++) {
		struct sorted_list expected = { NULL }, list = { NULL };
		uint32_t values = 1 + random_below(40);
		bool unique = random_below(2);

		for (int i = 0; i < ELEMENTS; i++)
			elements[i] = (int)random_below(values);
		for (int i = 0; i < ELEMENTS; i++) {
			int *element = &elements[random_below(ELEMENTS)];

			CHECK(theirs(&expected, compare, unique, element) ==
			      sorted_list_add(&list, compare, unique, element));
			CHECK(same_lists(&expected, &list));
		}
		list_free(&expected);
		list_free(&list);
	}
}

static int calls;

static bool counted(struct sorted_list *list, sorted_list_compare_function *function, bool unique, void *data)
{
	calls++;
	return theirs(list, function, unique, data);
}

static int compare_falling(const void *left, const void *right)
{
	return compare(right, left);
}

/* One that sorts the other way, as another version's might. */
static bool falling(struct sorted_list *list, sorted_list_compare_function *function, bool unique, void *data)
{
	(void)function;
	calls++;
	return theirs(list, compare_falling, unique, data);
}

/* How often a process that adds `count` elements asks libtesseract's function. */
static int count_calls(sorted_list_add_function *function, int count, struct sorted_list *list)
{
	struct sorted_list_trust trust = { .theirs = function };
	static int elements[1000];

	calls = 0;
	for (int i = 0; i < count; i++) {
		elements[i] = (int)random_below(100);
		(void)sorted_list_add_trusted(&trust, list, compare, true, &elements[i]);
	}
	return calls;
}

static void the_first_elements_are_looked_after_and_one_elsewhere_ends_the_trust(void)
{
	struct sorted_list list = { NULL };

	/* The very first, in an empty list, tells nothing. */
	CHECK_INTEGER(count_calls(counted, 1000, &list), SORTED_LIST_COMPARED + 1);
	list_free(&list);
	CHECK_INTEGER(count_calls(falling, 1000, &list), 1000);
	list_free(&list);
}

int main(void)
{
	TEST(elements_come_where_libtesseract_puts_them);
	TEST(the_first_elements_are_looked_after_and_one_elsewhere_ends_the_trust);
	return test_done();
}
