"""Runs tests with a mutant, in a process of its own: by another import, or by another code.

Importing metier and collecting the tests takes longer than most tests. So a mutant inside a
function gets into a fork of a process that has done both; one that runs on import cannot.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, FunctionType, ModuleType

import pytest
from mutants.changes import Mutant

# Of the processor and of the clock, for one mutant; an endless loop counts as killed.
CPU_S, WALL_S = 60, 300
# The status if the mutant never came into the process.
UNUSED = 71


def compiled(mutant: Mutant) -> CodeType:
    return compile(mutant.tree(), str(mutant.file), "exec")


class Importing(SourceFileLoader):
    """Finds and loads one module, mutated."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(mutant.file))
        self._code = compiled(mutant)
        self.used = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path) if fullname == self.name else None
        if spec is not None:
            spec.loader = self
        return spec

    def get_code(self, fullname: str) -> CodeType:
        self.used = True
        return self._code

    def replace(self) -> bool:
        """Give the functions that there are their new code; whether any differs."""
        codes, differs = dict(_functions(self._code)), False
        for found in gc.get_objects():
            if isinstance(found, FunctionType) and found.__code__.co_filename == self.path:
                code = found.__code__
                found.__code__ = codes.get((code.co_qualname, code.co_firstlineno), code)
                differs = differs or found.__code__ != code
        return differs


def with_import(mutant: Mutant | None, args: list[str]) -> int:
    """The status of pytest in a fork of a process that has not imported metier."""
    finder = None if mutant is None else Importing(mutant)

    def work() -> int:
        if finder is None:
            return pytest.main(args)
        sys.meta_path.insert(0, finder)
        status = pytest.main(args)
        return status if finder.used else UNUSED

    return in_child(work)


def _functions(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield (inner.co_qualname, inner.co_firstlineno), inner
            yield from _functions(inner)


def replaces_only_code(mutant: Mutant) -> bool:
    """Whether all functions still close over the same variables, as Python requires."""
    source = mutant.file.read_text(encoding="utf-8")
    before = dict(_functions(compile(source, str(mutant.file), "exec")))
    after = dict(_functions(compiled(mutant)))
    return all(key in after and after[key].co_freevars == before[key].co_freevars for key in before)


def with_code(mutant: Mutant | None, session: pytest.Session, items: list[pytest.Item]) -> int:
    """The number of failures, at most one, in a fork of a process that has collected the tests."""
    finder = None if mutant is None else Importing(mutant)

    def work() -> int:
        if finder is None:
            return _failures(session, items)
        replaced = finder.replace()
        sys.meta_path.insert(0, finder)  # for what is imported only when it is needed
        failures = _failures(session, items)
        return failures if replaced or finder.used else UNUSED

    return in_child(work)


def _failures(session: pytest.Session, items: list[pytest.Item]) -> int:
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def in_child(
    work: Callable[[], int], *, cpu_s: int = CPU_S, wall_s: int = WALL_S, output: str = os.devnull
) -> int:
    """The exit status of some work in a forked process; negative if it was ended."""
    if (pid := os.fork()) == 0:
        status = 70
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
            into = os.open(output, os.O_WRONLY | os.O_TRUNC)
            os.dup2(into, 1)
            os.dup2(into, 2)
            status = int(work())
        finally:
            os._exit(status)
    end = time.monotonic() + wall_s
    ended, status = 0, 0
    while not ended and time.monotonic() < end:
        time.sleep(0.02)
        ended, status = os.waitpid(pid, os.WNOHANG)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # and what its tests started
    return os.waitstatus_to_exitcode(status if ended else os.waitpid(pid, 0)[1])
