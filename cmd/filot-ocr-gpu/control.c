/* Finishing in company. See control.h. */
#include "control.h"

/* On the stack of its thread, which stays until it is over: it has to get the mutex before it can leave. */
struct finish {
	struct delivery *delivery;
	const char *event;
	struct finish *next;
	bool over, finished, owned; /* under control.mutex */
	struct error error;
};

static void join_line(struct control *control, struct finish *finish)
{
	(void)pthread_mutex_lock(&control->line_mutex);
	finish->next = control->line;
	control->line = finish;
	(void)pthread_mutex_unlock(&control->line_mutex);
}

/* As many of the line as one call takes. */
static size_t take_line(struct control *control, struct finish *taken[static QUEUE_FINISH_AT_ONCE])
{
	size_t count = 0;
	(void)pthread_mutex_lock(&control->line_mutex);
	for (; control->line && count < QUEUE_FINISH_AT_ONCE; control->line = control->line->next)
		taken[count++] = control->line;
	(void)pthread_mutex_unlock(&control->line_mutex);
	return count;
}

static void finish_line(struct control *control)
{
	struct finish *taken[QUEUE_FINISH_AT_ONCE];
	struct delivery *deliveries[QUEUE_FINISH_AT_ONCE];
	const char *events[QUEUE_FINISH_AT_ONCE];
	bool owned[QUEUE_FINISH_AT_ONCE];
	struct error error = { 0 };
	size_t count = take_line(control, taken);
	for (size_t index = 0; index < count; index++) {
		deliveries[index] = taken[index]->delivery;
		events[index] = taken[index]->event;
	}
	bool finished = queue_finish_many(control->queue, deliveries, events, count, owned, &error);
	for (size_t index = 0; index < count; index++) {
		taken[index]->finished = finished;
		taken[index]->owned = owned[index];
		taken[index]->error = error;
		taken[index]->over = true;
	}
}

bool control_finish(struct control *control, struct delivery *delivery, const char *event, bool *owned,
		    struct error *error)
{
	struct finish finish = { .delivery = delivery, .event = event };
	join_line(control, &finish);
	(void)pthread_mutex_lock(&control->mutex);
	while (!finish.over)
		finish_line(control);
	(void)pthread_mutex_unlock(&control->mutex);
	*owned = finish.owned;
	*error = finish.error;
	return finish.finished;
}
