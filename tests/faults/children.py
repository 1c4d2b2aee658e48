"""Child processes: the reader of PDFs, the sandbox, and an Ollama that metier starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import anyio
import pytest
from anyio import to_thread
from faults.matrix import Attempt, Row, jumping_clock
from ports import free_port

from metier.errors import ModelServerUnreachable
from metier.experts.knowledge import pdf
from metier.models import local
from metier.sandbox import Limits, Outcome
from metier.sandbox.sandlock import SandlockSandbox
from metier.settings import Settings

NO_STATUS = {"4xx": "a process has no HTTP status", "5xx": "a process has no HTTP status"}
NO_FILES = {
    "disk full": "it may write nowhere",
    "read-only": "it may write nowhere",
    "permission": "it may write nowhere: tests/sandbox/test_attacks.py",
}
KILL = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
MEMORY = "x = []\nwhile True:\n    x.append(bytearray(10_000_000))\n"
BRIEF = Limits(seconds=2, memory_mb=256, output_chars=1_000)


async def reads_no_pdf(program: str, folder: Path) -> None:
    """A reader that is such a program."""
    inside = folder / "inside.py"
    inside.write_text(program)
    with (
        mock.patch.object(pdf, "_INSIDE", inside),
        mock.patch.object(pdf, "WALL_S", 2),
        pytest.raises(pdf.Unreadable),
    ):
        await to_thread.run_sync(pdf.pages_of, b"%PDF-1.7")


async def reads_none_without_python(folder: Path) -> None:
    gone = mock.patch.object(sys, "executable", str(folder / "gone"))
    with gone, pytest.raises(pdf.Unreadable):
        await to_thread.run_sync(pdf.pages_of, b"%PDF-1.7")


def pdf_attempts() -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def skipped(program: str) -> tuple[str, Attempt]:
        return "the file is skipped with its reason", partial(reads_no_pdf, program)

    yield "refused", ("the file is skipped with its reason", reads_none_without_python)
    yield "mute", skipped("import time\ntime.sleep(600)\n")
    yield "cut", skipped('print(\'{"pages": ["a\')\n')
    yield "garbage", skipped("import os\nos.write(1, bytes(range(256)))\n")
    yield "wrong JSON", skipped("print([1, 2])\n")
    yield "killed", skipped(KILL)
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 28, 1 << 28))\n"
    yield "out of memory", skipped(limit + MEMORY)
    denied = "raise PermissionError('no')\n"
    yield "permission", skipped(denied)


async def ran(code: str, limits: Limits = BRIEF) -> Outcome:
    return await SandlockSandbox().run(code, limits=limits)


async def ends(code: str, status: str, _: Path) -> None:
    assert (await ran(code)).status == status


async def is_absent(_: Path) -> None:
    with mock.patch.object(sys, "platform", "darwin"):
        assert (await ran("1")).status == "unavailable"


async def is_cancelled(_: Path) -> None:
    with anyio.move_on_after(1) as scope:
        await ran("while True: pass", Limits(seconds=60))
    assert scope.cancelled_caught
    assert (await ran("1 + 1")).value == "2"


async def runs_by_another_clock(_: Path) -> None:
    with jumping_clock():
        assert (await ran("1 + 1")).value == "2"


def sandbox_attempts() -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def ended(status: str, code: str) -> tuple[str, Attempt]:
        return status, partial(ends, code, status)

    yield "refused", ("unavailable", is_absent)
    yield "mute", ended("timeout", "while True: pass")
    yield "slow", ended("ok", "import time\ntime.sleep(0.2)")
    yield "cut", ended("failed", "import os\nos._exit(3)")
    yield "garbage", ended("failed", "import os\nwhile True: os.write(1, bytes(range(256)))")
    yield "killed", ended("failed", "import ctypes\nctypes.string_at(0)")
    yield "out of memory", ended("memory", MEMORY)
    yield "interrupted", ("its process is gone, the next one runs", is_cancelled)
    yield "clock jumps", ("ok", runs_by_another_clock)


async def does_not_start(script: str, folder: Path) -> None:
    """An ollama that is such a script."""
    program = folder / "ollama"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    settings = Settings(host=f"http://127.0.0.1:{free_port()}", state_dir=folder / "state")
    with (
        mock.patch.object(local, "ollama_program", return_value=str(program)),
        mock.patch.object(local, "_START_TIMEOUT_S", 2.0),
        pytest.raises(ModelServerUnreachable),
    ):
        await to_thread.run_sync(local.start, settings)


def start_attempts() -> Iterator[tuple[str, tuple[str, Attempt]]]:
    def not_started(script: str) -> tuple[str, Attempt]:
        return ModelServerUnreachable.code, partial(does_not_start, script)

    yield "refused", not_started("exit 1")
    yield "mute", not_started("exec sleep 600")
    yield "garbage", not_started("head -c 1000 /dev/urandom; exit 1")
    yield "disk full", not_started("echo 'Error: no space left on device'; exit 1")
    yield "read-only", not_started("echo 'Error: read-only file system'; exit 1")
    yield "permission", not_started("echo 'Error: permission denied'; exit 126")
    yield "killed", not_started("kill -9 $$")
    yield "out of memory", not_started("kill -9 $$ # as the system does")


ROWS = [
    Row(
        kind="children",
        call="read a PDF",
        attempts=dict(pdf_attempts()),
        reasons=NO_STATUS
        | {
            "slow": "it has its time: tests/experts/knowledge/test_documents.py",
            "disk full": "it writes nothing",
            "read-only": "it writes nothing",
            "interrupted": "a signal ends metier: tests/cli/test_knowledge.py",
            "clock jumps": "no clock is looked at",
        },
    ),
    Row(
        kind="children",
        call="run a program",
        attempts=dict(sandbox_attempts()),
        reasons=NO_STATUS | NO_FILES | {"wrong JSON": "reports: tests/sandbox/test_attacks.py"},
    ),
    Row(
        kind="children",
        call="start Ollama",
        attempts=dict(start_attempts()),
        reasons=NO_STATUS
        | {
            "slow": "it is waited for as long as a mute one",
            "cut": "it says nothing that is read",
            "wrong JSON": "it says nothing that is read",
            "interrupted": "tests/models/test_local.py: it ends with metier, however that ends",
            "clock jumps": "the wait is by the monotonic clock: tests/models/test_local.py",
        },
    ),
]
