/*
 * A decoder that a document has taken over: it stands in the place of cmd/filot-reader/document.c in a reader that is else
 * the real one, and does what the document's text says. An attack that fails as it should makes a corrupt_document; one
 * that succeeds a forbidden_uri, which no decoder ever answers; one that is deadly neither.
 */
#include "cmd/filot-reader/document.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/ocr/reader_protocol.h"

static bool read_a_secret(int document)
{
	(void)document;
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool read_the_environment(int document)
{
	(void)document;
	return open("/proc/self/environ", O_RDONLY) >= 0;
}

static bool list_a_folder(int document)
{
	(void)document;
	return open("/", O_RDONLY | O_DIRECTORY) >= 0;
}

static bool create_a_file(int document)
{
	(void)document;
	return open("/tmp/filot-hostile", O_WRONLY | O_CREAT, 0600) >= 0;
}

static bool write_a_font(int document)
{
	(void)document;
	return open("/etc/fonts/fonts.conf", O_WRONLY) >= 0;
}

static bool remove_a_file(int document)
{
	(void)document;
	return unlink("/tmp/filot-hostile") == 0 || errno == ENOENT;
}

static bool write_the_document(int document)
{
	return write(document, "x", 1) == 1;
}

static bool have_another_descriptor(int document)
{
	for (int descriptor = STDERR_FILENO + 1; descriptor < 64; descriptor++)
		if (descriptor != document && fcntl(descriptor, F_GETFD) >= 0)
			return true;
	return false;
}

static bool make_a_memory_file(int document)
{
	(void)document;
	return syscall(SYS_memfd_create, "x", 0U) >= 0;
}

static bool make_a_socket(int document)
{
	(void)document;
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool make_a_local_socket(int document)
{
	(void)document;
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool take_the_next_request(int document)
{
	char byte;
	(void)document;
	return recv(STDIN_FILENO, &byte, 1, 0) >= 0;
}

static bool fork_without_end(int document)
{
	(void)document;
	for (;;)
		if (fork() < 0)
			return false;
}

static void *nothing(void *argument)
{
	return argument;
}

static bool start_a_thread(int document)
{
	pthread_t thread;
	(void)document;
	return pthread_create(&thread, NULL, nothing, NULL) == 0;
}

static bool execute_a_shell(int document)
{
	(void)document;
	return execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL) == 0;
}

static bool kill_the_parent(int document)
{
	(void)document;
	return kill(getppid(), SIGKILL) == 0;
}

static bool signal_the_parent_as_a_thread(int document)
{
	(void)document;
	return syscall(SYS_tgkill, getppid(), getppid(), SIGKILL) == 0;
}

static bool trace_the_parent(int document)
{
	(void)document;
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool make_code(int document)
{
	(void)document;
	return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool raise_a_limit(int document)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	(void)document;
	return setrlimit(RLIMIT_AS, &none) == 0;
}

static bool ask_for_a_ring(int document)
{
	(void)document;
	return syscall(SYS_io_uring_setup, 1U, NULL) >= 0 || errno == EFAULT;
}

static bool write_bytes_without_end(int document)
{
	static const char zeros[65536];
	(void)document;
	for (;;)
		if (write(STDIN_FILENO, zeros, sizeof zeros) < 0)
			return false;
}

/* Each a proper beginning of an answer. */
static bool count_without_end(int document)
{
	(void)document;
	while (frame_send(STDIN_FILENO, FRAME_COUNT, "{\"pages\":1}", 11, -1, NULL))
		continue;
	return false;
}

static bool send_a_frame_without_end(int document)
{
	static const char start[5] = { 0, 0, 0, 0x0f, FRAME_PAGE };
	(void)document;
	return write(STDIN_FILENO, start, sizeof start) == sizeof start && write_bytes_without_end(document);
}

static bool take_memory_without_end(int document)
{
	(void)document;
	for (;;) {
		size_t bytes = (size_t)16 << 20;
		char *block = malloc(bytes);
		if (!block)
			abort(); /* as libraries do */
		memset(block, 1, bytes);
	}
}

static volatile uint64_t turns;

static bool spin(int document)
{
	(void)document;
	while (turns != UINT64_MAX)
		turns = turns + 1;
	return false;
}

static bool spin_in_spite_of_signals(int document)
{
	(void)signal(SIGXCPU, SIG_IGN);
	return spin(document);
}

static bool sleep_without_end(int document)
{
	(void)document;
	while (turns != UINT64_MAX)
		(void)usleep(1000000);
	return false;
}

/* Of the same bytes in every process, and in none of them as a constant. */
static void write_mark(char mark[static 17])
{
	for (int i = 0; i < 16; i++)
		mark[i] = (char)('a' + (i * 7 + 3) % 26);
	mark[16] = '\0';
}

/* Its answer, which goes through the parent, has the mark behind what the next answer may overwrite. */
static bool leave_a_mark(int document)
{
	char mark[17], text[256];
	write_mark(mark);
	(void)snprintf(text, sizeof text, "{\"code\":\"corrupt_document\",\"message\":\"%0150d%s\",\"page\":0}", 0, mark);
	return frame_send(STDIN_FILENO, FRAME_ERROR, text, strlen(text), -1, NULL) && sleep_without_end(document);
}

/* On the part of the stack that the parent used before it forked. */
static bool find_a_mark(int document)
{
	char mark[17];
	const char *here = __builtin_frame_address(0);
	(void)document;
	write_mark(mark);
	for (const char *at = here - 192 * 1024; at < here - 4096; at++)
		if (*(const volatile char *)at == mark[0] && memcmp(at, mark, 16) == 0)
			return true;
	return false;
}

/* Its answer is complete, the process is not. */
static bool answer_and_spin(int document)
{
	const char *text = "{\"code\":\"corrupt_document\",\"message\":\"m\",\"page\":0}";
	return frame_send(STDIN_FILENO, FRAME_ERROR, text, strlen(text), -1, NULL) && spin(document);
}

static bool close_the_socket_and_spin(int document)
{
	(void)close(STDIN_FILENO);
	return spin(document);
}

static bool crash(int document)
{
	(void)document;
	(void)raise(SIGSEGV);
	return false;
}

static const struct attack {
	const char *name;
	bool (*succeeds)(int document);
} attacks[] = {
	{ "read-a-secret", read_a_secret },
	{ "read-the-environment", read_the_environment },
	{ "list-a-folder", list_a_folder },
	{ "create-a-file", create_a_file },
	{ "write-a-font", write_a_font },
	{ "remove-a-file", remove_a_file },
	{ "write-the-document", write_the_document },
	{ "have-another-descriptor", have_another_descriptor },
	{ "leave-a-mark", leave_a_mark },
	{ "find-a-mark", find_a_mark },
	{ "make-a-memory-file", make_a_memory_file },
	{ "make-a-socket", make_a_socket },
	{ "make-a-local-socket", make_a_local_socket },
	{ "take-the-next-request", take_the_next_request },
	{ "fork-without-end", fork_without_end },
	{ "start-a-thread", start_a_thread },
	{ "execute-a-shell", execute_a_shell },
	{ "kill-the-parent", kill_the_parent },
	{ "signal-the-parent-as-a-thread", signal_the_parent_as_a_thread },
	{ "trace-the-parent", trace_the_parent },
	{ "make-code", make_code },
	{ "raise-a-limit", raise_a_limit },
	{ "ask-for-a-ring", ask_for_a_ring },
	{ "write-bytes-without-end", write_bytes_without_end },
	{ "count-without-end", count_without_end },
	{ "send-a-frame-without-end", send_a_frame_without_end },
	{ "take-memory-without-end", take_memory_without_end },
	{ "spin", spin },
	{ "spin-in-spite-of-signals", spin_in_spite_of_signals },
	{ "sleep-without-end", sleep_without_end },
	{ "answer-and-spin", answer_and_spin },
	{ "close-the-socket-and-spin", close_the_socket_and_spin },
	{ "crash", crash },
};

bool document_prepare(int descriptor)
{
	(void)descriptor;
	return false;
}

bool document_prepare_all(void)
{
	return false;
}

struct document *document_open(int descriptor, int64_t most_bytes, const char *password, struct error *error)
{
	char name[64] = "";
	ssize_t length = pread(descriptor, name, sizeof name - 1, 0);
	(void)most_bytes;
	(void)password;
	name[length > 0 ? length : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		if (strcmp(attacks[i].name, name) != 0)
			continue;
		errno = 0;
		bool succeeded = attacks[i].succeeds(descriptor);
		error_set(error, succeeded ? ERROR_FORBIDDEN_URI : ERROR_CORRUPT_DOCUMENT, "%s: %s", name,
			  succeeded ? "succeeded" : strerror(errno));
		return NULL;
	}
	error_set(error, ERROR_EMPTY_DOCUMENT, "no attack");
	return NULL;
}

int32_t document_page_count(const struct document *document)
{
	(void)document;
	return 1;
}

struct Pix *document_page(struct document *document, int32_t number, int32_t dpi, int64_t most_pixels,
			  struct page *text, struct error *error)
{
	(void)document;
	(void)number;
	(void)dpi;
	(void)most_pixels;
	(void)text;
	(void)error_set(error, ERROR_INTERNAL, "no page");
	return NULL;
}

void document_close(struct document *document)
{
	(void)document;
}
