"""CPython under sandlock: the whole standard library, numpy and sympy, and exact failures."""

from __future__ import annotations

import platform
import sys
import sysconfig
from functools import partial
from pathlib import Path

import anyio
import pytest
from attacking import unconfined

from metier.sandbox import Failure, Limits, Outcome, Sandbox
from metier.sandbox.sandlock import PACKAGES, SandlockSandbox

# The interpreter that a virtual environment is made from.
BASE = {"base": sys.base_prefix}


def ran(sandbox: Sandbox, code: str, *, stdin: str = "") -> Outcome:
    return anyio.run(partial(sandbox.run, code, stdin=stdin, limits=Limits(seconds=30)))


def test_output_value_and_input(sandlock: Sandbox) -> None:
    outcome = ran(sandlock, "import sys\nprint(input())\nsys.stdin.read()", stdin="one\ntwö\n")
    assert (outcome.status, outcome.stdout, outcome.value) == ("ok", "one\n", repr("twö\n"))


def test_more_input_than_a_pipe_holds(sandlock: Sandbox) -> None:
    outcome = ran(sandlock, "import sys\nlen(sys.stdin.read())", stdin="x" * 10**6)
    assert outcome.value == str(10**6)


def test_input_that_nobody_reads(sandlock: Sandbox) -> None:
    assert ran(sandlock, "1", stdin="x" * 10**6).status == "ok"


@pytest.mark.parametrize("name", ["numpy", "sympy"])
def test_packages_of_the_list(sandlock: Sandbox, name: str) -> None:
    pytest.importorskip(name)
    outcome = ran(sandlock, f"import {name}\nint({name}.sqrt(16))")
    assert (outcome.status, outcome.value) == ("ok", "4")


def test_other_packages_of_this_environment_are_missing(sandlock: Sandbox) -> None:
    outcome = ran(sandlock, "import pytest")
    assert (outcome.status, outcome.missing) == ("unsupported", "module 'pytest'")


def read_or_not(file: Path) -> str:
    return f"try: print(open({str(file)!r}).read(0) + 'read')\nexcept OSError: print('refused')\n"


def test_packages_that_are_not_on_the_list_cannot_be_read(sandlock: Sandbox) -> None:
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("purelib", vars=BASE)]
    folders += ["/usr/lib/python3/dist-packages"]
    found = [next(Path(folder).glob("*/*.py"), None) for folder in folders]
    files = [file for file in found if file and file.parent.name not in PACKAGES]
    code = "".join(map(read_or_not, files))
    assert unconfined(code) == "read\n" * len(files)
    assert ran(sandlock, code).stdout == "refused\n" * len(files)


def test_a_package_of_the_list_beside_the_standard_library_can_be_read_alone(
    sandlock: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(sysconfig.get_path("purelib", vars=BASE))
    # One that is imported is found where it was imported from.
    new = [each for each in folder.glob("*/__init__.py") if each.parent.name not in sys.modules]
    *_, other, package = sorted(new)
    monkeypatch.syspath_prepend(folder)
    some = SandlockSandbox(packages=[package.parent.name])
    assert ran(some, read_or_not(package) + read_or_not(other)).stdout == "read\nrefused\n"
    assert ran(sandlock, read_or_not(package)).stdout == "refused\n"


def test_the_standard_library(sandlock: Sandbox) -> None:
    modules = "asyncio collections ctypes dataclasses decimal enum fractions hashlib heapq json"
    modules += " random re sqlite3 ssl statistics string threading typing unittest zlib"
    code = "\n".join(f"import {name}" for name in modules.split())
    assert ran(sandlock, f"{code}\nasyncio.run(asyncio.sleep(0, 'slept'))").value == "'slept'"


@pytest.mark.parametrize(
    ("code", "kind", "message", "line"),
    [
        ("def f(x):\n    return 1 / x\n\nf(0)", "ZeroDivisionError", "division by zero", 2),
        ("x = 3\nassert x == 4", "AssertionError", "assert x == 4", 2),
        ("import math\nmath.nope", "AttributeError", "module 'math' has no attribute 'nope'", 2),
        (
            "import json\njson.loads('[')",
            "JSONDecodeError",
            "Expecting value: line 1 column 2 (char 1)",
            2,
        ),
        ("x = 1\ndef f(:", "SyntaxError", "invalid syntax", 2),
        ("raise SystemExit(3)", "SystemExit", "3", 1),
        ("raise PermissionError('not yours')", "PermissionError", "not yours", 1),
        ("import os\nos._exit(0)", "Ended", "the program ended itself with code 0", None),
        ("import ctypes\nctypes.string_at(0)", "Killed", "killed by SIGSEGV", None),
        (
            "class Odd(Exception):\n    def __str__(self): 1 / 0\nraise Odd",
            "Ended",
            "the program ended itself with code 1",
            None,
        ),
    ],
)
def test_an_exception_of_the_program_is_a_failure(
    sandlock: Sandbox, code: str, kind: str, message: str, line: int | None
) -> None:
    error = Failure(type=kind, message=message, line=line)
    outcome = ran(sandlock, code)
    assert (outcome.status, outcome.error) == ("failed", error)


def test_leaving_with_zero_is_well(sandlock: Sandbox) -> None:
    assert ran(sandlock, "import sys\nprint('done')\nsys.exit()").stdout == "done\n"


def test_several_run_at_once(sandlock: Sandbox) -> None:
    found: list[str | None] = []

    async def one(n: int) -> None:
        found.append((await sandlock.run(f"{n} * 2", limits=Limits(seconds=30))).value)

    async def all_of_them() -> None:
        async with anyio.create_task_group() as group:
            for n in range(8):
                group.start_soon(one, n)

    anyio.run(all_of_them)
    assert sorted(map(str, found)) == sorted(str(n * 2) for n in range(8))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
@pytest.mark.parametrize(
    ("abi", "told"), [(-1, "it has no Landlock"), (3, "its Landlock ABI is 3")]
)
def test_a_kernel_without_landlock_is_told(
    monkeypatch: pytest.MonkeyPatch, abi: int, told: str
) -> None:
    module = pytest.importorskip("sandlock")
    monkeypatch.setattr(module, "landlock_abi_version", lambda: abi)
    outcome = ran(SandlockSandbox(), "1")
    assert outcome.status == "unavailable"
    assert "sandlock needs Landlock ABI 6 (Linux 6.12)" in outcome.missing
    assert told in outcome.missing


def test_other_systems_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert ran(SandlockSandbox(), "1").missing == "sandlock needs Linux, this is darwin"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_without_the_package_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sandlock", None)
    assert "pip install 'metier[sandbox]'" in ran(SandlockSandbox(), "1").missing


def test_a_machine_without_a_filter_of_system_calls_is_refused(
    sandlock: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    outcome = ran(sandlock, "1")
    assert outcome.status == "unavailable"
    assert "this is riscv64" in outcome.missing


def test_nothing_runs_if_the_filter_of_system_calls_cannot_be_set(
    sandlock: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The kernel does not take the filter of another machine: its calls have other numbers.
    another = {"x86_64": "aarch64", "aarch64": "x86_64"}[platform.machine()]
    monkeypatch.setattr(platform, "machine", lambda: another)
    outcome = ran(sandlock, "print('ran')")
    assert (outcome.status, outcome.stdout) == ("unavailable", "")
    assert "the filter of system calls cannot be set" in outcome.missing
