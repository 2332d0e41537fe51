/*
 * Views and moves. The scripts know streams and sets; what a row means is put together here, and what is in a job's
 * line is the caller's to judge.
 */
#include "common/redis/queue_admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis/queue_private.h"
#include "queue_browse_lua.h"
#include "queue_move_lua.h"

#define WORDS_A_MOVE 6
#define FIXED_WORDS (QUEUE_WINDOW_KEYS + 5 + 2) /* the keys and the first arguments */
#define NUMBER_SIZE 24

const char *const queue_place_names[PLACE_COUNT + 1] = { "pending", "ready", "delayed", "dead", NULL };

/* ---- looking ---- */

static enum queue_key view_key(const struct queue_view *view)
{
	if (view->place == PLACE_DELAYED)
		return QUEUE_DELAYED;
	if (view->place == PLACE_DEAD)
		return QUEUE_DEAD;
	return (enum queue_key)((int)view->stream + (view->backlog ? QUEUE_BACKLOG_HIGH : QUEUE_STREAM_HIGH));
}

static redisReply *call_browse(struct queue *queue, const struct queue_view *view, struct error *error)
{
	struct queue_call call = { 0 };
	bool open = view->until_ms == 0;
	queue_call_string(&call, queue->keys[view_key(view)]);
	if (view->backlog)
		queue_call_string(&call, queue->keys[QUEUE_TURNS_HIGH + (int)view->stream]);
	int key_count = call.count;
	queue_call_string(&call, view->backlog ? "backlog" : queue_place_names[view->place]);
	queue_call_string(&call, view->after);
	queue_call_number(&call, QUEUE_PAGE_ITEMS);
	queue_call_number(&call, view->place == PLACE_PENDING ? view->least_idle_ms : view->from_ms);
	if (open)
		queue_call_string(&call, view->place == PLACE_DELAYED ? "+inf" : "+");
	else
		queue_call_number(&call, view->until_ms);
	for (size_t index = 0; index < view->job_count; index++)
		queue_call_string(&call, view->jobs[index]);
	return queue_call_run(queue, queue_browse_lua, key_count, &call, "looking at jobs", NULL, error);
}

static const char *text_of(const redisReply *row, size_t index, size_t *length)
{
	bool there = index < row->elements && row->element[index]->type == REDIS_REPLY_STRING;
	if (length)
		*length = there ? row->element[index]->len : 0;
	return there ? row->element[index]->str : "";
}

static int64_t number_of(const redisReply *row, size_t index)
{
	return index < row->elements ? row->element[index]->integer : 0;
}

/*
 * The line of a member "MS JOB TENANT LINE", of the delayed set "STREAM JOB TENANT LINE"; anything else is a line by
 * itself, as for the claim. A number tells since when a job waits.
 */
static void split_member(struct queue_item *item)
{
	struct queue_member member = queue_member_split(item->line, item->length);
	item->line = member.line;
	item->length = member.length;
	if (item->place != PLACE_DELAYED && member.number >= 0)
		item->since_ms = member.number;
	if (item->place == PLACE_DELAYED)
		item->stream = member.number >= 1 && member.number <= JOB_PRIORITY_COUNT ? (enum job_priority)(member.number - 1) :
											   JOB_PRIORITY_NORMAL;
}

static bool read_item(const struct queue_view *view, const redisReply *row, struct queue_item *item)
{
	if (row->type != REDIS_REPLY_ARRAY || row->elements < 3)
		return false;
	*item = (struct queue_item){ .place = view->place, .backlog = view->backlog, .stream = view->stream, .worker = "", .code = "", .message = "" };
	item->entry = text_of(row, 0, NULL);
	item->job = text_of(row, 1, NULL);
	item->line = text_of(row, view->place == PLACE_DELAYED || view->backlog ? 0 : 2, &item->length);
	item->since_ms = strtoll(item->entry, NULL, 10); /* an entry's id begins with its time */
	switch (view->place) {
	case PLACE_PENDING:
		item->worker = text_of(row, 3, NULL);
		item->idle_ms = number_of(row, 4);
		item->deliveries = number_of(row, 5);
		break;
	case PLACE_DELAYED:
		item->since_ms = number_of(row, 3);
		break;
	case PLACE_DEAD:
		item->stream = JOB_PRIORITY_NORMAL;
		item->code = text_of(row, 3, NULL);
		item->message = text_of(row, 4, NULL);
		break;
	default:
		break;
	}
	if (view->place != PLACE_DEAD)
		split_member(item);
	return true;
}

void queue_view_close(struct queue_view *view)
{
	freeReplyObject(view->reply);
	view->reply = NULL;
	view->count = 0;
}

/* Where the next page begins, and in which stream or backlog. */
static void advance(struct queue_view *view, const char *ended)
{
	(void)snprintf(view->after, sizeof view->after, "%s", ended);
	if (*ended)
		return;
	view->backlog = view->place == PLACE_READY && !view->backlog;
	if (view->backlog)
		return;
	if (view->place == PLACE_DELAYED || view->place == PLACE_DEAD || view->stream == JOB_PRIORITY_LOW)
		view->ended = true;
	else
		view->stream++;
}

bool queue_view_next(struct queue *queue, struct queue_view *view, bool *more, struct error *error)
{
	queue_view_close(view);
	*more = false;
	if (view->ended)
		return true;
	if (view->removed && *view->after) { /* the place begins with a count there */
		char *rest;
		char after[sizeof view->after];
		long long offset = strtoll(view->after, &rest, 10) - (long long)view->removed;
		(void)snprintf(after, sizeof after, "%lld%s", offset > 0 ? offset : 0, rest);
		memcpy(view->after, after, sizeof after);
	}
	view->removed = 0;
	redisReply *reply = call_browse(queue, view, error);
	if (!reply)
		return false;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || reply->element[2]->type != REDIS_REPLY_ARRAY) {
		(void)redis_refused(reply, "looking at jobs", error);
		freeReplyObject(reply);
		return false;
	}
	const redisReply *rows = reply->element[2];
	view->reply = reply;
	view->now_ms = reply->element[0]->integer;
	for (size_t index = 0; index < rows->elements && view->count < QUEUE_PAGE_ITEMS; index++)
		view->count += read_item(view, rows->element[index], &view->items[view->count]);
	advance(view, text_of(reply, 1, NULL));
	*more = true;
	return true;
}

/* ---- moving ---- */

struct words {
	const char **texts;
	size_t *lengths;
	char (*numbers)[NUMBER_SIZE];
	size_t count;
};

static void add_word(struct words *words, const char *text, size_t length)
{
	words->texts[words->count] = text;
	words->lengths[words->count++] = length;
}

static void add_string(struct words *words, const char *text)
{
	add_word(words, text ? text : "", text ? strlen(text) : 0);
}

static void add_number(struct words *words, int64_t number)
{
	char *text = words->numbers[words->count];
	(void)snprintf(text, NUMBER_SIZE, "%" PRId64, number);
	add_string(words, text);
}

static const char *act_name(const struct queue_move *move)
{
	static const char *const names[] = { [ACT_RELEASE] = "release", [ACT_PROMOTE] = "promote",
					     [ACT_REVIVE] = "revive" };
	if (move->act != ACT_REMOVE)
		return names[move->act];
	if (move->item->backlog)
		return "remove backlog";
	return move->item->place == PLACE_DELAYED ? "remove delayed" :
	       move->item->place == PLACE_DEAD	  ? "remove dead" :
						    "remove claimed-or-ready";
}

static void add_move(struct words *words, const struct queue_move *move)
{
	const struct queue_item *item = move->item;
	add_string(words, act_name(move));
	add_number(words, (move->act == ACT_REVIVE ? move->stream : item->stream) + 1);
	if (item->place == PLACE_DELAYED || item->backlog) /* the member ends where its line does; it may hold any byte */
		add_word(words, item->entry, (size_t)(item->line - item->entry) + item->length);
	else
		add_string(words, item->entry);
	switch (move->act) {
	case ACT_RELEASE:
		add_string(words, item->worker);
		add_number(words, item->deliveries);
		add_number(words, move->least_idle_ms);
		break;
	case ACT_PROMOTE:
	case ACT_REVIVE:
		add_string(words, move->job);
		add_string(words, move->tenant);
		add_word(words, move->line, move->length);
		break;
	default:
		for (int index = 0; index < 3; index++)
			add_string(words, "");
	}
}

static bool read_answer(const redisReply *reply, struct queue_move *move)
{
	static const struct {
		const char *word;
		enum queue_moved moved;
	} words[] = { { "moved", MOVED_DONE },	     { "gone", MOVED_GONE },	     { "taken", MOVED_TAKEN },
		      { "renewed", MOVED_RENEWED }, { "released", MOVED_RELEASED }, { "cancelled", MOVED_CANCELLED } };
	if (reply->type != REDIS_REPLY_STRING)
		return false;
	move->held = strncmp(reply->str, "held ", 5) == 0;
	if (move->held)
		move->moved = MOVED_DONE;
	for (size_t index = 0; index < sizeof words / sizeof *words; index++)
		if (strcmp(reply->str, words[index].word) == 0) {
			move->moved = words[index].moved;
			return true;
		}
	return move->held;
}

static bool read_answers(const redisReply *reply, struct queue_move *moves, size_t count, struct error *error)
{
	if (reply->type == REDIS_REPLY_ERROR)
		return redis_refused(reply, "moving jobs", error);
	bool good = reply->type == REDIS_REPLY_ARRAY && reply->elements == count;
	for (size_t index = 0; good && index < count; index++)
		good = read_answer(reply->element[index], &moves[index]);
	return good || error_set(error, ERROR_INTERNAL, "moving jobs: Redis gave an answer of an unexpected kind");
}

bool queue_move(struct queue *queue, bool dry, struct queue_move *moves, size_t count, struct error *error)
{
	static const enum queue_key keys[] = { QUEUE_DELAYED, QUEUE_DEAD, QUEUE_CANCEL, QUEUE_SWEPT, QUEUE_TAKEOVERS };
	const size_t more_keys = sizeof keys / sizeof *keys;
	size_t most = FIXED_WORDS + WORDS_A_MOVE * count;
	struct words words = { .texts = calloc(most, sizeof *words.texts), .lengths = calloc(most, sizeof *words.lengths),
			       .numbers = calloc(most, sizeof *words.numbers) };
	redisReply *reply = NULL;
	bool good = false;
	if (!words.texts || !words.lengths || !words.numbers) {
		(void)error_set(error, ERROR_OUT_OF_MEMORY, "queue: out of memory");
		goto out;
	}
	for (size_t index = 0; index < QUEUE_WINDOW_KEYS; index++)
		add_string(&words, queue->keys[index]);
	for (size_t index = 0; index < more_keys; index++)
		add_string(&words, queue->keys[keys[index]]);
	add_string(&words, dry ? "dry" : "do");
	add_number(&words, QUEUE_RELEASED_IDLE_MS);
	for (size_t index = 0; index < count; index++)
		add_move(&words, &moves[index]);
	reply = redis_script(queue->redis, true, queue_move_lua, QUEUE_WINDOW_KEYS + (int)more_keys, (int)words.count, words.texts,
			     words.lengths, error);
	good = reply && read_answers(reply, moves, count, error);
	if (!good)
		(void)error_prefix(error, "queue %s", queue->settings.name);
out:
	freeReplyObject(reply);
	free(words.texts);
	free(words.lengths);
	free(words.numbers);
	return good;
}

/* ---- cancel marks ---- */

static bool mark_command(struct queue *queue, const char *command, const char *job, bool *changed, struct error *error)
{
	const char *argv[] = { command, queue->keys[QUEUE_CANCEL], job };
	redisReply *reply = redis_command(queue->redis, true, 3, argv, NULL, error);
	bool good = reply && (reply->type == REDIS_REPLY_INTEGER || redis_refused(reply, "cancel mark", error));
	*changed = good && reply->integer == 1;
	freeReplyObject(reply);
	return good;
}

bool queue_cancel_mark(struct queue *queue, const char *job, struct error *error)
{
	bool changed;
	return mark_command(queue, "SADD", job, &changed, error);
}

bool queue_cancel_unmark(struct queue *queue, const char *job, bool *was_there, struct error *error)
{
	return mark_command(queue, "SREM", job, was_there, error);
}

bool queue_cancel_marked(struct queue *queue, const char *job, bool *marked, struct error *error)
{
	return mark_command(queue, "SISMEMBER", job, marked, error);
}
