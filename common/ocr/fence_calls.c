/*
 * The system calls of a process that decodes a stranger's document, by libseccomp. What is not listed ends the process.
 *
 * The list was made by tracing the decoders over many documents, then widened by hand to what the C library makes of the
 * same functions on other machines and versions (statx for fstat, faccessat2 for access, ppoll for poll). Names, not
 * numbers: those that a machine or an older libseccomp lacks are left out. Reading files is allowed here because Poppler
 * takes substitutes for fonts when a page asks for one; which files is Landlock's matter (fence.c). Fontconfig tries to
 * write its cache when that is stale and goes on when it may not, so such calls fail instead of being deadly.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ocr/fence.h"

static const char *const allowed[] = {
	/* memory */
	"brk", "madvise", "mremap", "munmap",
	/* descriptors that are open */
	"close", "fadvise64", "fstat", "fstat64", "lseek", "_llseek", "poll", "ppoll", "pread64", "read", "readv",
	"sendmsg", "write", "writev",
	/* the names of files, and what folders hold */
	"access", "faccessat", "faccessat2", "fstatfs", "getcwd", "getdents", "getdents64", "lstat", "newfstatat",
	"readlink", "readlinkat", "stat", "statfs", "statx",
	/* time, chance, and what a process may know of itself */
	"clock_getres", "clock_gettime", "clock_nanosleep", "futex", "getegid", "geteuid", "getgid", "getpid", "getppid",
	"getrandom", "getrlimit", "getrusage", "gettid", "gettimeofday", "getuid", "nanosleep", "restart_syscall",
	"sched_getaffinity", "sched_yield", "sysinfo", "time", "times", "ugetrlimit", "uname",
	/* signals of its own, and the end */
	"exit", "exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
};

/* What fails, as on a file system that is mounted read-only. */
static const char *const refused[] = {
	"chmod", "creat", "fchmod", "fchmodat", "link", "linkat", "mkdir", "mkdirat", "rename", "renameat", "renameat2",
	"rmdir", "symlink", "symlinkat", "unlink", "unlinkat", "utime", "utimensat", "utimes",
};

#define WRITING_FLAGS (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)

/* A call that this machine does not have needs no rule. */
static int add_rule(scmp_filter_ctx filter, uint32_t action, const char *name, const struct scmp_arg_cmp *compared,
		    unsigned compared_count)
{
	int number = seccomp_syscall_resolve_name(name);
	return number == __NR_SCMP_ERROR || number < 0 ?
		       0 :
		       seccomp_rule_add_array(filter, action, number, compared_count, compared);
}

/* A call whose argument `index` has none of the bits `mask` is allowed; one that has is another rule's, or deadly. */
static int add_without(scmp_filter_ctx filter, const char *name, unsigned index, uint64_t mask)
{
	const struct scmp_arg_cmp none = { index, SCMP_CMP_MASKED_EQ, mask, 0 };
	return add_rule(filter, SCMP_ACT_ALLOW, name, &none, 1);
}

static int add_equal(scmp_filter_ctx filter, const char *name, unsigned index, uint64_t value)
{
	const struct scmp_arg_cmp same = { index, SCMP_CMP_EQ, value, 0 };
	return add_rule(filter, SCMP_ACT_ALLOW, name, &same, 1);
}

/* Files are opened for reading; opening one for writing fails. */
static int add_opening(scmp_filter_ctx filter)
{
	int status = 0;
	for (unsigned bit = 1; bit <= (unsigned)O_APPEND && !status; bit <<= 1) {
		const struct scmp_arg_cmp writes = { 2, SCMP_CMP_MASKED_EQ, bit, bit };
		const struct scmp_arg_cmp old = { 1, SCMP_CMP_MASKED_EQ, bit, bit };
		if (!(bit & (unsigned)WRITING_FLAGS))
			continue;
		status = add_rule(filter, SCMP_ACT_ERRNO(EACCES), "openat", &writes, 1);
		if (!status)
			status = add_rule(filter, SCMP_ACT_ERRNO(EACCES), "open", &old, 1);
	}
	if (!status)
		status = add_without(filter, "openat", 2, WRITING_FLAGS);
	return status ? status : add_without(filter, "open", 1, WRITING_FLAGS);
}

/* Memory is never executable that was not so before, and a document that is shared with its sender is not written. */
static int add_mapping(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp own[] = { { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 },
					    { 3, SCMP_CMP_MASKED_EQ, MAP_SHARED, 0 } };
	int status = add_rule(filter, SCMP_ACT_ALLOW, "mmap", own, 2);
	if (!status)
		status = add_without(filter, "mmap", 2, PROT_EXEC | PROT_WRITE);
	return status ? status : add_without(filter, "mprotect", 2, PROT_EXEC);
}

/* Calls of which one use is harmless and another is not. */
static int add_particular(scmp_filter_ctx filter)
{
	static const uint64_t descriptor_commands[] = { F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC };
	int status = add_opening(filter);
	if (!status)
		status = add_mapping(filter);
	for (size_t i = 0; i < sizeof descriptor_commands / sizeof *descriptor_commands && !status; i++)
		status = add_equal(filter, "fcntl", 1, descriptor_commands[i]);
	if (!status)
		status = add_equal(filter, "ioctl", 1, TCGETS); /* isatty, by which stdio chooses its buffers */
	if (!status)
		status = add_equal(filter, "prlimit64", 2, 0); /* asks only */
	/* abort, and the handler of deadly signals; never to another process */
	return status ? status : add_equal(filter, "tgkill", 0, (uint64_t)getpid());
}

/* Names the call that was denied, then ends the process as the kernel would have. For people who look for the reason. */
static void name_denied(int number, siginfo_t *information, void *context)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, information->si_syscall);
	(void)context;
	log_error("system_call_denied", log_string("name", name ? name : "unknown"),
		  log_integer("number", information->si_syscall));
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

bool fence_system_calls(bool named, struct error *error)
{
	const struct sigaction action = { .sa_sigaction = name_denied, .sa_flags = SA_SIGINFO };
	scmp_filter_ctx filter = seccomp_init(named ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
	int status = filter ? 0 : -ENOMEM;
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && !status; i++)
		status = add_rule(filter, SCMP_ACT_ALLOW, allowed[i], NULL, 0);
	for (size_t i = 0; i < sizeof refused / sizeof *refused && !status; i++)
		status = add_rule(filter, SCMP_ACT_ERRNO(EACCES), refused[i], NULL, 0);
	if (!status)
		status = add_particular(filter);
	if (!status && named && sigaction(SIGSYS, &action, NULL) != 0)
		status = -errno;
	if (!status)
		status = seccomp_load(filter);
	seccomp_release(filter);
	return status == 0 || error_set(error, ERROR_INTERNAL, "the kernel takes no filter of system calls: %s",
					strerror(-status));
}
