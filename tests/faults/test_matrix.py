"""Every call that leaves the process meets every fault. `make faults` tries and counts them all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import anyio
import pytest
from _pytest.mark import ParameterSet
from faults import children, clients, computing, elsewhere, files, ollama, plugins, tools
from faults.matrix import FAULTS, LIMIT_S, Attempt, Row

ROWS = (
    *ollama.ROWS,
    *files.ROWS,
    *children.ROWS,
    *plugins.ROWS,
    *clients.ROWS,
    *tools.ROWS,
    *computing.ROWS,
    *elsewhere.ROWS,
)
ROOT = Path(__file__).parent.parent.parent
# A file that a reason names, and maybe a test in it.
PLACE = re.compile(r"((?:[\w-]+/)+[\w-]+\.\w+)(?:::(\w+))?")
# They are synchronous: a disk has no event loop.
ON_DISK = ("files", "SQLite")


def attempts(kinds: Collection[str], *, inside: bool) -> Iterator[ParameterSet]:
    """Those of these kinds of calls, or of all others; `make test` tries each fault once a kind."""
    seen: set[tuple[str, str]] = set()
    for row in ROWS:
        if (row.kind in kinds) is not inside:
            continue
        for fault, (expected, attempt) in row.attempts.items():
            marks = [pytest.mark.matrix] if (row.kind, fault) in seen else []
            seen.add((row.kind, fault))
            name = f"{row.kind}: {row.call}: {fault}: {expected}"
            yield pytest.param(attempt, id=name, marks=marks)


@pytest.mark.anyio
@pytest.mark.parametrize("attempt", [*attempts(ON_DISK, inside=False)])
async def test_a_call_that_meets_a_fault_ends_as_expected(attempt: Attempt, tmp_path: Path) -> None:
    with anyio.fail_after(LIMIT_S):
        made = attempt(tmp_path)
        assert made is not None
        await made


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("attempt", [*attempts(ON_DISK, inside=True)])
def test_a_change_on_disk_that_meets_a_fault_ends_as_expected(
    attempt: Attempt, tmp_path: Path
) -> None:
    attempt(tmp_path)


def test_a_reason_that_names_a_test_or_a_page_names_one_that_exists() -> None:
    named = {each for row in ROWS for why in row.reasons.values() for each in PLACE.findall(why)}
    assert named
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert not test or f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.kind}: {row.call}")
def test_every_fault_of_a_call_is_tried_or_has_a_reason(row: Row) -> None:
    assert {*row.attempts} | {*row.reasons} == {*FAULTS}
    assert not {*row.attempts} & {*row.reasons}
