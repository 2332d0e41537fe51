/*
 * The fence of common/pg/jobs.h as a truth table, against a database whose schema is there (FILOT_DATABASE_URL; run by
 * tests/system/pg_jobs.bats, directly and through a transaction pooler). Without one it skips.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/pg/jobs.h"
#include "jobs_start_sql.h"
#include "tests/unit/test.h"

static struct pg *pg;

static void job_make(struct job *job)
{
	*job = (struct job){ .uri = "r2://bucket/scan.pdf", .lang = "eng", .priority = JOB_PRIORITY_NORMAL, .attempt = 1 };
	job->document = ulid_new(job->id);
	job->enqueued_at_ms = clock_unix_ms();
}

static const char *text_of(const char *sql, const char *id)
{
	static char text[4096];
	struct error error = { 0 };
	PGresult *result = pg_query(pg, true, sql, 1, &id, &error);
	if (!result)
		printf("# %s\n", error.message);
	(void)snprintf(text, sizeof text, "%s", result && PQntuples(result) ? PQgetvalue(result, 0, 0) : "(none)");
	PQclear(result);
	return text;
}

static const char *state_of(const struct job *job)
{
	return text_of("select state || ' ' || attempt || ' ' || coalesce(worker, '-') from jobs where id = $1", job->id);
}

static const char *word(bool carried_out, const enum jobs_outcome *outcome, const struct error *error)
{
	static const char *const names[] = { "taken", "already done", "superseded" };
	if (carried_out)
		return names[*outcome];
	printf("# %s\n", error->message);
	return "failed";
}

static const char *start(const struct job *job, int64_t attempt, const char *worker)
{
	struct job tried = *job;
	struct error error = { 0 };
	enum jobs_outcome outcome = JOBS_SUPERSEDED;
	tried.attempt = attempt;
	return word(jobs_start(pg, &tried, worker, &outcome, &error), &outcome, &error);
}

/* A result of two pages whose text is `text`. */
static const char *store(const struct job *job, int64_t attempt, const char *text)
{
	char *texts[2] = { strdup(text), strdup("second page") };
	struct page pages[2] = { { .number = 1, .width = 100, .height = 50, .dpi = 300, .confidence = 91.5F, .text = texts[0] },
				 { .number = 2, .width = 10, .height = 5, .dpi = 70, .rotation = 90, .text = texts[1] } };
	struct result result = { .job = job->id, .document = job->document, .pages = pages, .page_count = 2,
				 .engine = { "tesseract", "eng", "", "5.3" }, .ms = { .fetch_ms = 7 } };
	struct job tried = *job;
	struct error error = { 0 };
	enum jobs_outcome outcome = JOBS_SUPERSEDED;
	tried.attempt = attempt;
	bool stored = jobs_store_result(pg, &tried, &result, &outcome, &error);
	free(texts[0]);
	free(texts[1]);
	return word(stored, &outcome, &error);
}

static const char *fail(const struct job *job, int64_t attempt, const char *message, bool final)
{
	struct error why = { 0 }, error = { 0 };
	struct job tried = *job;
	enum jobs_outcome outcome = JOBS_SUPERSEDED;
	tried.attempt = attempt;
	(void)error_set(&why, ERROR_TIMEOUT, "%s", message);
	return word(jobs_store_failure(pg, &tried, &why, final, &outcome, &error), &outcome, &error);
}

static const char *release(const struct job *job, int64_t attempt, const char *worker)
{
	struct job tried = *job;
	struct error error = { 0 };
	enum jobs_outcome outcome = JOBS_SUPERSEDED;
	tried.attempt = attempt;
	return word(jobs_release(pg, &tried, worker, &outcome, &error), &outcome, &error);
}

static void the_first_attempt_makes_document_and_job(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(state_of(&job), "running 1 a");
	CHECK_STRING(text_of("select uri from documents where id = $1", job.document), "r2://bucket/scan.pdf");
}

static void an_attempt_begins_again_for_its_own_worker_only(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 2, "a"), "taken");
	CHECK_STRING(start(&job, 2, "a"), "taken");
	CHECK_STRING(start(&job, 2, "b"), "superseded");
	CHECK_STRING(start(&job, 1, "a"), "superseded");
	CHECK_STRING(state_of(&job), "running 2 a");
}

static void a_later_attempt_takes_the_job_over(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(start(&job, 2, "b"), "taken");
	CHECK_STRING(store(&job, 1, "of the earlier one"), "superseded");
	CHECK_STRING(fail(&job, 1, "of the earlier one", true), "superseded");
	CHECK_STRING(release(&job, 1, "a"), "superseded");
	CHECK_STRING(state_of(&job), "running 2 b");
	CHECK_STRING(text_of("select count(*) from ocr_pages where job_id = $1", job.id), "0");
	CHECK_STRING(store(&job, 2, "of the later one"), "taken");
	CHECK_STRING(text_of("select text from ocr_pages where job_id = $1 and number = 1", job.id), "of the later one");
}

static void a_done_job_stays_as_it_is(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(store(&job, 1, "first"), "taken");
	CHECK_STRING(store(&job, 1, "again"), "already done");
	CHECK_STRING(store(&job, 2, "later"), "already done");
	CHECK_STRING(start(&job, 1, "a"), "already done");
	CHECK_STRING(start(&job, 9, "b"), "already done");
	CHECK_STRING(fail(&job, 1, "too late", true), "already done");
	CHECK_STRING(release(&job, 1, "a"), "already done");
	CHECK_STRING(state_of(&job), "done 1 a");
	CHECK_STRING(text_of("select string_agg(text, '|' order by number) from ocr_pages where job_id = $1", job.id),
		     "first|second page");
}

static void a_result_of_a_job_that_never_began_is_dropped(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(store(&job, 1, "x"), "superseded");
	CHECK_STRING(fail(&job, 1, "x", false), "superseded");
	CHECK_STRING(release(&job, 1, "a"), "superseded");
	CHECK_STRING(state_of(&job), "(none)");
}

static void a_failed_attempt_is_kept_in_the_history_once(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(fail(&job, 1, "slow", false), "taken");
	CHECK_STRING(fail(&job, 1, "slow", false), "taken");
	CHECK_STRING(state_of(&job), "retrying 1 a");
	CHECK_STRING(store(&job, 1, "x"), "superseded");
	CHECK_STRING(start(&job, 2, "b"), "taken");
	CHECK_STRING(fail(&job, 2, "slow again", true), "taken");
	CHECK_STRING(state_of(&job), "failed 2 b");
	CHECK_STRING(text_of("select string_agg(concat_ws(' ', h->>'attempt', h->>'worker', h->>'code', h->>'message'), ', ') "
			     "from jobs, jsonb_array_elements(history) h where id = $1",
			     job.id),
		     "1 a timeout slow, 2 b timeout slow again");
}

static void the_history_keeps_the_last_twenty(void)
{
	struct job job;
	job_make(&job);
	for (int attempt = 1; attempt <= 23; attempt++) {
		CHECK_STRING(start(&job, attempt, "a"), "taken");
		CHECK_STRING(fail(&job, attempt, "x", false), "taken");
	}
	CHECK_STRING(text_of("select min((h->>'attempt')::int) || '-' || max((h->>'attempt')::int) from jobs, "
			     "jsonb_array_elements(history) h where id = $1",
			     job.id),
		     "4-23");
}

static void a_dead_job_that_is_brought_back_runs_again(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 3, "a"), "taken");
	CHECK_STRING(fail(&job, 3, "x", true), "taken");
	CHECK_STRING(start(&job, 2, "b"), "superseded");
	CHECK_STRING(start(&job, 3, "b"), "taken");
	CHECK_STRING(store(&job, 3, "read at last"), "taken");
	CHECK_STRING(state_of(&job), "done 3 b");
	CHECK_STRING(text_of("select coalesce(error_code, '-') from jobs where id = $1", job.id), "-");
}

static void a_job_handed_back_is_begun_by_another_worker_as_the_same_attempt(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(release(&job, 1, "b"), "superseded");
	CHECK_STRING(release(&job, 1, "a"), "taken");
	CHECK_STRING(release(&job, 1, "a"), "taken");
	CHECK_STRING(state_of(&job), "queued 1 -");
	CHECK_STRING(store(&job, 1, "x"), "superseded");
	CHECK_STRING(start(&job, 1, "b"), "taken");
	CHECK_STRING(release(&job, 1, "a"), "superseded"); /* late, by way of a connection that was cut */
	CHECK_STRING(store(&job, 1, "x"), "taken");
	CHECK_STRING(state_of(&job), "done 1 b");
}

/* The same statement once more, as a connection that was cut may still hold it. */
static const char *start_again_late(const struct job *job, int64_t attempt, const char *worker)
{
	char at_us[32], number[24];
	struct error error = { 0 };
	(void)snprintf(at_us, sizeof at_us, "%s",
		       text_of("select (extract(epoch from started_at) * 1000000)::bigint from jobs where id = $1", job->id));
	(void)snprintf(number, sizeof number, "%lld", (long long)attempt);
	const char *const values[] = { job->id, job->document, job->uri, NULL, NULL, "eng", "normal", NULL,
				       NULL,	NULL,	       number,	 "2026-11-24T00:00:00Z", worker, at_us };
	static char answer[32];
	PGresult *result = pg_query(pg, true, jobs_start_sql, 14, values, &error);
	(void)snprintf(answer, sizeof answer, "%s", result ? PQgetvalue(result, 0, 0) : error.message);
	PQclear(result);
	return answer;
}

static void what_a_cut_connection_held_begins_no_attempt_that_is_over(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(start_again_late(&job, 1, "a"), "taken");
	CHECK_STRING(fail(&job, 1, "slow", false), "taken");
	CHECK_STRING(start_again_late(&job, 1, "a"), "superseded");
	CHECK_STRING(state_of(&job), "retrying 1 a");
	CHECK_STRING(start(&job, 2, "a"), "taken");
	CHECK_STRING(fail(&job, 2, "slow", true), "taken");
	CHECK_STRING(start_again_late(&job, 2, "a"), "superseded");
	CHECK_STRING(state_of(&job), "failed 2 a");
	CHECK_STRING(start(&job, 2, "a"), "taken"); /* a new beginning of the same attempt is one */
	CHECK_STRING(release(&job, 2, "a"), "taken");
	CHECK_STRING(start_again_late(&job, 2, "a"), "superseded");
	CHECK_STRING(state_of(&job), "queued 2 -");
}

static void a_cancelled_job_and_a_deleted_document_are_not_read(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	(void)text_of("update jobs set state = 'cancelled' where id = $1", job.id);
	CHECK_STRING(store(&job, 1, "x"), "already done");
	CHECK_STRING(start(&job, 2, "b"), "already done");
	struct job other;
	job_make(&other);
	CHECK_STRING(start(&other, 1, "a"), "taken");
	(void)text_of("update documents set deleted_at = now() where id = $1", other.document);
	struct job next;
	job_make(&next);
	next.document = other.document;
	CHECK_STRING(start(&next, 1, "a"), "already done");
	CHECK_STRING(state_of(&next), "(none)");
}

static void a_queued_job_of_the_api_is_begun(void)
{
	struct job job;
	job_make(&job);
	(void)text_of("insert into documents (id, uri, name) values ($1, 'r2://b/k', 'my scan')", job.document);
	(void)text_of("insert into jobs (id, document_id, uri) values ($1, $1, 'r2://b/k')", job.id);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(state_of(&job), "running 1 a");
	CHECK_STRING(text_of("select name from documents where id = $1", job.document), "my scan");
}

static void pages_are_stored_with_their_layout_and_found_by_their_words(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(store(&job, 1, "Grüße aus Zürich"), "taken");
	CHECK_STRING(text_of("select concat_ws(' ', number, width_px, height_px, dpi, rotation, confidence) from ocr_pages "
			     "where job_id = $1 and search @@ plainto_tsquery('simple', 'ZÜRICH')",
			     job.id),
		     "1 100 50 300 0 91.5");
	CHECK_STRING(text_of("select jsonb_typeof(layout->'lines') || ' ' || (layout ? 'text')::text from ocr_pages "
			     "where job_id = $1 limit 1", job.id), "array false");
	CHECK_STRING(text_of("select page_count || ' ' || (engine->>'backend') || ' ' || (times_ms->>'fetch') from jobs "
			     "where id = $1", job.id), "2 tesseract 7");
}

static void the_newest_job_gives_a_document_its_text(void)
{
	struct job older, newer;
	job_make(&older);
	job_make(&newer);
	newer.document = older.document;
	newer.enqueued_at_ms = older.enqueued_at_ms + 1000;
	CHECK_STRING(start(&older, 1, "a"), "taken");
	CHECK_STRING(start(&newer, 1, "b"), "taken");
	CHECK_STRING(store(&newer, 1, "new"), "taken");
	CHECK_STRING(store(&older, 1, "old"), "taken");
	CHECK_STRING(text_of("select latest_job_id from documents where id = $1", older.document), newer.id);
}

static size_t append_character(char *text, size_t length, unsigned code)
{
	text[length++] = (char)(0xF0 | code >> 18);
	text[length++] = (char)(0x80 | (code >> 12 & 63));
	text[length++] = (char)(0x80 | (code >> 6 & 63));
	text[length++] = (char)(0x80 | (code & 63));
	return length;
}

static void no_text_can_make_storing_fail(void)
{
	static char huge[4 * 1024 * 1024];
	size_t length = 0;
	/* Words of two characters of four bytes, no two the same: what makes a tsvector largest. */
	for (unsigned word = 0; length + 16 < sizeof huge / 2; word++) {
		length = append_character(huge, length, 0x20000 + word % 40000);
		length = append_character(huge, length, 0x20000 + word / 40000);
		huge[length++] = word % 3 ? ' ' : '-';
	}
	huge[length] = '\0';
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(store(&job, 1, huge), "taken");
	CHECK_STRING(text_of("select (length(text) > 300000)::text from ocr_pages where job_id = $1 and number = 1", job.id),
		     "true");
	memset(huge, 'x', sizeof huge - 1);
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(store(&job, 1, huge), "taken");
	job_make(&job);
	CHECK_STRING(start(&job, 1, "a"), "taken");
	CHECK_STRING(store(&job, 1, "a\\u0000b \\\\u0000 \x01 \"quoted\" \xC3 cut"), "taken");
	CHECK_STRING(text_of("select text from ocr_pages where job_id = $1 and number = 1", job.id),
		     "a\\u0000b \\\\u0000 \x01 \"quoted\" \xEF\xBF\xBD cut");
}

static void broken_utf8_in_a_message_or_a_worker_is_replaced(void)
{
	struct job job;
	job_make(&job);
	CHECK_STRING(start(&job, 1, "host\xFF"), "taken");
	CHECK_STRING(fail(&job, 1, "cut \xE2\x82", true), "taken");
	CHECK_STRING(text_of("select error_message || worker from jobs where id = $1", job.id),
		     "cut \xEF\xBF\xBD\xEF\xBF\xBDhost\xEF\xBF\xBD");
}

int main(void)
{
	const char *url = getenv("FILOT_DATABASE_URL");
	if (!url) {
		printf("1..0 # SKIP no FILOT_DATABASE_URL: tests/system/pg_jobs.bats runs this\n");
		return 0;
	}
	const struct pg_settings settings = { url, "filot-test", 5000, 60000, 5000 };
	struct error error = { 0 };
	pg = pg_new(&settings, &error);
	if (!pg || !pg_connect(pg, 5000, &error)) {
		printf("Bail out! %s\n", error.message);
		return 1;
	}
	TEST(the_first_attempt_makes_document_and_job);
	TEST(an_attempt_begins_again_for_its_own_worker_only);
	TEST(a_later_attempt_takes_the_job_over);
	TEST(a_done_job_stays_as_it_is);
	TEST(a_result_of_a_job_that_never_began_is_dropped);
	TEST(a_failed_attempt_is_kept_in_the_history_once);
	TEST(the_history_keeps_the_last_twenty);
	TEST(a_dead_job_that_is_brought_back_runs_again);
	TEST(a_job_handed_back_is_begun_by_another_worker_as_the_same_attempt);
	TEST(what_a_cut_connection_held_begins_no_attempt_that_is_over);
	TEST(a_cancelled_job_and_a_deleted_document_are_not_read);
	TEST(a_queued_job_of_the_api_is_begun);
	TEST(pages_are_stored_with_their_layout_and_found_by_their_words);
	TEST(the_newest_job_gives_a_document_its_text);
	TEST(no_text_can_make_storing_fail);
	TEST(broken_utf8_in_a_message_or_a_worker_is_replaced);
	pg_free(pg);
	return test_done();
}
