"""kill -9 at any moment: everything opens again, nothing finished is lost, nothing half is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults.files import TESTS
from faults.killing import WORKS

MOMENTS = [pytest.param(2, id="2"), pytest.param(40, id="40", marks=pytest.mark.matrix)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")
@pytest.mark.parametrize("count", MOMENTS)
@pytest.mark.parametrize("what", WORKS)
def test_what_was_finished_is_there_and_the_next_goes_on(
    what: str, count: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "faults.killing", what, str(count), str(tmp_path)]
    path = os.pathsep.join((str(TESTS), str(TESTS.parent)))
    own = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    reports = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(reports) == count
    for report in reports:
        assert report["done"] > 0
        check(what, Path(report["folder"]), report["done"])


class Enough(Exception):  # ends work that goes on for ever
    """It was done once more."""


def check(what: str, folder: Path, done: int) -> None:
    """What was told to be done is there; what was in the middle is whole or not there."""
    work = WORKS[what]
    finished = set(range(done))
    assert finished <= work.found(folder) <= finished | {done}

    def enough(_: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        work.work(folder, done + 1, enough)
    assert work.found(folder) >= finished | {done + 1}
    assert [file.name for file in folder.rglob("*.tmp")] == []
