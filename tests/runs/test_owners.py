"""Whose runs are still running: a process is told from an earlier one that had its number."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from metier.runs.owners import is_alive, this_process
from metier.runs.run import Versions
from metier.runs.store import RunStore

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="only /proc names the start of a process"
)


def an_earlier_process() -> str:
    """The owner of this number before this process, as process 1 of a container that was killed."""
    pid, boot, start = this_process().split("@")
    return f"{pid}@{boot}@{int(start) - 1}"


def test_this_process_is_alive() -> None:
    assert is_alive(this_process())


def test_a_process_that_ended_is_not_alive() -> None:
    said = "from metier.runs.owners import this_process; print(this_process())"
    ended = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert not is_alive(ended.stdout.strip())


@needs_proc
def test_an_earlier_process_of_the_same_number_is_not_alive() -> None:
    assert not is_alive(an_earlier_process())


def test_an_owner_that_an_earlier_metier_wrote_is_known_by_its_number() -> None:
    assert is_alive(this_process().rpartition("@")[0])


@needs_proc
def test_runs_of_an_earlier_process_of_the_same_number_are_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with RunStore(path) as store:
        store.begin("1" * 32, "Who?", Versions(metier="1", embedder="e"))
        assert store.load("last").status == "running"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET owner = ?", (an_earlier_process(),))
    with RunStore(path) as store:
        assert store.load("last").status == "interrupted"
