"""The file of the runs: migrations, and a file that a newer metier wrote."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from metier.errors import RunStoreUnavailable
from metier.runs.database import MIGRATIONS, opened

LATER = (*MIGRATIONS, "ALTER TABLE runs ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm';")


def with_a_run(path: Path) -> None:
    with closing(opened(path)) as connection:
        connection.execute(
            "INSERT INTO runs (id, question, started, versions, owner) "
            "VALUES ('a', 'Who?', 1, 0, '')"
        )


def test_a_migration_keeps_the_runs(tmp_path: Path) -> None:
    with_a_run(tmp_path / "runs.db")
    with closing(opened(tmp_path / "runs.db", migrations=LATER)) as connection:
        assert connection.execute("SELECT id, mood FROM runs").fetchall() == [("a", "calm")]


def test_the_file_before_a_migration_is_kept_privately(tmp_path: Path) -> None:
    with_a_run(tmp_path / "runs.db")
    opened(tmp_path / "runs.db", migrations=LATER).close()
    copy = tmp_path / "runs.db.v2"
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(opened(copy)) as connection:
        assert connection.execute("SELECT id FROM runs").fetchall() == [("a",)]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    with_a_run(tmp_path / "runs.db")
    broken = (*MIGRATIONS, "ALTER TABLE runs ADD COLUMN mood TEXT; ALTER TABLE none ADD COLUMN a;")
    with pytest.raises(RunStoreUnavailable):
        opened(tmp_path / "runs.db", migrations=broken)
    with closing(opened(tmp_path / "runs.db")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    assert "mood" not in columns


def test_a_file_of_a_newer_metier_is_left_as_it_is(tmp_path: Path) -> None:
    opened(tmp_path / "runs.db", migrations=LATER).close()
    with pytest.raises(RunStoreUnavailable, match="newer metier"):
        opened(tmp_path / "runs.db")


def test_a_file_that_others_may_read_is_taken_from_them(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    opened(path).close()
    path.chmod(0o644)
    opened(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_opening_it_again_keeps_the_locks_that_this_process_holds(tmp_path: Path) -> None:
    """Without them another process takes itself for the last user, and deletes the journal."""
    path = tmp_path / "runs.db"
    read = f"""
import sqlite3
connection = sqlite3.connect({str(path)!r})
connection.execute("SELECT count(*) FROM runs").fetchone()
connection.close()
"""
    with closing(opened(path)) as first:
        first.execute("SELECT count(*) FROM runs").fetchone()
        with closing(opened(path)) as second:
            second.execute("SELECT count(*) FROM runs").fetchone()
            with closing(opened(path)):
                pass
            subprocess.run([sys.executable, "-c", read], check=True)
            assert path.with_name("runs.db-wal").exists()
