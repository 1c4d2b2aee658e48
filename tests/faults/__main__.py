"""`make faults`: tries every cell of the matrix, and prints what was tried, passed and left out."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

MATRIX = Path(__file__).with_name("test_matrix.py")


class Counted:
    """Counts the outcomes of the cells, by the kind of call."""

    def __init__(self) -> None:
        self.tried: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take an outcome in."""
        if "meets_a_fault_ends_as_expected[" in report.nodeid and (
            report.when == "call" or report.failed
        ):
            kind = report.nodeid.partition("[")[2].partition(":")[0]
            self.tried[kind] += 1
            self.passed[kind] += report.passed


def main() -> int:
    """Run the matrix; the exit code is pytest's."""
    counted = Counted()
    code = pytest.main(["-q", "--no-header", str(MATRIX)], plugins=[counted])
    from faults.test_matrix import ROWS

    reasons = Counter(reason for row in ROWS for reason in row.reasons.values())
    for kind, tried in counted.tried.items():
        print(f"{kind}: {tried} cells tried, {counted.passed[kind]} passed")
    total = sum(counted.tried.values()) + sum(reasons.values())
    print(
        f"{total} cells: {sum(counted.tried.values())} tried, "
        f"{sum(counted.passed.values())} passed, {sum(reasons.values())} not applicable:"
    )
    for reason, count in reasons.most_common():
        print(f"{count:4} {reason}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
