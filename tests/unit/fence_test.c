/*
 * What a fenced process cannot do any more. Each test raises the fence in a child, tries, and ends with a status that says
 * how it went; the kernel's Landlock is needed for files and sockets (those tests are skipped loudly without it).
 */
#include "common/ocr/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/sanitized.h"
#include "tests/unit/test.h"

#define HELD 0
#define BROKEN 1
#define NO_FENCE 2 /* fence_raise failed */
#define NO_LANDLOCK 3
#define MEMORY_BYTES (INT64_C(512) << 20)

static int tcp_version; /* of Landlock, asked outside of the fence */

/* Runs `attempt` behind a fence that lets /usr/include be read; returns its status, or minus the signal that ended it. */
static int fenced(int (*attempt)(void))
{
	static const char *const readable[] = { "/usr/include", "/no/such/folder", NULL };
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		const struct fence fence = { SANITIZED ? 0 : MEMORY_BYTES, 32, readable };
		struct error error = { 0 };
		bool landlock = false;
		if (!fence_descriptors(true, &error) || !fence_raise(&fence, &landlock, &error))
			_exit(NO_FENCE);
		int status = attempt();
		_exit(status == BROKEN && !landlock ? NO_LANDLOCK : status);
	}
	int status = 0;
	(void)waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Runs `attempt` behind the inner fence alone, with or without its filter. */
static int fenced_within(int (*attempt)(void), bool calls)
{
	(void)fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		struct error error = { 0 };
		const struct document_fence fence = { .time_ms = 1, .calls = calls ? fence_calls_new(false, &error) : NULL };
		if (calls && !fence.calls)
			_exit(NO_FENCE);
		if (getuid() == 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
			_exit(NO_FENCE);
		_exit(fence_child(&error) && fence_document(&fence, &error) ? attempt() : NO_FENCE);
	}
	int status = 0;
	(void)waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* For tests that only Landlock makes hold. */
static void check_held_by_landlock(int status)
{
	if (status == NO_LANDLOCK)
		printf("# skipped: this kernel has no Landlock\n");
	else
		CHECK_INTEGER(status, HELD);
}

static int try_reading(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? HELD : BROKEN;
}

static void a_file_outside_the_fence_cannot_be_read(void)
{
	check_held_by_landlock(fenced(try_reading));
}

static int try_creating(void)
{
	char path[] = "/tmp/fence_test.XXXXXX";
	int descriptor = mkstemp(path);
	if (descriptor < 0)
		return HELD;
	(void)unlink(path);
	return BROKEN;
}

static void no_file_can_be_created(void)
{
	check_held_by_landlock(fenced(try_creating));
}

static int try_writing_where_reading_is_allowed(void)
{
	return open("/usr/include/stdio.h", O_WRONLY) < 0 ? HELD : BROKEN;
}

static void a_readable_file_cannot_be_written(void)
{
	check_held_by_landlock(fenced(try_writing_where_reading_is_allowed));
}

static int read_allowed(void)
{
	char byte;
	int descriptor = open("/usr/include/stdio.h", O_RDONLY);
	return descriptor >= 0 && read(descriptor, &byte, 1) == 1 && open("/dev/null", O_WRONLY) >= 0 ? HELD : BROKEN;
}

static void what_was_allowed_can_be_read(void)
{
	CHECK_INTEGER(fenced(read_allowed), HELD);
}

static int try_growing_a_file(void)
{
	int descriptor = memfd_create("grows", 0);
	return descriptor >= 0 && write(descriptor, "x", 1) < 0 && errno == EFBIG ? HELD : BROKEN;
}

static void no_file_can_grow_not_even_one_in_memory(void)
{
	CHECK_INTEGER(fenced(try_growing_a_file), HELD);
}

static int try_connecting(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9),
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int descriptor = socket(AF_INET, SOCK_STREAM, 0);
	if (descriptor < 0)
		return HELD;
	return connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0 && errno == EACCES ? HELD : BROKEN;
}

static void no_tcp_connection_can_be_made(void)
{
	if (tcp_version >= 4)
		CHECK_INTEGER(fenced(try_connecting), HELD);
	else
		printf("# skipped: Landlock of this kernel does not know sockets\n");
}

static int count_descriptors(void)
{
	int open_ones = 0;
	for (int descriptor = 0; descriptor < 1024; descriptor++)
		open_ones += fcntl(descriptor, F_GETFD) >= 0;
	return open_ones == 3 && dup2(0, 40) < 0 ? HELD : BROKEN;
}

static void inherited_descriptors_are_closed_and_few_can_be_opened(void)
{
	int inherited = dup(0);
	CHECK_INTEGER(fenced(count_descriptors), HELD);
	(void)close(inherited);
}

static int take_too_much_memory(void)
{
	void *volatile small = malloc((size_t)MEMORY_BYTES / 8), *volatile large = malloc((size_t)MEMORY_BYTES);
	return small && !large ? HELD : BROKEN;
}

static void memory_ends_at_its_limit(void)
{
	if (SANITIZED)
		printf("# skipped: a sanitizer needs all address space\n");
	else
		CHECK_INTEGER(fenced(take_too_much_memory), HELD);
}

static int read_back_limits(void)
{
	struct rlimit core;
	int death = 0;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || prctl(PR_GET_PDEATHSIG, &death) != 0)
		return BROKEN;
	return core.rlim_max == 0 && death == SIGKILL && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? HELD : BROKEN;
}

static void privileges_and_cores_are_given_up(void)
{
	CHECK_INTEGER(fenced(read_back_limits), HELD);
}

static int read_back_inner_limits(void)
{
	struct rlimit processes, time;
	int death = 0;
	if (getrlimit(RLIMIT_NPROC, &processes) != 0 || getrlimit(RLIMIT_CPU, &time) != 0 ||
	    prctl(PR_GET_PDEATHSIG, &death) != 0)
		return BROKEN;
	return processes.rlim_max == 0 && time.rlim_cur == 1 && time.rlim_max == 2 && death == SIGKILL ? HELD : BROKEN;
}

static void a_document_has_its_processor_time_and_no_children(void)
{
	CHECK_INTEGER(fenced_within(read_back_inner_limits, false), HELD);
}

static int try_forking(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	return child < 0 && errno == EAGAIN ? HELD : BROKEN;
}

static void nobody_but_root_forks_even_without_the_filter(void)
{
	CHECK_INTEGER(fenced_within(try_forking, false), HELD);
}

static int make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? HELD : BROKEN;
}

static int fork_as_anyone(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) < 0 ? HELD : BROKEN;
}

static int make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? HELD : BROKEN;
}

static int share_writable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? HELD : BROKEN;
}

static int signal_another(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) < 0 ? HELD : BROKEN;
}

static int set_a_limit(void)
{
	const struct rlimit limit = { 0, 0 };
	return setrlimit(RLIMIT_CORE, &limit) < 0 ? HELD : BROKEN;
}

static void calls_that_are_not_listed_are_deadly(void)
{
	static int (*const deadly[])(void) = { make_socket,	      fork_as_anyone, make_code,
					       share_writable_memory, signal_another, set_a_limit };
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		CHECK_INTEGER(fenced_within(deadly[i], true), -SIGSYS);
}

static int abort_alone(void)
{
	(void)signal(SIGABRT, SIG_DFL); /* a sanitizer's handler would make an exit of it */
	abort();
}

static void a_process_can_still_abort(void)
{
	CHECK_INTEGER(fenced_within(abort_alone, true), -SIGABRT);
}

static int try_files(void)
{
	static const int writing[] = { O_WRONLY, O_RDWR, O_RDONLY | O_CREAT, O_RDONLY | O_TRUNC, O_WRONLY | O_APPEND };
	char byte;
	int descriptor = open("/usr/include/stdio.h", O_RDONLY | O_CLOEXEC);
	if (descriptor < 0 || read(descriptor, &byte, 1) != 1)
		return BROKEN;
	for (size_t i = 0; i < sizeof writing / sizeof *writing; i++)
		if (open("/dev/null", writing[i], 0600) >= 0 || errno != EACCES)
			return BROKEN;
	return mkdir("/tmp/fence_test", 0700) < 0 && errno == EACCES ? HELD : BROKEN;
}

static void the_filter_lets_files_be_read_and_refuses_to_write_them(void)
{
	CHECK_INTEGER(fenced_within(try_files, true), HELD);
}

static int use_memory_and_time(void)
{
	char *block = malloc(10000000);
	if (!block)
		return BROKEN;
	memset(block, 1, 10000000);
	block = realloc(block, 20000000);
	free(block);
	return getpid() > 0 && usleep(1) == 0 ? HELD : BROKEN;
}

static void what_decoders_do_is_allowed(void)
{
	CHECK_INTEGER(fenced_within(use_memory_and_time, true), HELD);
}

/* ---- the environment: this program runs itself with --environment ---- */

static const char *const kept_variables[] = { "FENCE_TEST_KEPT", "ASAN_OPTIONS", "LSAN_OPTIONS", NULL };

static int print_environment(char **argv)
{
	struct error error = { 0 };
	if (!fence_environment(kept_variables, argv, &error))
		return 1;
	for (char **entry = environ; *entry; entry++)
		(void)puts(*entry);
	return 0;
}

static void only_named_variables_and_fixed_ones_remain(void)
{
	struct buffer output = { 0 };
	char line[512];
	CHECK(setenv("FILOT_R2_SECRET_KEY", "hidden", 1) == 0 && setenv("FENCE_TEST_KEPT", "yes", 1) == 0 &&
	      setenv("OMP_THREAD_LIMIT", "8", 1) == 0);
	char self[512];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 32);
	CHECK(length > 0);
	(void)snprintf(self + length, sizeof self - (size_t)length, " --environment");
	FILE *pipe = popen(self, "r");
	while (pipe && fgets(line, sizeof line, pipe))
		if (strncmp(line, "ASAN_", 5) != 0 && strncmp(line, "LSAN_", 5) != 0)
			buffer_append_string(&output, line);
	CHECK(pipe && pclose(pipe) == 0);
	CHECK_STRING(output.data, "FENCE_TEST_KEPT=yes\nOMP_THREAD_LIMIT=1\nLD_BIND_NOW=1\n");
	buffer_free(&output);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--environment"))
		return print_environment(argv);
	tcp_version = (int)syscall(444 /* landlock_create_ruleset */, NULL, 0, 1U);
	TEST(a_file_outside_the_fence_cannot_be_read);
	TEST(no_file_can_be_created);
	TEST(a_readable_file_cannot_be_written);
	TEST(what_was_allowed_can_be_read);
	TEST(no_file_can_grow_not_even_one_in_memory);
	TEST(no_tcp_connection_can_be_made);
	TEST(inherited_descriptors_are_closed_and_few_can_be_opened);
	TEST(memory_ends_at_its_limit);
	TEST(privileges_and_cores_are_given_up);
	TEST(a_document_has_its_processor_time_and_no_children);
	TEST(nobody_but_root_forks_even_without_the_filter);
	TEST(calls_that_are_not_listed_are_deadly);
	TEST(a_process_can_still_abort);
	TEST(the_filter_lets_files_be_read_and_refuses_to_write_them);
	TEST(what_decoders_do_is_allowed);
	TEST(only_named_variables_and_fixed_ones_remain);
	return test_done();
}
