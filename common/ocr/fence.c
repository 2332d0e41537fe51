/*
 * The fence. Every limit is set with its hard value, so that it cannot be raised again. Landlock has no C library wrapper
 * and Debian 12's header knows only its first two versions, hence the numbers here (linux/landlock.h of Linux 6.12): the
 * rights are cut down to what the running kernel knows, and an unknown right is never asked for.
 */
#include "common/ocr/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_KEPT 32

static const char *const fixed_variables[] = { "OMP_THREAD_LIMIT=1", "LD_BIND_NOW=1" };

#define FIXED_COUNT (sizeof fixed_variables / sizeof *fixed_variables)

/* All rights over files that a version of Landlock can take: 13 in the first, then refer, truncate, ioctl (the fifth). */
#define RIGHTS_V1 ((UINT64_C(1) << 13) - 1)
#define RIGHT_REFER (UINT64_C(1) << 13)
#define RIGHT_TRUNCATE (UINT64_C(1) << 14)
#define RIGHT_IOCTL (UINT64_C(1) << 15)
#define RIGHT_TCP_BOTH UINT64_C(3) /* bind and connect, from the fourth version on */
#define SCOPE_BOTH UINT64_C(3) /* abstract sockets and signals to others, from the sixth version on */

struct ruleset {
	uint64_t files, network, scopes;
};

static const char *kept_variable(const char *const *kept, const char *entry)
{
	for (; *kept; kept++) {
		size_t length = strlen(*kept);
		if (!strncmp(entry, *kept, length) && entry[length] == '=')
			return entry;
	}
	return NULL;
}

static bool is_fixed(const char *entry)
{
	for (size_t index = 0; index < FIXED_COUNT; index++)
		if (!strcmp(entry, fixed_variables[index]))
			return true;
	return false;
}

bool fence_environment(const char *const *kept, char *const *argv, struct error *error)
{
	char *clean[MOST_KEPT + FIXED_COUNT + 1];
	size_t count = 0, fixed = 0;
	bool is_clean = true;
	for (char **entry = environ; entry && *entry; entry++) {
		if (is_fixed(*entry))
			fixed++;
		else if (kept_variable(kept, *entry) && count < MOST_KEPT)
			clean[count++] = *entry;
		else
			is_clean = false;
	}
	if (is_clean && fixed == FIXED_COUNT)
		return true;
	for (size_t index = 0; index < FIXED_COUNT; index++)
		clean[count++] = (char *)(uintptr_t)fixed_variables[index];
	clean[count] = NULL;
	(void)execve("/proc/self/exe", argv, clean);
	return error_set(error, ERROR_INTERNAL, "cannot execute /proc/self/exe: %s; is /proc mounted?", strerror(errno));
}

static bool limit_between(int resource, const char *name, int64_t soft, int64_t hard, struct error *error)
{
	const struct rlimit both = { (rlim_t)soft, (rlim_t)hard };
	if (setrlimit((__rlimit_resource_t)resource, &both) == 0)
		return true;
	return error_set(error, ERROR_INTERNAL, "cannot set the limit of %s to %" PRId64 ": %s", name, soft,
			 strerror(errno));
}

static bool limit(int resource, const char *name, int64_t most, struct error *error)
{
	return limit_between(resource, name, most, most, error);
}

static bool die_with_parent(struct error *error)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 ||
	       error_set(error, ERROR_INTERNAL, "prctl: %s", strerror(errno));
}

bool fence_descriptors(bool quiet, struct error *error)
{
	int null = open("/dev/null", O_RDWR);
	bool done = null >= 0 && dup2(null, STDOUT_FILENO) >= 0 && (!quiet || dup2(null, STDERR_FILENO) >= 0) &&
		    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) == 0;
	return done || error_set(error, ERROR_INTERNAL, "cannot close what was inherited: %s", strerror(errno));
}

static bool allow(int ruleset, const char *path, uint64_t rights, struct error *error)
{
	struct stat status;
	int descriptor = open(path, O_PATH | O_CLOEXEC);
	if (descriptor < 0)
		return true; /* what is not there needs no leave */
	if (fstat(descriptor, &status) == 0 && !S_ISDIR(status.st_mode))
		rights &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
	const struct landlock_path_beneath_attr rule = { rights, descriptor };
	bool done = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
	if (!done)
		error_set(error, ERROR_INTERNAL, "Landlock refuses a rule for %s: %s", path, strerror(errno));
	(void)close(descriptor);
	return done;
}

static bool fence_files(const struct fence *fence, bool *landlock, struct error *error)
{
	long version = fence->readable ?
			       syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) :
			       0;
	*landlock = version >= 1;
	if (!*landlock)
		return true;
	const struct ruleset all = {
		.files = RIGHTS_V1 | (version >= 2 ? RIGHT_REFER : 0) | (version >= 3 ? RIGHT_TRUNCATE : 0) |
			 (version >= 5 ? RIGHT_IOCTL : 0),
		.network = version >= 4 ? RIGHT_TCP_BOTH : 0,
		.scopes = version >= 6 ? SCOPE_BOTH : 0,
	};
	/* An older kernel takes a longer struct when what it does not know is zero. */
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
	if (ruleset < 0)
		return error_set(error, ERROR_INTERNAL, "Landlock refuses its rules: %s", strerror(errno));
	bool done = allow(ruleset, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE, error);
	for (const char *const *path = fence->readable; done && *path; path++)
		done = allow(ruleset, *path, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, error);
	if (done && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		done = error_set(error, ERROR_INTERNAL, "Landlock does not start: %s", strerror(errno));
	(void)close(ruleset);
	return done;
}

/*
 * Files cannot grow: a write fails, and kills nobody, since fontconfig writes its cache where Landlock does not forbid it.
 * Standard error may be a file in which a person reads what the libraries print.
 */
static bool forbid_writing(struct error *error)
{
	struct stat status;
	(void)signal(SIGXFSZ, SIG_IGN);
	if (fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode))
		return true;
	return limit(RLIMIT_FSIZE, "file size", 0, error);
}

bool fence_raise(const struct fence *fence, bool *landlock, struct error *error)
{
	bool fenced = false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(error, ERROR_INTERNAL, "prctl: %s", strerror(errno));
	if (!die_with_parent(error) || !fence_files(fence, &fenced, error) || !forbid_writing(error) ||
	    !limit(RLIMIT_CORE, "core", 0, error) || !limit(RLIMIT_NOFILE, "descriptors", fence->descriptors, error))
		return false;
	if (fence->memory_bytes > 0 && !limit(RLIMIT_AS, "memory", fence->memory_bytes, error))
		return false;
	if (landlock)
		*landlock = fenced;
	return true;
}

bool fence_child(struct error *error)
{
	return die_with_parent(error) && limit(RLIMIT_NPROC, "processes", 0, error);
}

bool fence_document(const struct document_fence *fence, struct error *error)
{
	int64_t time_s = (fence->time_ms + 999) / 1000;
	return (!time_s || limit_between(RLIMIT_CPU, "processor time", time_s, time_s + 1, error)) &&
	       (!fence->calls || fence_calls_begin(fence->calls, error));
}
