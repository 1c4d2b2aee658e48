#!/usr/bin/env python3
"""Run the tests of the bridges and write what they show to docs/bridges-compatibility.md.

`compatibility.py --check` runs none of them: it fails where the page lists other tests or versions
than there are.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "bridges-compatibility.md"
TESTS = ROOT / "tests" / "bridges"

HEADER = """\
<!-- Made by scripts/compatibility.py from tests/bridges; do not edit. -->

# What works across the bridges

Every line is shown by tests against the real package at the version named, run with the others in
one environment. A test that is skipped says why; those of `langchain-tests` are skipped where they
ask for something that a council does not offer: tools, structured output, images.
"""
TITLES = {
    "semantic-kernel": "Semantic Kernel",
    "langchain-core": "LangChain",
    "mcp": "MCP",
}
DIRECTIONS = {"out": "metier in {title}", "in": "{title} in metier"}

Line = tuple[str, str, str]


@dataclass
class Shown:
    """What the tests are about, and how they ended."""

    lines: dict[Line, list[str]] = field(default_factory=lambda: defaultdict(list))
    outcomes: dict[str, str] = field(default_factory=dict)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            bridge, shows = item.get_closest_marker("bridge"), item.get_closest_marker("shows")
            if bridge is not None and shows is not None:
                line = (bridge.kwargs["package"], bridge.kwargs["direction"], shows.args[0])
                self.lines[line].append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome


def ran(*arguments: str) -> Shown:
    shown = Shown()
    quiet = ["-q", "--no-header", "-p", "no:cacheprovider"]
    quiet += [f"--ignore={TESTS / 'test_compatibility.py'}"]  # it looks at the page
    code = pytest.main([str(TESTS), *quiet, *arguments], plugins=[shown])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        sys.exit(f"compatibility: the tests did not run ({code})")
    return shown


def page(shown: Shown) -> str:
    return HEADER + "".join(section(shown, *key) for key in sections(shown.lines))


def sections(lines: Iterable[Line]) -> Iterator[tuple[str, str]]:
    there = {(package, direction) for package, direction, _ in lines}
    for package in TITLES:
        yield from ((package, way) for way in DIRECTIONS if (package, way) in there)


def section(shown: Shown, package: str, direction: str) -> str:
    title = DIRECTIONS[direction].format(title=TITLES[package])
    rows = "".join(
        f"| {what} | {result(shown, tests)} |\n"
        for (of, way, what), tests in shown.lines.items()
        if (of, way) == (package, direction)
    )
    head = f"\n## {title}\n\nRun with {package} {version(package)}.\n\n"
    return f"{head}| what | tests |\n| --- | --- |\n{rows}"


def result(shown: Shown, tests: Iterable[str]) -> str:
    counts = Counter(shown.outcomes.get(test, "not run") for test in tests)
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


def stated(text: str) -> set[str]:
    """The lines without their results, which only a run can tell."""
    lines = [line for line in text.splitlines() if line]
    return {line.rpartition(" | ")[0] if line.startswith("| ") else line for line in lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        wanted, found = page(ran("--collect-only")), PAGE.read_text(encoding="utf-8")
        if stated(wanted) != stated(found):
            sys.exit(f"{PAGE.name} differs from the tests; run: python scripts/compatibility.py")
        return
    text = page(ran())
    PAGE.write_text(text, encoding="utf-8")
    if " failed" in text:
        sys.exit("compatibility: some tests failed")


if __name__ == "__main__":
    main()
