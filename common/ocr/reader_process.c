/* Starting and ending reader children; see the header for what they get and how their deaths are told apart. */
#include "common/ocr/reader_process.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/ocr/reader_protocol.h"

#define SEND_TIMEOUT_S 10 /* a request fits a socket's buffer; a child that takes none in this time hangs */
#define END_TIMEOUT_MS 2000 /* between closing its socket and being gone */

char *reader_program_find(const char *given, struct error *error)
{
	static const char *const places[] = { "../libexec/filot-reader", "../libexec/filot/filot-reader" };
	char self[PATH_MAX], path[PATH_MAX + 64];
	const char *named = given && *given ? given : secure_getenv("FILOT_READER");
	if (named && *named) {
		if (access(named, X_OK) == 0)
			return strdup(named);
		error_set(error, ERROR_CONFIG, "reader program %s: %s", named, strerror(errno));
		return NULL;
	}
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	if (length > 0) {
		self[length] = '\0';
		const char *folder = dirname(self);
		for (size_t index = 0; index < sizeof places / sizeof *places; index++) {
			(void)snprintf(path, sizeof path, "%s/%s", folder, places[index]);
			if (access(path, X_OK) == 0)
				return strdup(path);
		}
	}
	error_set(error, ERROR_CONFIG,
		  "no filot-reader in ../libexec or ../libexec/filot beside this program; say where by FILOT_READER");
	return NULL;
}

/* ---- starting ---- */

#define MOST_VARIABLES 16

struct environment {
	char *items[MOST_VARIABLES + 2]; /* owned, NULL at the end */
	size_t count;
	bool failed;
};

static void add_variable(struct environment *environment, const char *name, const char *fallback)
{
	const char *value = getenv(name);
	if (!value)
		value = fallback;
	if (!value || environment->count == MOST_VARIABLES)
		return;
	if (asprintf(&environment->items[environment->count], "%s=%s", name, value) < 0) {
		environment->items[environment->count] = NULL;
		environment->failed = true;
		return;
	}
	environment->count++;
}

static void build_environment(struct environment *environment)
{
	static const char *const kept[] = { "TESSDATA_PREFIX", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "FILOT_LOG_LEVEL",
					    "ASAN_OPTIONS",    "UBSAN_OPTIONS",	  "LSAN_OPTIONS" };
	*environment = (struct environment){ 0 };
	add_variable(environment, "PATH", "/usr/local/bin:/usr/bin:/bin");
	add_variable(environment, "OMP_THREAD_LIMIT", "1");
	add_variable(environment, "LD_BIND_NOW", "1");
	for (size_t index = 0; index < sizeof kept / sizeof *kept; index++)
		add_variable(environment, kept[index], NULL);
	environment->items[environment->count] = strdup("LANG=C.UTF-8");
	environment->failed |= !environment->items[environment->count];
}

static void free_environment(struct environment *environment)
{
	for (size_t index = 0; index < MOST_VARIABLES + 2; index++)
		free(environment->items[index]);
}

/* The child's descriptors: 0 the socket, 1 and 2 nowhere (or our stderr), and none besides. Returns an errno value. */
static int arrange_descriptors(posix_spawn_file_actions_t *actions, int socket)
{
	const char *level = getenv("FILOT_LOG_LEVEL");
	bool debug = level && strcmp(level, "debug") == 0;
	int status = posix_spawn_file_actions_adddup2(actions, socket, STDIN_FILENO);
	if (!status && !debug)
		status = posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!status)
		status = posix_spawn_file_actions_adddup2(actions, STDERR_FILENO, STDOUT_FILENO);
	if (!status)
		status = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	return status;
}

static int arrange_signals(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	int status = posix_spawnattr_setsigmask(attributes, &none);
	if (!status)
		status = posix_spawnattr_setsigdefault(attributes, &all);
	if (!status)
		status = posix_spawnattr_setpgroup(attributes, 0);
	if (!status)
		status = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
								      POSIX_SPAWN_SETPGROUP);
	return status;
}

static int spawn(pid_t *id, const char *program, char *const arguments[], int socket)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	struct environment environment;
	int status = posix_spawn_file_actions_init(&actions);
	if (status)
		return status;
	status = posix_spawnattr_init(&attributes);
	if (status) {
		posix_spawn_file_actions_destroy(&actions);
		return status;
	}
	build_environment(&environment);
	status = environment.failed ? ENOMEM : arrange_descriptors(&actions, socket);
	if (!status)
		status = arrange_signals(&attributes);
	if (!status)
		status = posix_spawn(id, program, &actions, &attributes, arguments, environment.items);
	free_environment(&environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return status;
}

bool reader_process_start(struct reader_process *process, const char *program, const char *tessdata,
			  int64_t memory_bytes, bool no_sandbox, struct error *error)
{
	char memory[32];
	(void)snprintf(memory, sizeof memory, "%lld", (long long)memory_bytes);
	/* posix_spawn takes char *const[] and changes nothing. */
	const char *arguments[7] = { program, "--memory-bytes", memory };
	size_t count = 3;
	if (tessdata) {
		arguments[count++] = "--tessdata";
		arguments[count++] = tessdata;
	}
	if (no_sandbox)
		arguments[count++] = "--no-sandbox";
	int sockets[2];
	const struct timeval send_timeout = { .tv_sec = SEND_TIMEOUT_S };
	*process = (struct reader_process){ .id = 0, .socket = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return error_set(error, ERROR_UNAVAILABLE, "no socket for a reader: %s", strerror(errno));
	int status = setsockopt(sockets[0], SOL_SOCKET, SO_SNDTIMEO, &send_timeout, sizeof send_timeout) < 0 ? errno : 0;
	if (!status)
		status = spawn(&process->id, program, (char *const *)(uintptr_t)arguments, sockets[1]);
	close(sockets[1]);
	if (status) {
		close(sockets[0]);
		process->id = 0;
		return error_set(error, status == EAGAIN || status == ENOMEM ? ERROR_UNAVAILABLE : ERROR_CONFIG,
				 "cannot start the reader %s: %s", program, strerror(status));
	}
	process->socket = sockets[0];
	return true;
}

/* ---- ending ---- */

/* Waits for the child, at most until `deadline_ms` (0: for ever). True when it is collected (or was not ours to collect). */
static bool collect(pid_t id, int *status, struct rusage *usage, int64_t deadline_ms)
{
	for (;;) {
		pid_t collected = wait4(id, status, deadline_ms ? WNOHANG : 0, usage);
		if (collected == id || (collected < 0 && errno != EINTR))
			return true;
		if (deadline_ms && clock_monotonic_ms() >= deadline_ms)
			return false;
		if (deadline_ms)
			clock_sleep_ms(1);
	}
}

static void forget(struct reader_process *process)
{
	if (process->socket >= 0)
		close(process->socket);
	*process = (struct reader_process){ .id = 0, .socket = -1 };
}

void reader_process_kill(struct reader_process *process)
{
	int status;
	struct rusage usage;
	if (process->id > 0) {
		(void)kill(-process->id, SIGKILL); /* its group: documents' processes are in it */
		(void)kill(process->id, SIGKILL);
		(void)collect(process->id, &status, &usage, 0);
	}
	forget(process);
}

static bool explain_signal(int signal, int64_t peak_bytes, int64_t memory_bytes, struct error *error)
{
	const char *name = sigabbrev_np(signal);
	bool crash = signal == SIGABRT || signal == SIGSEGV || signal == SIGBUS;
	if (signal == SIGKILL)
		return error_set(error, ERROR_OUT_OF_MEMORY,
				 "reader ended by SIGKILL from outside, as the kernel does when memory runs out");
	if (signal == SIGXCPU)
		return error_set(error, ERROR_TIMEOUT, "reader ended by SIGXCPU: its processor time was used up");
	if (crash && memory_bytes > 0 && peak_bytes >= memory_bytes / 2)
		return error_set(error, ERROR_OUT_OF_MEMORY,
				 "reader ended by SIG%s with %lld MiB in use, its limit being %lld MiB", name,
				 (long long)(peak_bytes >> 20), (long long)(memory_bytes >> 20));
	if (signal == SIGSYS)
		return error_set(error, ERROR_INTERNAL, "reader ended by SIGSYS: it tried a system call that it may not make; "
							"FILOT_LOG_LEVEL=debug names it");
	return error_set(error, ERROR_INTERNAL, "reader ended by SIG%s", name ? name : "nal of an unknown kind");
}

bool reader_process_died(struct reader_process *process, int64_t memory_bytes, struct error *error)
{
	int status = 0;
	struct rusage usage = { 0 };
	pid_t id = process->id;
	if (!collect(id, &status, &usage, clock_monotonic_ms() + END_TIMEOUT_MS)) {
		reader_process_kill(process);
		return error_set(error, ERROR_INTERNAL, "reader closed its socket and did not end");
	}
	forget(process);
	if (WIFSIGNALED(status))
		return explain_signal(WTERMSIG(status), (int64_t)usage.ru_maxrss * 1024, memory_bytes, error);
	if (WEXITSTATUS(status) == READER_EXIT_OUT_OF_MEMORY)
		return error_set(error, ERROR_OUT_OF_MEMORY, "reader ran out of its %lld MiB of memory",
				 (long long)(memory_bytes >> 20));
	return error_set(error, ERROR_INTERNAL, "reader ended with status %d in the middle of a document",
			 WEXITSTATUS(status));
}
