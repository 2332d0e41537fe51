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
	(void)signal(SIGXFSZ, SIG_IGN);
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
	struct rlimit core, processes;
	int death = 0;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || getrlimit(RLIMIT_NPROC, &processes) != 0 ||
	    prctl(PR_GET_PDEATHSIG, &death) != 0)
		return BROKEN;
	return core.rlim_max == 0 && processes.rlim_max == 0 && death == SIGKILL &&
			       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
		       ? HELD
		       : BROKEN;
}

static void privileges_cores_and_children_are_given_up(void)
{
	CHECK_INTEGER(fenced(read_back_limits), HELD);
}

static int fork_when_not_root(void)
{
	if (setgid(65534) != 0 || setuid(65534) != 0)
		return BROKEN;
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	return child < 0 && errno == EAGAIN ? HELD : BROKEN;
}

static void another_user_than_root_cannot_fork(void)
{
	if (getuid() == 0)
		CHECK_INTEGER(fenced(fork_when_not_root), HELD);
	else
		printf("# skipped: needs root, to become another user\n");
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

static void only_named_variables_and_one_thread_remain(void)
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
	CHECK_STRING(output.data, "FENCE_TEST_KEPT=yes\nOMP_THREAD_LIMIT=1\n");
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
	TEST(privileges_cores_and_children_are_given_up);
	TEST(another_user_than_root_cannot_fork);
	TEST(only_named_variables_and_one_thread_remain);
	return test_done();
}
