"""The system calls that a sandboxed CPython may make: a seccomp filter for its own process.

Whatever is not listed is refused, so that a call of tomorrow's kernel is no hole. The kernel runs
the filter, a program in classic BPF, on each call: https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_Condition = tuple[int, int, Sequence[int]]

# Each call with its numbers on x86-64 and on aarch64, which lacks the older ones.
_ALLOWED: Final = """
read 0 63, readv 19 65, pread64 17 67, write 1 64, writev 20 66,
lseek 8 62, open 2 -, openat 257 56, close 3 57, getdents64 217 61,
stat 4 -, fstat 5 80, lstat 6 -, newfstatat 262 79, statx 332 291,
access 21 -, faccessat 269 48, faccessat2 439 439, getcwd 79 17,
dup 32 23, dup2 33 -, dup3 292 24, pipe 22 -, pipe2 293 59,
poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72, epoll_create1 291 20, epoll_ctl 233 21,
epoll_wait 232 -, epoll_pwait 281 22,
brk 12 214, mmap 9 222, munmap 11 215, mprotect 10 226, mremap 25 216, madvise 28 233,
futex 202 98, set_robust_list 273 99, rseq 334 293, sched_yield 24 124, sched_getaffinity 204 123,
exit 60 93, exit_group 231 94, restart_syscall 219 128,
rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, sigaltstack 131 132,
alarm 37 -, setitimer 38 103, getitimer 36 102, pause 34 -,
nanosleep 35 101, clock_nanosleep 230 115, clock_gettime 228 113, clock_getres 229 114,
gettimeofday 96 169, time 201 -, times 100 153, getrusage 98 165,
getpid 39 172, getppid 110 173, gettid 186 178, getuid 102 174, geteuid 107 175, getgid 104 176,
getegid 108 177, getgroups 115 158,
uname 63 160, getrandom 318 278, recvfrom 45 207
"""
# By argument: the 32-bit word that is looked at, the bits of it that count, what they may be.
# A 64-bit argument is two words, the lower first. Numbers are the same on both machines.
_THREAD: Final = 0x3D0F00  # the flags of pthread_create; musl adds CLONE_DETACHED
_CONDITIONS: Final[dict[str, list[_Condition]]] = {
    "clone 56 220": [(0, ~0x400000, [_THREAD])],
    # F_DUPFD to F_SETFL, F_DUPFD_CLOEXEC: neither owners, signals, leases nor locks.
    "fcntl 72 25": [(2, ~0, [0, 1, 2, 3, 4, 1030])],
    # TCGETS and TCGETS2 for isatty, FIONBIO, FIONCLEX, FIOCLEX.
    "ioctl 16 29": [(2, ~0, [0x5401, 0x802C542A, 0x5421, 0x5450, 0x5451])],
    "prctl 157 167": [(0, ~0, [15])],  # PR_SET_NAME, of a thread
    # A pair of AF_UNIX and SOCK_STREAM, which asyncio wakes itself with: it reaches nobody else.
    "socketpair 53 199": [(0, ~0, [1]), (2, ~0x80800, [1]), (4, ~0, [0])],
    "sendto 44 206": [(8, ~0, [0]), (9, ~0, [0])],  # send: to no address
}
# glibc makes a thread by `clone`, whose flags a filter can see, if there is no `clone3`.
_CLONE3: Final = 435
# AUDIT_ARCH_…, the place of the numbers above, and the number of `seccomp` itself.
_MACHINES: Final = {"x86_64": (0xC000003E, 1, 317), "aarch64": (0xC00000B7, 2, 277)}
MACHINES: Final = frozenset(_MACHINES)

_LOAD, _AND, _EQUALS, _RETURN = 0x20, 0x54, 0x15, 0x06  # codes of classic BPF
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _REFUSE, _LACK, _KILL = 0x7FFF0000, 0x50001, 0x50026, 0x80000000  # EPERM, ENOSYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter for one kind of machine.

    Attributes:
        program: an array of struct sock_filter.
        setter: the number of the call `seccomp`, which sets it.
    """

    program: bytes
    setter: int


def filter_for(machine: str) -> Filter:
    """The filter for a machine, one of `MACHINES` as `platform.machine` names them."""
    architecture, column, setter = _MACHINES[machine]
    code = [_step(_LOAD, _ARCHITECTURE), _step(_EQUALS, architecture, 1, 0), _step(_RETURN, _KILL)]
    code.append(_step(_LOAD, _NUMBER))
    for call in _ALLOWED.replace("\n", " ").split(","):
        code += _allowed(call.split()[column], [])
    for call, conditions in _CONDITIONS.items():
        code += _allowed(call.split()[column], conditions)
    code += [_step(_EQUALS, _CLONE3, 0, 1), _step(_RETURN, _LACK), _step(_RETURN, _REFUSE)]
    return Filter(program=b"".join(code), setter=setter)


def _allowed(number: str, conditions: Sequence[_Condition]) -> list[bytes]:
    """Allow a call if its arguments meet the conditions, else refuse it."""
    if number == "-":
        return []
    body = [step for condition in conditions for step in _demanded(*condition)]
    return [_step(_EQUALS, int(number), 0, len(body) + 1), *body, _step(_RETURN, _ALLOW)]


def _demanded(word: int, mask: int, values: Sequence[int]) -> list[bytes]:
    """Refuse the call unless a word of its arguments is one of the values."""
    compared = [_step(_EQUALS, value, len(values) - at) for at, value in enumerate(values)]
    read = [_step(_LOAD, _ARGUMENTS + 4 * word), _step(_AND, mask & 0xFFFFFFFF)]
    return [*read, *compared, _step(_RETURN, _REFUSE)]


def _step(code: int, operand: int, if_equal: int = 0, otherwise: int = 0) -> bytes:
    """One instruction; the last two are how many to skip."""
    return struct.pack("=HBBI", code, if_equal, otherwise, operand)
