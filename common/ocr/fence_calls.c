/*
 * The system calls of a process that decodes a stranger's document, by libseccomp. What is not listed ends the process.
 *
 * The list was made by tracing the decoders over many documents, then widened by hand to what the C library makes of the
 * same functions on other machines and versions (statx for fstat, faccessat2 for access, ppoll for poll). Names, not
 * numbers: those that a machine or an older libseccomp lacks are left out. Reading files is allowed here because Poppler
 * takes substitutes for fonts when a page asks for one; which files is Landlock's matter (fence.c). Fontconfig tries to
 * write its cache when that is stale and goes on when it may not, so such calls fail instead of being deadly.
 *
 * libseccomp makes the kernel's program of the list once, for many processes; the one number in it that is different for
 * each of them, its own id, is put in afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
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
#define OWN_ID UINT32_C(0x7ffe1d1d) /* stands for the process; above all ids of processes */

struct fence_calls {
	bool named;
	uint32_t *own_id; /* within the program */
	unsigned short count;
	struct sock_filter program[BPF_MAXINSNS];
};

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
	return status ? status : add_equal(filter, "tgkill", 0, OWN_ID);
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

static int add_all(scmp_filter_ctx filter)
{
	int status = 0;
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && !status; i++)
		status = add_rule(filter, SCMP_ACT_ALLOW, allowed[i], NULL, 0);
	for (size_t i = 0; i < sizeof refused / sizeof *refused && !status; i++)
		status = add_rule(filter, SCMP_ACT_ERRNO(EACCES), refused[i], NULL, 0);
	return status ? status : add_particular(filter);
}

/* The program, by way of a pipe, which holds 64 KB: libseccomp writes to descriptors only, and no file may grow here. */
static int export_program(scmp_filter_ctx filter, struct fence_calls *calls)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	int status = seccomp_export_bpf(filter, ends[1]);
	ssize_t length = status ? 0 : read(ends[0], calls->program, sizeof calls->program);
	(void)close(ends[0]);
	(void)close(ends[1]);
	if (status || length <= 0)
		return status ? status : -EIO;
	calls->count = (unsigned short)((size_t)length / sizeof *calls->program);
	return 0;
}

static int find_own_id(struct fence_calls *calls)
{
	int found = 0;
	for (unsigned i = 0; i < calls->count; i++)
		if (calls->program[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && calls->program[i].k == OWN_ID) {
			calls->own_id = &calls->program[i].k;
			found++;
		}
	return found == 1 ? 0 : -EINVAL;
}

struct fence_calls *fence_calls_new(bool named, struct error *error)
{
	struct fence_calls *calls = calloc(1, sizeof *calls);
	scmp_filter_ctx filter = calls ? seccomp_init(named ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS) : NULL;
	int status = filter ? add_all(filter) : -ENOMEM;
	if (!status)
		status = export_program(filter, calls);
	if (!status)
		status = find_own_id(calls);
	seccomp_release(filter);
	if (!status) {
		calls->named = named;
		return calls;
	}
	free(calls);
	error_set(error, ERROR_INTERNAL, "cannot make the filter of system calls: %s", strerror(-status));
	return NULL;
}

void fence_calls_free(struct fence_calls *calls)
{
	free(calls);
}

bool fence_calls_begin(struct fence_calls *calls, struct error *error)
{
	const struct sigaction action = { .sa_sigaction = name_denied, .sa_flags = SA_SIGINFO };
	const struct sock_fprog program = { calls->count, calls->program };
	*calls->own_id = (uint32_t)getpid();
	return ((!calls->named || sigaction(SIGSYS, &action, NULL) == 0) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0) ||
	       error_set(error, ERROR_INTERNAL, "the kernel takes no filter of system calls: %s", strerror(errno));
}
