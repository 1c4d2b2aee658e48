"""`make mutants`: does a test fail if one operator, constant or statement of the kernel differs?

A traced run finds which tests reach which line. Each mutant of a random sample then replaces its
module or function in a process of its own, which runs the tests that reach it, until one fails. No
file is changed. docs/results/trust.md has the rules and the results.
"""

from __future__ import annotations

import argparse
import importlib
import math
import os
import pickle
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from mutants.changes import PACKAGE, Mutant, mutants
from mutants.reaching import Reached
from mutants.running import UNUSED, in_child, replaces_only_code, with_code, with_import

ROOMS = ("planning", "engine", "strategies")
# What evaluations teach the planner is tested there.
FOLDERS = ("tests/planning", "tests/engine", "tests/strategies", "tests/evaluating")
# Tests of a cluster run alone; what is fitted is judged by benchmarks.
LEFT_OUT = {PACKAGE / "engine" / "ray_executor.py", PACKAGE / "planning" / "weights.py"}
ARGS = [
    # Plain, since metier is a plugin of pytest, which would import it itself.
    *("-x", "-q", "-s", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("-m", "not matrix and not alone"),
    # Of what is imported before pytest starts.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
]
# A mutant may wait for ever; seconds of the clock, for one test.
HUNG = "--timeout=100"
# They take most of the start.
HEAVY = ("numpy", "faiss", "pydantic", "bm25s", "httpcore", "click", "hypothesis")
# Before each of so many mutants its tests run without it, and must pass.
CONTROL = 20


def traced(files: list[Path]) -> Reached:
    """Which test reaches which line of the kernel."""
    with tempfile.NamedTemporaryFile() as file, tempfile.NamedTemporaryFile("r") as output:

        def work() -> int:
            reached = Reached({str(path) for path in files})
            reached.start()
            status = pytest.main([*ARGS, *FOLDERS], plugins=[reached])
            Path(file.name).write_bytes(pickle.dumps((reached.tests, reached.seconds)))
            return status

        if in_child(work, cpu_s=3600, wall_s=7200, output=output.name):
            sys.exit(f"{output.read()[-3000:]}\nmutants: the tests fail without a mutant")
        reached = Reached(set())
        reached.tests, reached.seconds = pickle.loads(file.read())
        return reached


def sample(files: list[Path], count: int, seed: int) -> list[Mutant]:
    """A random sample in which each file has its share."""
    drawn = random.Random(seed)
    every: list[Mutant] = []
    for file in files:
        found = mutants(file)
        every += drawn.sample(found, len(found))
    step = len(every) / count
    first = drawn.random() * step
    return [every[int(first + n * step)] for n in range(count)]


def interval(part: int, whole: int) -> tuple[float, float]:
    """Wilson's interval of 95 % for a share, in percent."""
    z, share = 1.96, part / whole
    middle = share + z * z / (2 * whole)
    width = z * math.sqrt(share * (1 - share) / whole + (z / (2 * whole)) ** 2)
    low, high = (100 * (middle + sign * width) / (1 + z * z / whole) for sign in (-1, 1))
    return low, high


class Trying:
    """A plugin of pytest that tries mutants instead of running the tests once."""

    def __init__(self, reached: Reached, chosen: list[Mutant]) -> None:
        self.killed, self.survived, self.ended, self.controls = 0, 0, 0, 0
        self._reached = reached
        self._inside: list[Mutant] = []
        self._on_import: list[Mutant] = []
        for mutant in chosen:
            by_import = reached.on_import(mutant) or not replaces_only_code(mutant)
            (self._on_import if by_import else self._inside).append(mutant)

    def try_imports(self) -> None:
        """Try what runs on import, while this process has not imported metier."""
        for mutant in self._on_import:
            self._try(mutant, lambda which, tests: with_import(which, [*ARGS, HUNG, *tests]))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for mutant in self._inside:
            self._try(
                mutant, lambda which, tests: with_code(which, session, [items[t] for t in tests])
            )
        return True

    def _try(self, mutant: Mutant, status_of: Callable[[Mutant | None, list[str]], int]) -> None:
        tests = self._reached.of(mutant)
        done = self.killed + self.survived + 1
        if tests and done % CONTROL == 0:
            self.controls += 1
            if status_of(None, tests):
                pytest.exit(f"these fail without a mutant: {' '.join(tests)}", 1)
        status = status_of(mutant, tests) if tests else 0
        if status == UNUSED:
            pytest.exit(f"not used by its tests: {mutant}", 1)
        self.ended += status < 0
        if status:
            self.killed += 1
        else:
            self.survived += 1
            print(f"{mutant} ({len(tests)} tests)", flush=True)
        print(f"{done}, {self.survived} survive", end="\r", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.chdir(PACKAGE.parents[1])
    for name in HEAVY:
        importlib.import_module(name)
    files = [
        f for room in ROOMS for f in sorted((PACKAGE / room).rglob("*.py")) if f not in LEFT_OUT
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder
        ARGS.append(f"--basetemp={folder}/tests")
        trying = Trying(traced(files), sample(files, args.count, args.seed))
        trying.try_imports()
        pytest.main([*ARGS, HUNG, *FOLDERS], plugins=[trying])
    whole = trying.killed + trying.survived
    low, high = interval(trying.killed, whole)
    print(
        f"{trying.killed} of {whole} killed, {100 * trying.killed / whole:.1f} %"
        f" ({low:.1f} to {high:.1f}), {trying.ended} by the time; {trying.controls} controls passed"
    )


if __name__ == "__main__":
    main()
