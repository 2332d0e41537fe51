/* The operator's side of the queue against a real Redis: pages of any length, moves that check again, the server. */
#include "common/redis/queue_admin.h"

#include "tests/unit/redis_server.h"
#include "tests/unit/test.h"

static struct redis_server server;
static struct error error;
static struct redis *connection;
static struct queue *queue; /* an operator's: no worker's name */
static struct queue_view view; /* a page is too much for the stack */

static void open_queue(void)
{
	struct redis_settings settings = { .url = server.url, .reconnect_ms = 10000 };
	connection = redis_new(&settings, &error);
	queue = connection ? queue_new(&queue_default_settings, connection, &error) : NULL;
	if (!queue || !queue_prepare(queue, &error)) {
		printf("Bail out! %s\n", error.message);
		exit(1);
	}
}

static void start_empty(void)
{
	(void)redis_server_ask(&server, "FLUSHALL");
	CHECK(queue_prepare(queue, &error));
}

/* Entries of jobs J0, J1 …, as a jobs stream has them or the dead one. */
static void fill(const char *key, int count)
{
	bool dead = strstr(key, ":dead") != NULL;
	for (int index = 0; index < count; index++) {
		char job[64];
		(void)snprintf(job, sizeof job, dead ? "J%d" : "1764000000000 J%d  {}", index);
		const char *argv[] = { "XADD", key, "*", "job", job, "line", "{}" };
		freeReplyObject(redis_command(server.operator, true, dead ? 7 : 5, argv, NULL, &error));
	}
}

static size_t count_items(enum queue_place place)
{
	size_t count = 0;
	bool more = true;
	view = (struct queue_view){ .place = place };
	while (more) {
		CHECK(queue_view_next(queue, &view, &more, &error));
		count += view.count;
	}
	queue_view_close(&view);
	return count;
}

static void a_view_gives_each_item_once_whatever_the_length(void)
{
	static const int counts[] = { 0, 1, QUEUE_PAGE_ITEMS - 1, QUEUE_PAGE_ITEMS, QUEUE_PAGE_ITEMS + 1,
				      2 * QUEUE_PAGE_ITEMS };
	for (size_t index = 0; index < sizeof counts / sizeof *counts; index++) {
		start_empty();
		fill("filot:{ocr}:jobs", counts[index]);
		fill("filot:{ocr}:dead", counts[index]);
		for (int member = 0; member < counts[index]; member++)
			(void)redis_server_ask(&server, "ZADD filot:{ocr}:delayed 7 m%d", member);
		CHECK_INTEGER(count_items(PLACE_READY), counts[index]);
		CHECK_INTEGER(count_items(PLACE_DEAD), counts[index]);
		CHECK_INTEGER(count_items(PLACE_DELAYED), counts[index]);
		CHECK_INTEGER(count_items(PLACE_PENDING), 0);
		if (counts[index])
			(void)redis_server_ask(&server,
					       "XREADGROUP GROUP workers w COUNT %d STREAMS filot:{ocr}:jobs >",
					       counts[index]);
		CHECK_INTEGER(count_items(PLACE_PENDING), counts[index]);
		CHECK_INTEGER(count_items(PLACE_READY), 0);
	}
}

static void a_view_of_ready_jobs_takes_the_streams_one_after_the_other(void)
{
	size_t counts[JOB_PRIORITY_COUNT] = { 0 };
	enum job_priority last = JOB_PRIORITY_HIGH;
	bool more = true;
	start_empty();
	fill("filot:{ocr}:jobs:high", 3);
	fill("filot:{ocr}:jobs", QUEUE_PAGE_ITEMS + 5);
	fill("filot:{ocr}:jobs:low", 2);
	view = (struct queue_view){ .place = PLACE_READY };
	while (more) {
		CHECK(queue_view_next(queue, &view, &more, &error));
		for (size_t index = 0; index < view.count; index++) {
			CHECK(view.items[index].stream >= last);
			last = view.items[index].stream;
			counts[last]++;
		}
	}
	queue_view_close(&view);
	CHECK_INTEGER(counts[JOB_PRIORITY_HIGH], 3);
	CHECK_INTEGER(counts[JOB_PRIORITY_NORMAL], QUEUE_PAGE_ITEMS + 5);
	CHECK_INTEGER(counts[JOB_PRIORITY_LOW], 2);
}

/* The first item of a place. */
static const struct queue_item *first_item(enum queue_place place)
{
	bool more;
	view = (struct queue_view){ .place = place };
	do
		CHECK(queue_view_next(queue, &view, &more, &error));
	while (more && !view.count);
	return view.count ? &view.items[0] : NULL;
}

static struct queue_move release(const struct queue_item *item, int64_t least_idle_ms, bool dry)
{
	struct queue_move move = { .act = ACT_RELEASE, .item = item, .least_idle_ms = least_idle_ms };
	CHECK(queue_move(queue, dry, &move, 1, &error));
	return move;
}

static void a_claim_is_released_only_as_it_was_seen(void)
{
	start_empty();
	fill("filot:{ocr}:jobs", 1);
	(void)redis_server_ask(&server, "XREADGROUP GROUP workers w COUNT 1 STREAMS filot:{ocr}:jobs >");
	const struct queue_item *item = first_item(PLACE_PENDING);
	CHECK(item != NULL);
	CHECK_INTEGER(release(item, 60000, false).moved, MOVED_RENEWED);
	CHECK_INTEGER(release(item, 0, true).moved, MOVED_DONE);
	CHECK_INTEGER(release(item, 0, false).moved, MOVED_DONE);
	CHECK_INTEGER(release(item, 0, false).moved, MOVED_RELEASED);
	CHECK_INTEGER(release(item, 0, true).moved, MOVED_RELEASED);
	(void)redis_server_ask(&server, "XCLAIM filot:{ocr}:jobs workers other 0 %s", item->entry);
	CHECK_INTEGER(release(item, 0, false).moved, MOVED_TAKEN);
	(void)redis_server_ask(&server, "XACK filot:{ocr}:jobs workers %s", item->entry);
	CHECK_INTEGER(release(item, 0, false).moved, MOVED_GONE);
	queue_view_close(&view);
}

static void the_next_claim_takes_a_released_one_and_counts_an_attempt(void)
{
	struct queue_settings settings = queue_default_settings;
	struct delivery delivery;
	struct error none = { 0 };
	size_t count = 0;
	start_empty();
	settings.worker = "heir";
	struct queue *heir = queue_new(&settings, connection, &error);
	(void)redis_server_ask(&server, "XADD filot:{ocr}:jobs * line {\"uri\":\"r2://bucket/a\"}");
	(void)redis_server_ask(&server, "XREADGROUP GROUP workers w COUNT 1 STREAMS filot:{ocr}:jobs >");
	/* A sweep was just made, and the next one is some time away. */
	CHECK(queue_claim(heir, 1, 0, &delivery, &count, &none));
	CHECK_INTEGER(count, 0);
	CHECK_INTEGER(release(first_item(PLACE_PENDING), 0, false).moved, MOVED_DONE);
	CHECK(queue_claim(heir, 1, 0, &delivery, &count, &none));
	CHECK_INTEGER(count, 1);
	CHECK_INTEGER(count ? delivery.job.attempt : 0, 2);
	if (count) {
		struct buffer line = { 0 };
		job_write(&delivery.job, &line);
		CHECK(strstr(line.data, "\"history\":[{\"attempt\":1,\"worker\":\"w\"") != NULL);
		buffer_free(&line);
		delivery_free(&delivery);
	}
	queue_view_close(&view);
	queue_free(heir);
}

static void members_of_the_delayed_set_that_are_no_jobs_are_items_too(void)
{
	start_empty();
	(void)redis_server_ask(&server, "ZADD filot:{ocr}:delayed 5 nonsense");
	const struct queue_item *item = first_item(PLACE_DELAYED);
	struct queue_move move = { .act = ACT_REMOVE, .item = item };
	CHECK(item && item->length == 8);
	CHECK(queue_move(queue, false, &move, 1, &error));
	CHECK_INTEGER(move.moved, MOVED_DONE);
	CHECK_INTEGER(redis_server_ask(&server, "ZCARD filot:{ocr}:delayed"), 0);
	queue_view_close(&view);
}

static void a_full_page_of_moves_is_one_call(void)
{
	static struct queue_move moves[QUEUE_PAGE_ITEMS];
	start_empty();
	fill("filot:{ocr}:dead", QUEUE_PAGE_ITEMS);
	CHECK(first_item(PLACE_DEAD) != NULL);
	CHECK_INTEGER(view.count, QUEUE_PAGE_ITEMS);
	for (size_t index = 0; index < view.count; index++)
		moves[index] = (struct queue_move){ .act = ACT_REVIVE, .item = &view.items[index], .job = "J",
						    .stream = JOB_PRIORITY_LOW, .line = "{}", .length = 2 };
	CHECK(queue_move(queue, false, moves, view.count, &error));
	for (size_t index = 0; index < view.count; index++)
		CHECK_INTEGER(moves[index].moved, MOVED_DONE);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:jobs:low"), QUEUE_PAGE_ITEMS);
	CHECK_INTEGER(redis_server_ask(&server, "XLEN filot:{ocr}:dead"), 0);
	queue_view_close(&view);
}

static struct queue_server look(void)
{
	struct queue_server found;
	CHECK(queue_server_read(queue, &found, &error));
	return found;
}

static void the_server_s_settings_are_judged(void)
{
	CHECK(look().known_eviction && !look().may_evict);
	CHECK(look().known_persistence && !look().persistent);
	(void)redis_server_ask(&server, "CONFIG SET maxmemory-policy allkeys-lru");
	CHECK(!look().may_evict); /* without a limit nothing is evicted */
	(void)redis_server_ask(&server, "CONFIG SET maxmemory 100mb");
	CHECK(look().may_evict);
	CHECK_STRING(look().policy, "allkeys-lru");
	(void)redis_server_ask(&server, "CONFIG SET maxmemory-policy noeviction");
	CHECK(!look().may_evict);
	(void)redis_server_ask(&server, "CONFIG SET appendonly yes");
	CHECK(look().persistent && !look().forgets_scripts);
}

/* A default user that is off and has no rights is the one who replays the append-only file. */
static void a_default_user_without_rights_is_seen(void)
{
	struct redis_settings settings = { .reconnect_ms = 1000 };
	const char *restore[] = { "ACL", "SETUSER", "default", "+@all" };
	char url[192];
	struct queue_server found = { 0 };
	(void)redis_server_ask(&server, "ACL SETUSER other on >word ~* &* +@all");
	(void)snprintf(url, sizeof url, "redis+unix://other:word@%s", server.socket);
	settings.url = url;
	struct redis *other = redis_new(&settings, &error);
	struct queue *theirs = other ? queue_new(&queue_default_settings, other, &error) : NULL;
	(void)redis_server_ask(&server, "ACL SETUSER default -@all");
	CHECK(theirs && queue_server_read(theirs, &found, &error));
	CHECK(found.forgets_scripts);
	if (other)
		freeReplyObject(redis_command(other, true, 4, restore, NULL, &error));
	queue_free(theirs);
	redis_free(other);
}

/* As hosted servers do: CONFIG and ACL are refused, INFO answers. */
static void a_server_that_refuses_config_is_asked_by_info(void)
{
	struct redis_settings settings = { .reconnect_ms = 1000 };
	char url[192];
	struct queue_server found;
	(void)redis_server_ask(&server, "ACL SETUSER hosted on >word ~* &* +@all -config -acl");
	(void)snprintf(url, sizeof url, "redis+unix://hosted:word@%s", server.socket);
	settings.url = url;
	struct redis *hosted = redis_new(&settings, &error);
	struct queue *theirs = hosted ? queue_new(&queue_default_settings, hosted, &error) : NULL;
	CHECK(theirs != NULL);
	if (theirs && queue_server_read(theirs, &found, &error)) {
		CHECK(found.known_eviction && !found.may_evict);
		CHECK_STRING(found.policy, "noeviction");
		CHECK(found.known_persistence && found.persistent);
		(void)redis_server_ask(&server, "CONFIG SET appendonly no");
		CHECK(queue_server_read(theirs, &found, &error));
		CHECK(!found.known_persistence); /* INFO does not tell of snapshots: nothing is said */
	} else {
		printf("# %s\n", error.message);
		CHECK(false);
	}
	queue_free(theirs);
	redis_free(hosted);
}

int main(void)
{
	redis_server_start(&server);
	open_queue();
	TEST(a_view_gives_each_item_once_whatever_the_length);
	TEST(a_view_of_ready_jobs_takes_the_streams_one_after_the_other);
	TEST(a_claim_is_released_only_as_it_was_seen);
	TEST(the_next_claim_takes_a_released_one_and_counts_an_attempt);
	TEST(members_of_the_delayed_set_that_are_no_jobs_are_items_too);
	TEST(a_full_page_of_moves_is_one_call);
	TEST(the_server_s_settings_are_judged);
	TEST(a_default_user_without_rights_is_seen);
	TEST(a_server_that_refuses_config_is_asked_by_info);
	queue_free(queue);
	redis_free(connection);
	redis_server_stop(&server);
	char remove[128]; /* the append-only file of one test */
	(void)snprintf(remove, sizeof remove, "rm -rf '%s'", server.folder);
	CHECK(system(remove) == 0);
	return test_done();
}
