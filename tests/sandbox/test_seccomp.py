"""The filter itself, for both machines: this test is the kernel that runs it."""

from __future__ import annotations

import struct

import pytest

from metier.sandbox.seccomp import MACHINES, filter_for

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x50001, 0x50026, 0x80000000
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# A call with its number on x86-64 and on aarch64, its arguments, and what is to become of it.
CALLS: dict[str, tuple[tuple[int, int], tuple[int, ...], int]] = {
    "read": ((0, 63), (), ALLOW),
    "openat": ((257, 56), (), ALLOW),
    "exit_group": ((231, 94), (), ALLOW),
    "socket": ((41, 198), (2, 1, 0), EPERM),
    "connect": ((42, 203), (), EPERM),
    "execve": ((59, 221), (), EPERM),
    "ptrace": ((101, 117), (), EPERM),
    "inotify_init1": ((294, 26), (), EPERM),
    "io_uring_setup": ((425, 425), (), EPERM),
    "a call of a later kernel": ((999, 999), (), EPERM),
    "clone3": ((435, 435), (), ENOSYS),
    "clone of a thread": ((56, 220), (0x3D0F00,), ALLOW),
    "clone of a thread by musl": ((56, 220), (0x7D0F00,), ALLOW),
    "clone of a process": ((56, 220), (17,), EPERM),
    "clone of a thread into a namespace": ((56, 220), (0x3D0F00 | 0x20000,), EPERM),
    "fcntl F_SETFL": ((72, 25), (3, 4, 0), ALLOW),
    "fcntl F_SETOWN": ((72, 25), (3, 8, 1), EPERM),
    "fcntl F_SETSIG": ((72, 25), (3, 10, 1), EPERM),
    "ioctl TCGETS": ((16, 29), (1, 0x5401), ALLOW),
    "ioctl TIOCSTI": ((16, 29), (0, 0x5412), EPERM),
    "prctl PR_SET_NAME": ((157, 167), (15,), ALLOW),
    "prctl PR_SET_PDEATHSIG": ((157, 167), (1, 0), EPERM),
    "socketpair": ((53, 199), (1, 1 | 0x80800, 0), ALLOW),
    "socketpair of datagrams": ((53, 199), (1, 2, 0), EPERM),
    "socketpair of another family": ((53, 199), (30, 1, 0), EPERM),
    "send": ((44, 206), (3, 1 << 40, 5, 0, 0, 0), ALLOW),
    "sendto": ((44, 206), (3, 1 << 40, 5, 0, 1 << 40, 16), EPERM),
    "sendto with a low address": ((44, 206), (3, 1 << 40, 5, 0, 4096, 16), EPERM),
}


def ruling(program: bytes, number: int, architecture: int, arguments: tuple[int, ...]) -> int:
    """What a filter returns for a call: classic BPF over struct seccomp_data."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    at, held = 0, 0
    while True:
        code, if_equal, otherwise, operand = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", data, operand)
            case 0x54:
                held &= operand
            case 0x15:
                at += if_equal if held == operand else otherwise
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"no instruction of classic BPF: {code:#x}")


@pytest.mark.parametrize("machine", sorted(MACHINES))
@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_allowed_or_refused(machine: str, name: str) -> None:
    numbers, arguments, expected = CALLS[name]
    number = numbers[machine == "aarch64"]
    program = filter_for(machine).program
    assert ruling(program, number, ARCHITECTURE[machine], arguments) == expected


@pytest.mark.parametrize("machine", sorted(MACHINES))
@pytest.mark.parametrize("architecture", [0x40000003, 0x40000028, 0xC00000F3])
def test_a_call_of_another_architecture_ends_the_process(machine: str, architecture: int) -> None:
    assert ruling(filter_for(machine).program, 0, architecture, ()) == KILL


def test_no_call_of_x32_is_allowed() -> None:
    program = filter_for("x86_64").program
    rulings = {ruling(program, 0x40000000 | n, 0xC000003E, ()) for n in range(600)}
    assert rulings == {EPERM}
