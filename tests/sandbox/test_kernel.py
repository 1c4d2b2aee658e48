"""A program in sandlock cannot use the kernel against other processes, or look at the machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator

import pytest
from attacking import Account

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)

# OTHER is a process of the same user. `call` takes the numbers for x86-64 and aarch64, or the one
# for both; it raises if the call is refused, as `done` does.
PRELUDE = """
import ctypes, fcntl, mmap, os, resource, signal, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
buffer = ctypes.create_string_buffer(4096)

def done(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def call(numbers, *values):
    number = numbers[os.uname().machine == 'aarch64'] if isinstance(numbers, tuple) else numbers
    return done(libc.syscall(number, *(ctypes.c_long(v) if type(v) is int else v for v in values)))
"""
OTHERS = {
    "kill": "os.kill(OTHER, 0)",
    "tgkill": "done(libc.tgkill(OTHER, OTHER, 0))",
    "rt_sigqueueinfo": "call((129, 138), OTHER, 0, b'\\0' * 8 + b'\\xff' * 4 + b'\\0' * 116)",
    "a signal by fcntl": """
fd = os.pipe()[0]
fcntl.fcntl(fd, fcntl.F_SETOWN, OTHER)
fcntl.fcntl(fd, 10, signal.SIGURG)""",
    "a signal by ioctl": """
import socket
fcntl.ioctl(socket.socketpair()[0], 0x8901, struct.pack('i', OTHER))""",
    "pidfd_open": "call(434, OTHER, 0)",
    "pidfd_getfd": "call(438, call(434, OTHER, 0), 0, 0)",
    "pidfd_send_signal": "call(424, call(434, OTHER, 0), 0, 0, 0)",
    "ptrace": "done(libc.ptrace(0x4206, OTHER, 0, 0))",
    "process_vm_readv": "done(libc.process_vm_readv(OTHER, buffer, 0, buffer, 0, 0))",
    "process_vm_writev": "done(libc.process_vm_writev(OTHER, buffer, 0, buffer, 0, 0))",
    "kcmp": "call((312, 272), OTHER, os.getpid(), 2, 0, 0)",
    "its priority": "os.setpriority(0, OTHER, os.getpriority(0, OTHER) + 1)",
    "its scheduler": "os.sched_setscheduler(OTHER, os.SCHED_BATCH, os.sched_param(0))",
    "its cores": "os.sched_setaffinity(OTHER, os.sched_getaffinity(0))",
    "its disk priority": "call((251, 30), 1, OTHER, 2 << 13 | 5)",
    "its limits": "resource.prlimit(OTHER, resource.RLIMIT_CORE, (0, 0))",
    "its program": "os.readlink(f'/proc/{OTHER}/exe')",
    "its arguments": "open(f'/proc/{OTHER}/cmdline').read()",
    "its memory": "open(f'/proc/{OTHER}/mem', 'rb')",
    "a list of processes": "os.listdir('/proc')",
    "a child": "os.fork() or os._exit(0)",
    "a child by vfork": "os.posix_spawn('/bin/true', ['true'], {})",
    "a child by clone": "call((56, 220), 17, 0, 0, 0, 0) or os._exit(0)",
    "a child by clone3": """
call(435, struct.pack('=11Q', 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88) or os._exit(0)""",
    "another program": "os.execv('/bin/echo', ['echo', 'OPEN'])",
    "a program of memory": "os.memfd_create('x')",
    "life after its parent": "done(libc.prctl(1, 0, 0, 0, 0))",
    "higher limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))",
}
KERNEL = {
    "io_uring": "call(425, 4, ctypes.create_string_buffer(120))",
    "bpf": "call((321, 280), 0, struct.pack('=5I', 2, 4, 8, 1, 0) + b'\\0' * 100, 120)",
    "perf events": """
wanted = struct.pack('=IIQ24xQ64x', 1, 112, 0, 0x60)
call((298, 241), wanted, 0, -1, -1, 0)
""",
    "userfaultfd": "call((323, 282), 1)",
    "keyrings": "call((250, 219), 0, -3, 1, 0, 0)",
    "a key": "call((248, 217), b'user', b'metier-test', b'x', 1, -3)",
    "a user namespace": "done(libc.unshare(0x10000000))",
    "a network namespace": "done(libc.unshare(0x40000000))",
    "a child in a user namespace": "call((56, 220), 0x10000011, 0, 0, 0, 0) or os._exit(0)",
    "another's namespace": "done(libc.setns(call(434, OTHER, 0), 0x04000000))",
    "a file system": "call(430, b'tmpfs', 0)",
    "a mount": "call(428, -100, b'/', 1)",
    "another root": "os.chroot('/')",
    "a handle of a file": """
done(libc.name_to_handle_at(-100, b'/usr', struct.pack('Ii128x', 128, 0), buffer, 0))""",
    "inotify": "done(libc.inotify_add_watch(libc.inotify_init(), b'/tmp', 0x100))",
    "fanotify": "done(libc.fanotify_init(0x200, 0))",
    "dnotify": "fcntl.fcntl(os.open('/usr/lib', os.O_RDONLY), fcntl.F_NOTIFY, 4)",
    "a lease": "fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    "a lock on a library": "fcntl.flock(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_EX)",
    "the size of a file system": "os.statvfs('/')",
    "extended attributes": "os.listxattr('/etc')",
    "the target of a link": "os.readlink('/proc/self/exe')",
    "load and uptime": "done(libc.sysinfo(buffer))",
    "messages of the kernel": "done(libc.klogctl(10, 0, 0))",
    "the state of the host": "open('/proc/uptime').read()",
    "mappings of a process": "open('/proc/self/maps').read()",
    "personality": "done(libc.personality(0xffffffff))",
    "flushing the disks": "call((306, 267), 1)",
    "large pipes": "fcntl.fcntl(os.pipe()[1], 1031, 1 << 20)",
    "locked memory": "done(libc.mlock(buffer, 4096))",
    "shared memory": "done(libc.shmctl(done(libc.shmget(0, 4096, 0o600)), 0, 0))",
    "message queues": "done(libc.msgctl(done(libc.msgget(0, 0o600)), 0, 0))",
    "semaphores": "done(libc.semctl(done(libc.semget(0, 1, 0o600)), 0, 0))",
    "POSIX queues": "call((240, 180), b'metier', 0o100, 0o600, 0), call((241, 181), b'metier')",
    "memory as a file": "os.write(os.open('/dev/shm', os.O_TMPFILE | os.O_RDWR), b'x' * 10**6)",
    "the disk": "os.write(os.open('/tmp', os.O_TMPFILE | os.O_RDWR), b'x' * 10**6)",
    "a device": "open('/dev/zero', 'rb').read(1)",
    "the name of the machine": "assert os.uname().nodename == HOST",
}


@pytest.fixture
def other(account: Account) -> Iterator[int]:
    """A process of the account, beside the sandbox."""
    user = account.user
    process = subprocess.Popen(["/bin/sleep", "120"], user=user, group=user, cwd="/")
    yield process.pid
    process.kill()
    process.wait()


@pytest.mark.parametrize("name", [*OTHERS, *KERNEL])
def test_it_is_refused(account: Account, other: int, name: str) -> None:
    names = f"OTHER, HOST = {other}, {platform.node()!r}\n"
    code = f"{PRELUDE}{names}{(OTHERS | KERNEL)[name]}\nprint('OPEN')\n"
    assert "OPEN" not in account.inside(code).stdout
    account.check_control(name, works="OPEN" in account.outside(code))
