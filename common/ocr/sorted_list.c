/* See sorted_list.h. */
#include "common/ocr/sorted_list.h"

#include <stddef.h>

void *operator_new(size_t bytes) __asm__("_Znwm");

/* Where an element belongs in a list that is not empty. */
struct place {
	struct sorted_link *before; /* NULL: it is there already */
	bool is_end;
};

static struct place find_place(const struct sorted_list *list, sorted_list_compare_function *compare, bool unique,
			       void *data)
{
	struct sorted_link *before = list->last;

	if (compare(&before->data, &data) < 0)
		return (struct place){ before, true };
	if (unique && before->data == data)
		return (struct place){ NULL, false };
	do {
		struct sorted_link *link = before->next;

		if (unique && link->data == data)
			return (struct place){ NULL, false };
		if (compare(&link->data, &data) > 0)
			return (struct place){ before, false };
		before = link;
	} while (before != list->last);
	return (struct place){ before, true };
}

bool sorted_list_add(struct sorted_list *list, sorted_list_compare_function *compare, bool unique, void *data)
{
	struct place place = { NULL, true };
	struct sorted_link *link;

	if (list->last) {
		place = find_place(list, compare, unique, data);
		if (!place.before)
			return false;
	}
	link = operator_new(sizeof *link);
	link->data = data;
	link->next = place.before ? place.before->next : link;
	if (place.before)
		place.before->next = link;
	if (place.is_end)
		list->last = link;
	return true;
}

bool sorted_list_add_trusted(struct sorted_list_trust *trust, struct sorted_list *list,
			     sorted_list_compare_function *compare, bool unique, void *data)
{
	const struct sorted_link *last = list->last, *after;
	struct place place;
	bool added;

	if (trust->compared >= SORTED_LIST_COMPARED && !trust->differs)
		return sorted_list_add(list, compare, unique, data);
	if (trust->differs || !last)
		return trust->theirs(list, compare, unique, data);
	place = find_place(list, compare, unique, data);
	after = place.before ? place.before->next : NULL;
	added = trust->theirs(list, compare, unique, data);
	trust->compared++;
	if (!place.before)
		trust->differs = added || list->last != last;
	else
		trust->differs = !added || place.before->next->data != data || place.before->next->next != after ||
				 list->last != (place.is_end ? place.before->next : last);
	return added;
}
