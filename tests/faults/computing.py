"""Processes that compute: the math expert's, and the interpreter of Monty."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from unittest import mock

import anyio
import anyio.to_thread
from faults.matrix import Attempt, Row, expect, jumping_clock

from metier.errors import DeadlineExceeded, ExpertFailed, MetierError
from metier.sandbox import Limits
from metier.sandbox.monty import MontySandbox
from metier_math.calculator import Calculator
from metier_math.program import Assignment, Program, Reply

PROGRAM = Program(operation="evaluate", steps=(Assignment(expression="2 + 2"),))
READY = f"print({Reply().model_dump_json()!r}, flush=True)\n"
WELL = """
import sys
from metier_math.worker import main
main(5.0, 1 << 30)
"""
LIMIT = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))\n"
KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
WRITES_NOTHING = dict.fromkeys(("disk full", "read-only"), "it writes no file")
NO_STATUS = dict.fromkeys(("4xx", "5xx"), "a process has no HTTP status")
BRIEF = Limits(seconds=2, memory_mb=64, output_chars=1_000)


async def computed(program: str, *, deadline_s: float = 5.0) -> str:
    """What a child that is such a program makes of 2 + 2."""
    command = (sys.executable, "-P", "-c", f"import sys, time\n{program}")
    return await computed_by(command, deadline_s=deadline_s)


async def computed_by(command: tuple[str, ...], *, deadline_s: float = 5.0) -> str:
    calculator = Calculator(deadline_s=deadline_s)
    calculator._command = command
    try:
        (result,) = await calculator.run(PROGRAM)
        return result.text
    finally:
        await calculator.aclose()
        assert calculator.pids == ()


async def fails(program: str, error: type[MetierError], _: Path) -> None:
    await expect(error, computed(program, deadline_s=1.0))


async def succeeds(program: str, _: Path) -> None:
    assert await computed(program) == "4"


async def has_no_program(_: Path) -> None:
    await expect(ExpertFailed, computed_by(("/no/such/python",)))


async def may_not_start(folder: Path) -> None:
    program = folder / "python"
    program.touch(mode=0o600)
    await expect(ExpertFailed, computed_by((str(program),)))


async def is_cancelled(_: Path) -> None:
    with anyio.move_on_after(1) as scope:
        await computed(f"{READY}time.sleep(600)", deadline_s=60)
    assert scope.cancelled_caught


async def jumps(_: Path) -> None:
    with jumping_clock():
        assert await computed(WELL) == "4"


def calculator_attempts() -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def failing(program: str, error: type[MetierError] = ExpertFailed) -> tuple[str, Attempt]:
        return error.code, partial(fails, program, error)

    asked = f"{READY}sys.stdin.readline()\n"
    yield "refused", (ExpertFailed.code, has_no_program)
    yield "permission", (ExpertFailed.code, may_not_start)
    yield "mute", failing(f"{asked}time.sleep(600)", DeadlineExceeded)
    yield "slow", ("the result", partial(succeeds, f"time.sleep(0.2)\n{WELL}"))
    yield "cut", failing(f"{asked}print('{{', end='', flush=True)")
    yield "garbage", failing(f"{asked}sys.stdout.buffer.write(bytes(range(256)) * 9)")
    yield "wrong JSON", failing(f"{asked}print([1, 2])")
    yield "killed", failing(f"{asked}{KILL}")
    yield "out of memory", failing(f"{asked}{LIMIT}bytearray(1 << 30)")
    yield "interrupted", ("its process is gone", is_cancelled)
    yield "clock jumps", ("the result", jumps)


async def ran(code: str, status: str, _: Path) -> None:
    assert (await MontySandbox().run(code, limits=BRIEF)).status == status


async def is_absent(_: Path) -> None:
    with mock.patch.dict(sys.modules, {"pydantic_monty": None}):
        assert (await MontySandbox().run("1")).status == "unavailable"


async def is_killed(folder: Path) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(ran, "while True: pass", "unsupported", folder)
        await anyio.to_thread.run_sync(kill_monty)


def kill_monty() -> None:
    while not (workers := list(monty_workers())):
        time.sleep(0.01)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


def monty_workers() -> Iterator[int]:
    """Monty's processes below this one."""
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in listed.read_text().split():
            with suppress(OSError):
                if b"monty\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    yield int(pid)


async def is_left(folder: Path) -> None:
    with anyio.move_on_after(0.2) as scope:
        await MontySandbox().run("while True: pass", limits=BRIEF)
    assert scope.cancelled_caught
    await ran("1 + 1", "ok", folder)


async def runs_by_another_clock(folder: Path) -> None:
    with jumping_clock():
        await ran("1 + 1", "ok", folder)


def monty_attempts() -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def ended(status: str, code: str) -> tuple[str, Attempt]:
        return status, partial(ran, code, status)

    yield "refused", ("unavailable", is_absent)
    yield "mute", ended("timeout", "while True: pass")
    yield "slow", ended("ok", "sum(range(100_000))")
    yield "garbage", ended("failed", "print('\\x00\\ufffd' * 10_000)")
    yield "killed", ("unsupported, so that the next sandbox has a try", is_killed)
    yield "out of memory", ended("memory", "x = []\nwhile True: x.append('a' * 1_000_000)")
    yield "interrupted", ("it is left, and the next one runs", is_left)
    yield "clock jumps", ("ok", runs_by_another_clock)


ROWS = [
    Row(
        kind="children",
        call="compute",
        attempts=dict(calculator_attempts()),
        reasons=NO_STATUS | WRITES_NOTHING,
    ),
    Row(
        kind="children",
        call="run a program in Monty",
        attempts=dict(monty_attempts()),
        reasons=NO_STATUS
        | WRITES_NOTHING
        | {
            "permission": "tests/sandbox/test_monty.py::test_without_its_program_it_is_unavailable",
            "cut": "it is as killed",
            "wrong JSON": "what its process says is read by pydantic-monty",
        },
    ),
]
