"""Run a program behind the part of a systemd unit's fence that needs no
systemd: NoNewPrivileges, MemoryDenyWriteExecute and SystemCallFilter, as
systemd-analyze expands its groups.

    unit_fence.py HARDENING.CONF PROGRAM [ARGUMENT...]
    unit_fence.py HARDENING.CONF --self-test
"""
import ctypes
import errno
import mmap
import os
import subprocess
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 38, 65, 1
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO = 0x7FFF0000, 0x00050000
PTRACE_TRACEME = 0

libc = ctypes.CDLL(None, use_errno=True)


def expand(name):
    """The system calls of a group, of groups in it, or the call itself."""
    if not name.startswith("@"):
        return {name}
    lines = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
    members = [line.strip() for line in lines.splitlines()[1:]]
    return set().union(*(expand(member) for member in members if member and not member.startswith("#")))


def settings(path):
    with open(path, encoding="utf-8") as unit:
        return [tuple(line.strip().split("=", 1)) for line in unit if "=" in line and not line.startswith("#")]


def allowed(unit):
    calls = set()
    for key, value in unit:
        if key == "SystemCallFilter":
            named = set().union(*(expand(name) for name in value.lstrip("~").split()))
            calls = calls - named if value.startswith("~") else calls | named
    return calls


def raise_fence(unit):
    if ("MemoryDenyWriteExecute", "yes") in unit and libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        print("Linux older than 6.3 knows no PR_SET_MDWE")
        sys.exit(77)
    assert ("NoNewPrivileges", "yes") in unit and ("SystemCallErrorNumber", "EPERM") in unit
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        sys.exit("no PR_SET_NO_NEW_PRIVS")
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(SCMP_ACT_ERRNO | errno.EPERM))
    for name in sorted(allowed(unit)):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            assert seccomp.seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0) == 0, name
    assert seccomp.seccomp_load(context) == 0


def refused(what, result):
    print(what, errno.errorcode[ctypes.get_errno()] if result in (-1, ctypes.c_void_p(-1).value) else "allowed")


def self_test():
    refused("mount", libc.mount(b"none", b"/tmp", b"tmpfs", 0, None))
    refused("ptrace", libc.ptrace(PTRACE_TRACEME, 0, None, None))
    libc.mmap.restype = ctypes.c_void_p
    every = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    refused("write and execute", libc.mmap(None, ctypes.c_size_t(4096), every, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0))


def main():
    raise_fence(settings(sys.argv[1]))
    if sys.argv[2] == "--self-test":
        self_test()
    else:
        os.execv(sys.argv[2], sys.argv[2:])


main()
