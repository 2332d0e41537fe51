/* A worker's side of its reader children, against a fake child that crashes, hangs and lies on order (fake_reader.h). */
#include "common/ocr/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/test.h"
#include "tests/unit/fake_reader.h"

#define LONG_MS 60000 /* never reached unless something is wrong */
#define SHORT_MS 300
#define RESULT_BYTES (256 * 1024)

static struct reader_options options_of(int64_t time_ms)
{
	return (struct reader_options){ .program = self,
					.tessdata = "/models",
					.limits = { .document_bytes = 100,
						    .pages = 1000,
						    .page_pixels = 400 * 300,
						    .time_ms = time_ms,
						    .memory_bytes = FAKE_MEMORY_BYTES,
						    .result_bytes = RESULT_BYTES,
						    .processor_ms = 5000 } };
}

static struct reader *open_reader(int64_t time_ms)
{
	const struct reader_options options = options_of(time_ms);
	struct reader *reader = reader_new(&options, NULL);
	if (!reader)
		exit(70); /* nothing can be tested */
	return reader;
}

static bool read_as(struct reader *reader, const char *order, struct result *result, struct error *error)
{
	const struct reader_request request = { .descriptor = document, .lang = order, .psm = 3 };
	*result = (struct result){ .document = "d" };
	*error = (struct error){ 0 };
	return reader_read(reader, &request, result, error);
}

/* The text of the one page that the order is answered with; the caller frees it. */
static char *text_of(struct reader *reader, const struct reader_request *request)
{
	struct result result = { 0 };
	struct error error = { 0 };
	bool done = reader_read(reader, request, &result, &error);
	CHECK(done);
	CHECK_INTEGER(result.page_count, 1);
	char *text = done && result.page_count == 1 ? strdup(result.pages[0].text) : strdup("");
	result_free_pages(&result);
	return text;
}

static int open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;
	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

static bool no_children_left(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void pages_engine_and_times_come_back(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct result result;
	struct error error;
	CHECK(read_as(reader, "good", &result, &error));
	CHECK_INTEGER(result.page_count, 2);
	CHECK_INTEGER(result.pages[1].number, 2);
	CHECK_STRING(result.pages[1].words[0].text, "Fish");
	CHECK(result.pages[1].words[0].confidence == 96.063461f);
	CHECK_STRING(result.engine.backend, "tesseract");
	CHECK_STRING(result.engine.version, "5.3.0");
	CHECK_INTEGER(strlen(result.engine.model_sha256), 64);
	CHECK_INTEGER(result.ms.decode_ms, 10);
	CHECK_INTEGER(result.ms.layout_ms, 14);
	CHECK_INTEGER(result.ms.recognise_ms, 22);
	CHECK_INTEGER(result.error.code, ERROR_NONE);
	result_free_pages(&result);
	reader_free(reader);
}

static void the_child_gets_the_document_and_the_request(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct reader_request request = { .descriptor = document, .lang = "document", .psm = 3 };
	char *text = text_of(reader, &request);
	CHECK_STRING(text, "the document's bytes");
	free(text);
	request = (struct reader_request){ .descriptor = document, .lang = "request", .pages = "1-2", .dpi = 150, .psm = 6,
					   .password = "pass \"word\"", .pdf_text = PDF_TEXT_NEVER, .rotate = 90, .improve = 3 };
	text = text_of(reader, &request);
	CHECK_STRING(text, "{\"lang\":\"request\",\"pages\":\"1-2\",\"dpi\":150,\"psm\":6,\"rotate\":90,\"improve\":3,"
			   "\"pdf_text\":\"never\","
			   "\"password\":\"pass \\\"word\\\"\",\"limits\":{\"pages\":1000,\"page_pixels\":120000,"
			   "\"document_bytes\":100,\"result_bytes\":262144,\"processor_ms\":5000}}");
	free(text);
	reader_free(reader);
}

static void the_child_sees_neither_our_descriptors_nor_our_environment(void)
{
	int leaked = open("/dev/null", O_RDONLY); /* without close-on-exec, as a library might */
	CHECK(leaked > 2);
	setenv("FILOT_DATABASE_URL", "postgresql://secret", 1);
	setenv("TESSDATA_PREFIX", "/t", 1);
	struct reader *reader = open_reader(LONG_MS);
	const struct reader_request request = { .descriptor = document, .lang = "surroundings", .psm = 3 };
	char *text = text_of(reader, &request);
	int descriptors = 0;
	for (const char *at = text; (at = strstr(at, "fd ")); at++)
		descriptors++;
	/* Its three, and the document that came with the request. */
	CHECK_INTEGER(descriptors, 4);
	CHECK(strstr(text, "secret") == NULL);
	CHECK(strstr(text, "TESSDATA_PREFIX=/t\n") != NULL);
	CHECK(strstr(text, "LANG=C.UTF-8\n") != NULL);
	CHECK(strstr(text, "OMP_THREAD_LIMIT=1\n") != NULL);
	CHECK(strstr(text, "PATH=") != NULL);
	CHECK(strstr(text, "HOME=") == NULL);
	free(text);
	unsetenv("FILOT_DATABASE_URL");
	unsetenv("TESSDATA_PREFIX");
	close(leaked);
	reader_free(reader);
}

/* The order ends the child; the error has this code and says this; the next document is read by a fresh child. */
static void check_ends_child(struct reader *reader, const char *order, enum error_code code, const char *says)
{
	struct result result;
	struct error error;
	CHECK(!read_as(reader, order, &result, &error));
	if (error.code != code || !strstr(error.message, says))
		printf("# %s: %s: %s\n", order, error_code_name(error.code), error.message);
	CHECK_INTEGER(error.code, code);
	CHECK(strstr(error.message, says) != NULL);
	CHECK_INTEGER(result.error.code, code);
	CHECK_STRING(result.error.message, error.message);
	CHECK(result.page_count == 0 && result.pages == NULL);
	CHECK_INTEGER(reader_process(reader), 0);
	CHECK(no_children_left());
	CHECK(read_as(reader, "good", &result, &error));
	result_free_pages(&result);
}

static void a_death_costs_one_document_and_is_named(void)
{
	struct reader *reader = open_reader(LONG_MS);
	check_ends_child(reader, "segv", ERROR_INTERNAL, "SIGSEGV");
	check_ends_child(reader, "abort", ERROR_INTERNAL, "SIGABRT");
	check_ends_child(reader, "abort-full", ERROR_OUT_OF_MEMORY, "its limit being 256 MiB");
	check_ends_child(reader, "kill", ERROR_OUT_OF_MEMORY, "SIGKILL");
	check_ends_child(reader, "exit-memory", ERROR_OUT_OF_MEMORY, "256 MiB");
	check_ends_child(reader, "cpu", ERROR_TIMEOUT, "SIGXCPU");
	check_ends_child(reader, "exit", ERROR_INTERNAL, "status 3");
	check_ends_child(reader, "half-a-frame", ERROR_INTERNAL, "status 0");
	check_ends_child(reader, "hang-up", ERROR_INTERNAL, "did not end");
	reader_free(reader);
}

static void a_lie_costs_one_document_and_the_child(void)
{
	struct reader *reader = open_reader(LONG_MS);
	check_ends_child(reader, "unknown-type", ERROR_INTERNAL, "not a frame");
	check_ends_child(reader, "endless-length", ERROR_INTERNAL, "not a frame");
	check_ends_child(reader, "noise", ERROR_INTERNAL, "not a frame");
	check_ends_child(reader, "not-json", ERROR_INTERNAL, "JSON");
	check_ends_child(reader, "empty-page", ERROR_INTERNAL, "JSON");
	check_ends_child(reader, "empty-done", ERROR_INTERNAL, "wrong end");
	check_ends_child(reader, "done-without-engine", ERROR_INTERNAL, "wrong end");
	check_ends_child(reader, "unknown-code", ERROR_INTERNAL, "an error that is none");
	check_ends_child(reader, "process-code", ERROR_INTERNAL, "an error that is none");
	check_ends_child(reader, "a-request-back", ERROR_INTERNAL, "wrong end");
	check_ends_child(reader, "twice", ERROR_INTERNAL, "page 1");
	check_ends_child(reader, "too-much", ERROR_TOO_LARGE, "262144 bytes");
	reader_free(reader);
}

static void pages_come_with_their_images_where_they_are_wanted(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct reader_request request = { .descriptor = document, .lang = "image", .psm = 3, .images = true };
	struct result result = { 0 };
	struct error error = { 0 };
	CHECK(reader_read(reader, &request, &result, &error));
	CHECK_INTEGER(result.page_count, 2);
	CHECK_STRING(result.pages[0].image.media_type, "image/png");
	CHECK_INTEGER(result.pages[0].image.length, strlen(FAKE_PNG));
	CHECK(memcmp(result.pages[0].image.bytes, FAKE_PNG, strlen(FAKE_PNG)) == 0);
	CHECK_STRING(result.pages[1].image.media_type, "image/jpeg");
	result_free_pages(&result);
	request.lang = "request";
	request.images = false; /* and the child is not asked */
	char *text = text_of(reader, &request);
	CHECK(strstr(text, "images") == NULL);
	free(text);
	reader_free(reader);
}

static void images_that_are_none_or_not_the_pages_are_refused(void)
{
	static const struct {
		const char *order;
		bool wanted;
		enum error_code code;
	} cases[] = {
		{ "image", false, ERROR_INTERNAL },
		{ "good", true, ERROR_INTERNAL },
		{ "image-of-another-page", true, ERROR_INTERNAL },
		{ "image-of-another-size", true, ERROR_INTERNAL },
		{ "image-of-no-kind", true, ERROR_INTERNAL },
		{ "two-images", true, ERROR_INTERNAL },
		{ "half-an-image", true, ERROR_INTERNAL },
		{ "images-without-end", true, ERROR_TOO_LARGE },
	};
	struct reader *reader = open_reader(LONG_MS);
	for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
		struct reader_request request = { .descriptor = document, .lang = cases[index].order, .psm = 3 };
		struct result result = { 0 };
		struct error error = { 0 };
		request.images = cases[index].wanted;
		CHECK(!reader_read(reader, &request, &result, &error));
		if (error.code != cases[index].code)
			printf("# %s: %s\n", cases[index].order, error.message);
		CHECK_INTEGER(error.code, cases[index].code);
		CHECK(result.pages == NULL);
	}
	reader_free(reader);
}

static void pages_that_were_not_asked_for_are_refused(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct reader_request request = { .descriptor = document, .lang = "third", .pages = "1-2,4-", .psm = 3 };
	struct result result = { 0 };
	struct error error = { 0 };
	CHECK(!reader_read(reader, &request, &result, &error));
	CHECK_INTEGER(error.code, ERROR_INTERNAL);
	request.pages = "3";
	CHECK(reader_read(reader, &request, &result, &error));
	result_free_pages(&result);
	reader_free(reader);
}

static void a_page_larger_than_the_limit_is_refused(void)
{
	struct reader_options options = options_of(LONG_MS);
	options.limits.page_pixels = 400 * 300 - 1;
	struct reader *reader = reader_new(&options, NULL);
	struct result result;
	struct error error;
	CHECK(!read_as(reader, "good", &result, &error));
	CHECK(strstr(error.message, "400 x 300") != NULL);
	reader_free(reader);
}

static void a_child_that_hangs_or_drips_is_killed_at_the_deadline(void)
{
	static const char *const orders[] = { "hang", "drip" };
	struct reader *reader = open_reader(SHORT_MS);
	for (int index = 0; index < 2; index++) {
		struct result result;
		struct error error;
		int64_t start_ms = clock_monotonic_ms();
		CHECK(!read_as(reader, orders[index], &result, &error));
		int64_t took_ms = clock_monotonic_ms() - start_ms;
		CHECK_INTEGER(error.code, ERROR_TIMEOUT);
		CHECK_STRING(error.message, "not read within 300 ms");
		CHECK(took_ms >= SHORT_MS && took_ms < SHORT_MS + 5000);
		CHECK(no_children_left());
	}
	reader_free(reader);
}

static void an_error_of_the_document_leaves_the_child_alive(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct result result;
	struct error error;
	CHECK(reader_start(reader, "good", &error));
	int child = reader_process(reader);
	CHECK(child > 0);
	CHECK(!read_as(reader, "corrupt", &result, &error));
	CHECK_INTEGER(error.code, ERROR_CORRUPT_DOCUMENT);
	CHECK_STRING(error.message, "page 2 is torn"); /* one line */
	CHECK_INTEGER(result.error_page, 2);
	CHECK_INTEGER(result.page_count, 0);
	CHECK_INTEGER(reader_process(reader), child);
	CHECK(read_as(reader, "good", &result, &error));
	CHECK_INTEGER(result.error_page, 0);
	CHECK_INTEGER(reader_process(reader), child);
	result_free_pages(&result);
	CHECK(!read_as(reader, "full", &result, &error));
	CHECK_INTEGER(error.code, ERROR_OUT_OF_MEMORY);
	CHECK_INTEGER(reader_process(reader), 0); /* its heap is no good any more */
	reader_free(reader);
}

static void a_start_that_fails_says_why(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct error error = { 0 };
	CHECK(!reader_start(reader, "exit", &error));
	CHECK(strstr(error.message, "status 3") != NULL);
	CHECK(!reader_start(reader, "corrupt", &error)); /* a page where none may come */
	CHECK_INTEGER(error.code, ERROR_INTERNAL);
	reader_free(reader);
	CHECK(no_children_left());
}

static void a_child_is_replaced_after_its_documents_or_its_memory(void)
{
	struct reader_options options = options_of(LONG_MS);
	options.recycle_documents = 2;
	options.recycle_rss_bytes = 1LL << 30;
	struct reader *reader = reader_new(&options, NULL);
	struct result result;
	struct error error;
	CHECK(read_as(reader, "good", &result, &error));
	result_free_pages(&result);
	CHECK(reader_process(reader) > 0);
	CHECK(!read_as(reader, "corrupt", &result, &error));
	CHECK_INTEGER(reader_process(reader), 0);
	CHECK(read_as(reader, "fat", &result, &error));
	result_free_pages(&result);
	CHECK_INTEGER(reader_process(reader), 0);
	reader_free(reader);
	CHECK(no_children_left());
}

static void a_child_that_died_while_idle_costs_nothing(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct result result;
	struct error error;
	CHECK(reader_start(reader, "good", &error));
	int child = reader_process(reader);
	siginfo_t gone;
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitid(P_PID, (id_t)child, &gone, WEXITED | WNOWAIT) == 0); /* its socket is closed now */
	CHECK(read_as(reader, "good", &result, &error));
	CHECK(reader_process(reader) != child);
	result_free_pages(&result);
	reader_free(reader);
	CHECK(no_children_left());
}

static void *interrupt_when_reading(void *argument)
{
	struct reader *reader = argument;
	clock_sleep_ms(50); /* the test holds whether or not the reading has begun by then */
	reader_interrupt(reader);
	return NULL;
}

static void reading_can_be_interrupted_from_another_thread(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct result result;
	struct error error;
	pthread_t thread;
	int64_t start_ms = clock_monotonic_ms();
	CHECK(pthread_create(&thread, NULL, interrupt_when_reading, reader) == 0);
	CHECK(!read_as(reader, "hang", &result, &error));
	CHECK_INTEGER(error.code, ERROR_TRY_AGAIN);
	CHECK(clock_monotonic_ms() - start_ms < LONG_MS / 2);
	pthread_join(thread, NULL);
	CHECK(no_children_left());
	CHECK(read_as(reader, "good", &result, &error));
	result_free_pages(&result);
	reader_free(reader);
}

static void an_interruption_between_documents_is_not_lost(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct result result;
	struct error error;
	reader_interrupt(reader);
	reader_interrupt(reader);
	CHECK(!read_as(reader, "hang", &result, &error));
	CHECK_INTEGER(error.code, ERROR_TRY_AGAIN);
	CHECK(read_as(reader, "good", &result, &error));
	result_free_pages(&result);
	reader_free(reader);
}

static void documents_that_are_too_large_or_no_files_never_reach_a_child(void)
{
	struct reader *reader = open_reader(LONG_MS);
	struct reader_request request = { .lang = "good", .psm = 3 };
	struct result result = { 0 };
	struct error error = { 0 };
	int pair[2], large = memfd_create("large", MFD_CLOEXEC);
	CHECK(pipe2(pair, O_CLOEXEC) == 0 && ftruncate(large, 101) == 0);
	request.descriptor = large;
	CHECK(!reader_read(reader, &request, &result, &error));
	CHECK_INTEGER(error.code, ERROR_TOO_LARGE);
	CHECK(strstr(error.message, "101 bytes") != NULL);
	request.descriptor = pair[0];
	CHECK(!reader_read(reader, &request, &result, &error));
	CHECK_INTEGER(error.code, ERROR_INTERNAL);
	request.descriptor = document;
	request.pages = "2-1";
	CHECK(!reader_read(reader, &request, &result, &error));
	CHECK_INTEGER(error.code, ERROR_BAD_JOB);
	CHECK_INTEGER(reader_process(reader), 0);
	close(large);
	close(pair[0]);
	close(pair[1]);
	reader_free(reader);
}

static void a_program_that_is_missing_is_a_configuration_error(void)
{
	struct reader_options options = options_of(LONG_MS);
	struct error error = { 0 };
	options.program = "/nowhere/filot-reader";
	CHECK(reader_new(&options, &error) == NULL);
	CHECK_INTEGER(error.code, ERROR_CONFIG);
	CHECK(strstr(error.message, "/nowhere/filot-reader") != NULL);
	options.program = NULL;
	setenv("FILOT_READER", "/elsewhere/filot-reader", 1);
	CHECK(reader_new(&options, &error) == NULL);
	CHECK(strstr(error.message, "/elsewhere/filot-reader") != NULL);
	setenv("FILOT_READER", self, 1);
	struct reader *reader = reader_new(&options, &error);
	CHECK(reader != NULL);
	reader_free(reader);
	unsetenv("FILOT_READER");
}

/* Whatever happened: the same descriptors as before, also those that a child sent along. */
static void nothing_is_left_behind(void)
{
	static const char *const orders[] = { "good", "gift", "segv", "noise", "gift", "corrupt", "half-a-frame", "full" };
	int before = open_descriptors();
	struct reader *reader = open_reader(LONG_MS);
	for (int round = 0; round < 3; round++)
		for (size_t index = 0; index < sizeof orders / sizeof *orders; index++) {
			struct result result;
			struct error error;
			(void)read_as(reader, orders[index], &result, &error);
			result_free_pages(&result);
		}
	reader_free(reader);
	CHECK_INTEGER(open_descriptors(), before);
	CHECK(no_children_left());
}

/* The mode "--worker": a process with an idle child, whose id it prints; it waits to be killed. */
static int worker(void)
{
	struct reader *reader = open_reader(LONG_MS);
	if (!reader_start(reader, "good", NULL))
		return 70;
	int child = reader_process(reader);
	if (write(STDOUT_FILENO, &child, sizeof child) == sizeof child)
		fake_hang();
	return 70;
}

static void the_child_ends_when_its_worker_is_killed(void)
{
	int pair[2], child = 0;
	struct pollfd polled = { .events = POLLIN };
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); /* the orphan becomes ours, so that its end is seen */
	CHECK(pipe(pair) == 0);
	pid_t process = fork();
	if (process == 0) {
		(void)dup2(pair[1], STDOUT_FILENO);
		(void)execl(self, self, "--worker", (char *)NULL);
		_exit(70);
	}
	close(pair[1]);
	polled.fd = pair[0];
	CHECK(poll(&polled, 1, 30000) == 1);
	CHECK(read(pair[0], &child, sizeof child) == sizeof child && child > 0);
	CHECK(kill(process, SIGKILL) == 0);
	CHECK(waitpid(process, NULL, 0) == process);
	int64_t deadline_ms = clock_monotonic_ms() + 10000;
	pid_t ended = 0;
	while (child > 0 && !(ended = waitpid(child, NULL, WNOHANG)) && clock_monotonic_ms() < deadline_ms)
		clock_sleep_ms(5);
	CHECK_INTEGER(ended, child);
	close(pair[0]);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
}

static void page_lists_are_checked_and_followed(void)
{
	static const char *const bad[] = { "", "0", "a", "1,", ",1", "1,,2", "3-2", "-3", "1-2-3", "1 ,2", "+1",
					   "2147483648", "1-99999999999", "1.5", "0-3" };
	for (size_t index = 0; index < sizeof bad / sizeof *bad; index++) {
		if (reader_pages_valid(bad[index]))
			printf("# \"%s\" was taken\n", bad[index]);
		CHECK(!reader_pages_valid(bad[index]));
	}
	CHECK(reader_pages_valid(NULL) && reader_pages_valid("1") && reader_pages_valid("7,1-3") &&
	      reader_pages_valid("2147483647") && reader_pages_valid("9-"));
	CHECK(reader_pages_contain(NULL, 5));
	const char *list = "1-3,7,9-";
	const bool expected[] = { false, true, true, true, false, false, false, true, false, true, true };
	for (int32_t number = 1; number <= 10; number++)
		CHECK_INTEGER(reader_pages_contain(list, number), expected[number]);
	CHECK(reader_pages_contain(list, INT32_MAX));
}

static void frames_carry_bytes_and_a_descriptor(void)
{
	int pair[2], received = -1;
	enum frame_type type;
	struct buffer payload = { 0 };
	char bytes[32];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(frame_send(pair[0], FRAME_READ, "abc", 3, document, NULL));
	CHECK(frame_send(pair[0], FRAME_DONE, NULL, 0, -1, NULL));
	CHECK(frame_receive(pair[1], &type, &payload, 3, 0, -1, &received, NULL));
	CHECK_INTEGER(type, FRAME_READ);
	CHECK_STRING(payload.data, "abc");
	CHECK(received >= 0 && (fcntl(received, F_GETFD) & FD_CLOEXEC));
	CHECK(pread(received, bytes, sizeof bytes, 0) == 20);
	close(received);
	CHECK(frame_receive(pair[1], &type, &payload, 0, 0, -1, &received, NULL));
	CHECK_INTEGER(type, FRAME_DONE);
	CHECK_INTEGER(payload.length, 0);
	CHECK_INTEGER(received, -1);
	close(pair[0]);
	struct error error = { 0 };
	CHECK(!frame_receive(pair[1], &type, &payload, 0, 0, -1, NULL, &error));
	CHECK_INTEGER(error.code, ERROR_UNAVAILABLE);
	CHECK(!frame_send(pair[1], FRAME_DONE, NULL, 0, -1, &error));
	CHECK_INTEGER(error.code, ERROR_UNAVAILABLE);
	close(pair[1]);
	buffer_free(&payload);
}

static void *send_large_frame(void *argument)
{
	const int *socket = argument;
	size_t length = 5000000;
	char *bytes = malloc(length);
	memset(bytes, 'x', length);
	bytes[length - 1] = 'y';
	bool sent = frame_send(*socket, FRAME_PAGE, bytes, length, -1, NULL);
	free(bytes);
	return sent ? argument : NULL;
}

static void frames_larger_than_a_socket_pass_and_than_the_limit_do_not(void)
{
	int pair[2];
	pthread_t thread;
	void *sent = NULL;
	enum frame_type type;
	struct buffer payload = { 0 };
	struct error error = { 0 };
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	CHECK(pthread_create(&thread, NULL, send_large_frame, &pair[0]) == 0);
	CHECK(frame_receive(pair[1], &type, &payload, 5000000, clock_monotonic_ms() + LONG_MS, -1, NULL, &error));
	pthread_join(thread, &sent);
	CHECK(sent != NULL);
	CHECK_INTEGER(payload.length, 5000000);
	CHECK(payload.data[0] == 'x' && payload.data[4999999] == 'y');
	CHECK(frame_send(pair[0], FRAME_PAGE, "1234", 4, -1, NULL));
	CHECK(!frame_receive(pair[1], &type, &payload, 3, 0, -1, NULL, &error));
	CHECK_INTEGER(error.code, ERROR_TOO_LARGE);
	CHECK(!frame_send(pair[0], FRAME_PAGE, "", FRAME_LONGEST_BYTES + 1UL, -1, &error));
	CHECK_INTEGER(error.code, ERROR_TOO_LARGE);
	close(pair[0]);
	close(pair[1]);
	buffer_free(&payload);
}

static void a_page_that_takes_too_long_is_a_timeout_of_its_own(void)
{
	struct reader_options options = options_of(LONG_MS);
	options.limits.page_time_ms = SHORT_MS;
	struct reader *reader = reader_new(&options, NULL);
	struct result result = { 0 };
	struct error error = { 0 };
	CHECK(reader != NULL);
	CHECK(!read_as(reader, "hang", &result, &error));
	CHECK_INTEGER(error.code, ERROR_TIMEOUT);
	CHECK_STRING(error.message, "no page read within 300 ms");
	reader_free(reader);
}

int main(int argc, char **argv)
{
	if (fake_is_child(argc, argv))
		return argc == 5 && strcmp(argv[3], "--tessdata") == 0 ? fake_reader() : 64;
	if (argc > 1 && strcmp(argv[1], "--worker") == 0)
		return worker();
	fake_make_document();
	TEST(frames_carry_bytes_and_a_descriptor);
	TEST(frames_larger_than_a_socket_pass_and_than_the_limit_do_not);
	TEST(page_lists_are_checked_and_followed);
	TEST(pages_engine_and_times_come_back);
	TEST(the_child_gets_the_document_and_the_request);
	TEST(the_child_sees_neither_our_descriptors_nor_our_environment);
	TEST(a_death_costs_one_document_and_is_named);
	TEST(a_lie_costs_one_document_and_the_child);
	TEST(pages_come_with_their_images_where_they_are_wanted);
	TEST(images_that_are_none_or_not_the_pages_are_refused);
	TEST(pages_that_were_not_asked_for_are_refused);
	TEST(a_page_larger_than_the_limit_is_refused);
	TEST(a_child_that_hangs_or_drips_is_killed_at_the_deadline);
	TEST(a_page_that_takes_too_long_is_a_timeout_of_its_own);
	TEST(an_error_of_the_document_leaves_the_child_alive);
	TEST(a_start_that_fails_says_why);
	TEST(a_child_is_replaced_after_its_documents_or_its_memory);
	TEST(a_child_that_died_while_idle_costs_nothing);
	TEST(reading_can_be_interrupted_from_another_thread);
	TEST(an_interruption_between_documents_is_not_lost);
	TEST(documents_that_are_too_large_or_no_files_never_reach_a_child);
	TEST(a_program_that_is_missing_is_a_configuration_error);
	TEST(nothing_is_left_behind);
	TEST(the_child_ends_when_its_worker_is_killed);
	close(document);
	return test_done();
}
