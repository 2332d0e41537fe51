/*
 * A reader child that misbehaves on order, as a mode of the test program itself: the request's "lang" says how. Its pages
 * are the sample page, whose text is what the test wants to know of the child.
 */
#ifndef FILOT_FAKE_READER_H
#define FILOT_FAKE_READER_H

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/ocr/reader_protocol.h"
#include "tests/unit/sample_page.h"

#define FAKE_MEMORY_BYTES (256LL << 20)

static char self[4096]; /* this program, which is also the fake reader */
static int document = -1; /* a memfd */

extern char **environ;

/* Finds this program, which is a child when it was started with a reader's flags. */
static inline bool fake_is_child(int argc, char **argv)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length < 0)
		exit(70); /* nothing can be tested */
	self[length] = '\0';
	return argc > 1 && strcmp(argv[1], "--memory-bytes") == 0;
}

static inline void fake_make_document(void)
{
	document = memfd_create("document", MFD_CLOEXEC);
	if (write(document, "the document's bytes", 20) != 20)
		exit(70);
}

static inline void fake_send_raw(const void *bytes, size_t length)
{
	(void)!send(STDIN_FILENO, bytes, length, MSG_NOSIGNAL);
}

static inline void fake_send_text(enum frame_type type, const char *text)
{
	(void)frame_send(STDIN_FILENO, type, text, strlen(text), -1, NULL);
}

/* The sample page with another text (NULL: its own) and maybe a descriptor that nobody asked for. */
static inline void fake_send_page(int32_t number, const char *text, int descriptor)
{
	struct page page;
	struct buffer json = { 0 };
	sample_page(&page, number);
	if (text) {
		free(page.text);
		page.text = strdup(text);
	}
	page_write_exact_json(&page, &json);
	if (!frame_send(STDIN_FILENO, FRAME_PAGE, json.data, json.length, descriptor, NULL))
		_exit(0);
	page_free(&page);
	buffer_free(&json);
}

/* An image of a page of 400 x `height` px: its head and these bytes. */
static inline void fake_send_image(int32_t number, int32_t height, const char *bytes)
{
	const struct frame_image head = { number, 400, height, 0 };
	struct buffer payload = { 0 };
	buffer_append(&payload, &head, sizeof head);
	buffer_append_string(&payload, bytes);
	if (!frame_send(STDIN_FILENO, FRAME_IMAGE, payload.data, payload.length, -1, NULL))
		_exit(0);
	buffer_free(&payload);
}

#define FAKE_PNG "\x89PNG\r\n\x1a\n..."

static inline void fake_send_done(long long rss_bytes)
{
	char text[512];
	(void)snprintf(text, sizeof text,
		       "{\"engine\":{\"backend\":\"tesseract\",\"model\":\"eng\",\"model_sha256\":\"%064d\",\"version\":"
		       "\"5.3.0\"},\"rss_bytes\":%lld}",
		       7, rss_bytes);
	fake_send_text(FRAME_DONE, text);
}

/* Its open descriptors and its environment, one a line. */
static inline void fake_send_surroundings(void)
{
	struct buffer text = { 0 };
	DIR *folder = opendir("/proc/self/fd");
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(folder))
			buffer_printf(&text, "fd %s\n", entry->d_name);
	if (folder)
		closedir(folder);
	for (char **variable = environ; *variable; variable++)
		buffer_printf(&text, "%s\n", *variable);
	fake_send_page(1, text.data, -1);
	fake_send_done(1);
	buffer_free(&text);
}

static inline void fake_send_document(int descriptor)
{
	char bytes[256];
	ssize_t length = pread(descriptor, bytes, sizeof bytes - 1, 0);
	bytes[length < 0 ? 0 : length] = '\0';
	fake_send_page(1, bytes, -1);
	fake_send_done(1);
}

static inline void fake_die(int how)
{
	(void)signal(how, SIG_DFL); /* a sanitizer's handler would make an exit of it */
	(void)raise(how);
}

static inline void fake_die_full(void)
{
	void *memory = mmap(NULL, FAKE_MEMORY_BYTES * 3 / 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		memset(memory, 1, FAKE_MEMORY_BYTES * 3 / 4);
	fake_die(SIGABRT);
}

static inline void fake_hang(void)
{
	for (;;)
		(void)pause();
}

/* A frame that never ends, one byte every 10 ms: each byte comes in time, the frame does not. */
static inline void fake_drip(void)
{
	fake_send_raw("\x00\x00\x01\x00P", 5);
	for (;;) {
		fake_send_raw("x", 1);
		clock_sleep_ms(10);
	}
}

/* Answers that are lies; each is one row: the order, and what is done. */
static inline void fake_lie(const char *order)
{
	if (strcmp(order, "unknown-type") == 0)
		fake_send_raw("\x00\x00\x00\x00?", 5);
	else if (strcmp(order, "endless-length") == 0)
		fake_send_raw("\xff\xff\xff\xffP", 5);
	else if (strcmp(order, "noise") == 0)
		fake_send_raw("HTTP/1.1 200 OK\r\n\r\n", 19);
	else if (strcmp(order, "half-a-frame") == 0)
		fake_send_raw("\x64\x00\x00\x00P{\"page\":1", 14);
	else if (strcmp(order, "not-json") == 0)
		fake_send_text(FRAME_PAGE, "page one");
	else if (strcmp(order, "empty-page") == 0)
		fake_send_text(FRAME_PAGE, "");
	else if (strcmp(order, "empty-done") == 0)
		fake_send_text(FRAME_DONE, "");
	else if (strcmp(order, "done-without-engine") == 0)
		fake_send_text(FRAME_DONE, "{\"rss_bytes\":1}");
	else if (strcmp(order, "unknown-code") == 0)
		fake_send_text(FRAME_ERROR, "{\"code\":\"bad_luck\",\"message\":\"m\",\"page\":0}");
	else if (strcmp(order, "process-code") == 0)
		fake_send_text(FRAME_ERROR, "{\"code\":\"configuration\",\"message\":\"m\",\"page\":0}");
	else if (strcmp(order, "a-request-back") == 0)
		fake_send_text(FRAME_READ, "{}");
	if (strcmp(order, "half-a-frame") == 0)
		_exit(0);
}

/* The same with images, which a document of two pages has; true when the order is one of these. */
static inline bool fake_image(const char *order)
{
	if (strcmp(order, "image") == 0) {
		fake_send_image(1, 300, FAKE_PNG);
		fake_send_page(1, NULL, -1);
		fake_send_image(2, 300, "\xff\xd8\xff\xe0...");
	} else if (strcmp(order, "image-of-another-page") == 0) {
		fake_send_image(2, 300, FAKE_PNG);
	} else if (strcmp(order, "image-of-another-size") == 0) {
		fake_send_image(1, 301, FAKE_PNG);
	} else if (strcmp(order, "image-of-no-kind") == 0) {
		fake_send_image(1, 300, "<svg onload=alert(1)>");
	} else if (strcmp(order, "two-images") == 0) {
		fake_send_image(1, 300, FAKE_PNG);
		fake_send_image(1, 300, FAKE_PNG);
	} else if (strcmp(order, "half-an-image") == 0) {
		fake_send_text(FRAME_IMAGE, "1234");
	} else if (strcmp(order, "images-without-end") == 0) {
		for (int32_t number = 1;; number++) {
			fake_send_image(number, 300, FAKE_PNG);
			fake_send_page(number, NULL, -1);
		}
	} else {
		return false;
	}
	fake_send_page(strcmp(order, "image") == 0 ? 2 : 1, NULL, -1);
	fake_send_done(1);
	return true;
}

static inline void fake_misbehave(const char *order)
{
	if (strcmp(order, "segv") == 0)
		fake_die(SIGSEGV);
	if (strcmp(order, "abort") == 0)
		fake_die(SIGABRT);
	if (strcmp(order, "abort-full") == 0)
		fake_die_full();
	if (strcmp(order, "kill") == 0)
		fake_die(SIGKILL);
	if (strcmp(order, "cpu") == 0)
		fake_die(SIGXCPU);
	if (strcmp(order, "exit") == 0)
		_exit(3);
	if (strcmp(order, "exit-memory") == 0)
		_exit(READER_EXIT_OUT_OF_MEMORY);
	if (strcmp(order, "hang") == 0)
		fake_hang();
	if (strcmp(order, "drip") == 0)
		fake_drip();
	if (strcmp(order, "hang-up") == 0) {
		(void)shutdown(STDIN_FILENO, SHUT_RDWR);
		fake_hang();
	}
	if (strcmp(order, "too-much") == 0)
		for (int32_t number = 1;; number++)
			fake_send_page(number, NULL, -1);
	fake_lie(order);
}

static inline void fake_answer(const char *order, const char *request, int descriptor)
{
	if (strcmp(order, "good") == 0 || strcmp(order, "fat") == 0) {
		fake_send_page(1, NULL, -1);
		fake_send_page(2, NULL, -1);
		fake_send_done(strcmp(order, "fat") == 0 ? 1LL << 40 : 1);
	} else if (strcmp(order, "request") == 0) {
		fake_send_page(1, request, -1);
		fake_send_done(1);
	} else if (strcmp(order, "document") == 0) {
		fake_send_document(descriptor);
	} else if (strcmp(order, "surroundings") == 0) {
		fake_send_surroundings();
	} else if (strcmp(order, "gift") == 0) {
		fake_send_page(1, NULL, descriptor);
		fake_send_done(1);
	} else if (strcmp(order, "twice") == 0) {
		fake_send_page(1, NULL, -1);
		fake_send_page(1, NULL, -1);
	} else if (strcmp(order, "third") == 0) {
		fake_send_page(3, NULL, -1);
		fake_send_done(1);
	} else if (strcmp(order, "corrupt") == 0) {
		fake_send_page(1, NULL, -1);
		fake_send_text(FRAME_ERROR, "{\"code\":\"corrupt_document\",\"message\":\"page\\n2 is torn\",\"page\":2}");
	} else if (strcmp(order, "full") == 0) {
		fake_send_text(FRAME_ERROR, "{\"code\":\"out_of_memory\",\"message\":\"full\",\"page\":0}");
	} else if (!fake_image(order)) {
		fake_misbehave(order);
	}
}

/* Answers requests until its socket ends. */
static inline int fake_reader(void)
{
	struct buffer payload = { 0 };
	enum frame_type type;
	int descriptor;
	while (frame_receive(STDIN_FILENO, &type, &payload, 1 << 20, 0, -1, &descriptor, NULL)) {
		json_t *request = json_loadb(payload.data, payload.length, 0, NULL);
		const char *order = json_string_value(json_object_get(request, "lang"));
		if (type == FRAME_LOAD && order && strcmp(order, "good") == 0)
			fake_send_done(1);
		else
			fake_answer(order ? order : "", payload.data, descriptor);
		json_decref(request);
		if (descriptor >= 0)
			close(descriptor);
	}
	buffer_free(&payload);
	return 0;
}

#endif
