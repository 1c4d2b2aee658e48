"""A process that is killed loses at most what it was writing."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kept_runs import settings_in

from metier.events import CallDone
from metier.runs.run import Run
from metier.runs.store import RunStore

TESTS = Path(__file__).parent.parent
KILLS = 50


def assert_whole(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def calls_lost(run: Run) -> int:
    """Calls that the events say were done, and whose replies are not kept."""
    done = sum(isinstance(event, CallDone) for event in run.events)
    return done - sum(exchange.kind == "chat" for exchange in run.exchanges)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")
def test_nothing_finished_is_lost_when_a_process_is_killed_at_any_moment(tmp_path: Path) -> None:
    command = [sys.executable, str(TESTS / "runs" / "dying.py"), str(tmp_path), str(KILLS)]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    reports = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(reports) == KILLS
    interrupted = 0
    for report in reports:
        with RunStore.of(settings_in(Path(report["folder"]))) as store:
            kept = {run.id: run.answer for run in store.newest(limit=10_000)}
            assert report["kept"]
            assert dict(report["kept"]).items() <= kept.items()
            last = store.load("last")
            assert last.status in ("answered", "interrupted")
            assert calls_lost(last) <= 0
            interrupted += last.status == "interrupted"
        assert_whole(Path(report["folder"]) / "runs.db")
    # Else no moment was in the midst of a run. Before its first line is written, by a thread, the
    # last run is the one before.
    assert interrupted >= KILLS / 10
