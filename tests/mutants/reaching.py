"""Which tests reach which line of the kernel."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from mutants.changes import Mutant

# Processor time of the tests of one mutant while they were traced, which takes about twice as long.
MOST_S = 10.0
IMPORT = ""


class Reached:
    """A plugin of pytest that notes which lines of some files each test reaches.

    Attributes:
        tests: of each line, by file and number; `IMPORT` if it runs before the first test.
        seconds: processor time of each test.
    """

    def __init__(self, files: set[str]) -> None:
        self.tests: dict[tuple[str, int], set[str]] = {}
        self.seconds: dict[str, float] = {}
        self._files = files
        self._test = IMPORT

    def start(self) -> None:
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._test, started = item.nodeid, time.process_time()
        self.start()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - started

    def _trace(self, frame: FrameType, _: str, __: object) -> Any:
        if (file := frame.f_code.co_filename) not in self._files:
            return None
        self.tests.setdefault((file, frame.f_lineno), set()).add(self._test)
        return self._trace

    def on_import(self, mutant: Mutant) -> bool:
        """Whether the change has its effect when the module is imported."""
        file = str(mutant.file)
        return not mutant.lines or any(
            IMPORT in self.tests.get((file, line), ()) for line in mutant.lines
        )

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that reach a mutant; those that reach its file, if it runs on import.

        First those of the file's own, then the quickest. Of a file that only runs on import, those
        that reach a file that imports it.
        """
        on_import = self.on_import(mutant)
        found = self._in(mutant.file, None if on_import else mutant.lines)
        if on_import and not found:
            named = f"from {mutant.module} import"
            for file in {Path(name) for name, _ in self.tests}:
                if named in file.read_text(encoding="utf-8"):
                    found |= self._in(file, None)
        own = f"test_{mutant.file.stem}.py"
        order = sorted(found, key=lambda test: (own not in test, self.seconds[test]))
        spent = 0.0
        for number, test in enumerate(order):
            spent += self.seconds[test]
            if number and spent > MOST_S:
                return order[:number]
        return order

    def _in(self, file: Path, lines: range | None) -> set[str]:
        found = {
            test
            for (name, line), tests in self.tests.items()
            if name == str(file) and (lines is None or line in lines)
            for test in tests
        }
        return found - {IMPORT}
