"""The SQLite file of the kept runs: opened privately, and brought up to date by migrations."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from metier.errors import RunStoreUnavailable
from metier.settings.files import private_folder

_BUSY_MS = 5000

# The first version. `found` is filled by triggers once a run has ended, and holds no copy of the
# texts; `tip` is the hash of a conversation with its answer, by which the next question finds the
# run that it continues; `uses` says which blobs a run needs, so that unused ones can be removed.
_V1 = """
CREATE TABLE blobs (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, data BLOB NOT NULL);
CREATE TABLE runs (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  question TEXT NOT NULL,
  answer TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL DEFAULT 'running',
  error TEXT NOT NULL DEFAULT '',
  started REAL NOT NULL,
  ended REAL,
  experts TEXT NOT NULL DEFAULT '',
  models TEXT NOT NULL DEFAULT '',
  calls INTEGER NOT NULL DEFAULT 0,
  prompt_tokens INTEGER NOT NULL DEFAULT 0,
  completion_tokens INTEGER NOT NULL DEFAULT 0,
  follows TEXT NOT NULL DEFAULT '',
  tip TEXT NOT NULL DEFAULT '',
  replay_of TEXT NOT NULL DEFAULT '',
  from_step TEXT NOT NULL DEFAULT '',
  versions INTEGER NOT NULL,
  owner TEXT NOT NULL
);
CREATE INDEX runs_started ON runs (started);
CREATE INDEX runs_tip ON runs (tip) WHERE tip != '';
CREATE INDEX runs_running ON runs (status) WHERE status = 'running';
CREATE TABLE events (
  run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  lines BLOB NOT NULL,
  PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TABLE exchanges (
  run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE,
  n INTEGER NOT NULL,
  kind TEXT NOT NULL,
  request INTEGER NOT NULL,
  reply INTEGER NOT NULL,
  PRIMARY KEY (run, n)
) WITHOUT ROWID;
CREATE TABLE uses (
  run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE,
  blob INTEGER NOT NULL REFERENCES blobs (id),
  PRIMARY KEY (run, blob)
) WITHOUT ROWID;
CREATE INDEX uses_blob ON uses (blob);
CREATE TABLE ratings (
  n INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (n) ON DELETE CASCADE,
  step_id TEXT NOT NULL,
  verdict TEXT NOT NULL,
  expert TEXT NOT NULL,
  note TEXT NOT NULL,
  at REAL NOT NULL,
  UNIQUE (run, step_id)
);
CREATE VIRTUAL TABLE found USING fts5 (
  question, answer, content='runs', content_rowid='n', prefix='3 4',
  tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER run_ended AFTER UPDATE OF status ON runs
WHEN old.status = 'running' AND new.status != 'running' BEGIN
  INSERT INTO found (rowid, question, answer) VALUES (new.n, new.question, new.answer);
END;
CREATE TRIGGER run_deleted AFTER DELETE ON runs WHEN old.status != 'running' BEGIN
  INSERT INTO found (found, rowid, question, answer)
  VALUES ('delete', old.n, old.question, old.answer);
END;
"""

# The name that a person gave a conversation; each of its runs has it.
_V2 = """
ALTER TABLE runs ADD COLUMN title TEXT NOT NULL DEFAULT '';
CREATE INDEX runs_title ON runs (title) WHERE title != '';
"""

# Forward only; a released one never changes. The file's `user_version` counts those applied to it.
MIGRATIONS: tuple[str, ...] = (_V1, _V2)


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Raise the errors of SQLite and of the system as metier's own."""
    try:
        yield
    except sqlite3.Error as exc:
        raise RunStoreUnavailable(f"{path} cannot be used: {exc}", hint=_hint(exc)) from exc
    except OSError as exc:
        raise RunStoreUnavailable(
            f"{path} cannot be used: {(exc.strerror or str(exc)).lower()}",
            hint="Set METIER_STATE_DIR to a folder that can be written, or METIER_KEEP_RUNS=false",
        ) from exc


def _hint(exc: sqlite3.Error) -> str:
    if isinstance(exc, sqlite3.OperationalError):
        return "Wait until other programs have finished with it, or set METIER_KEEP_RUNS=false"
    return "Move the file away; the next question begins a new one"


def opened(path: Path, *, migrations: Sequence[str] = MIGRATIONS) -> sqlite3.Connection:
    """Open the file; create it if it is missing, readable by its owner only.

    Raises:
        RunStoreUnavailable: it cannot be opened, is damaged, or was written by a newer metier.
    """
    with errors_named(path):
        private_folder(path.parent)
        # SQLite gives its journal the mode of the file beside it. A file that exists is not opened:
        # closing it would end the locks of this process's other connections (sqlite.org, "How To
        # Corrupt An SQLite Database File", 2.2).
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path, migrations)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    if _version(connection) == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA foreign_keys = ON")
    if (have := _version(connection)) > len(migrations):
        raise RunStoreUnavailable(
            f"{path} was written by a newer metier (format {have}, this one reads "
            f"{len(migrations)})",
            hint="Update metier, or set METIER_STATE_DIR to another folder",
        )
    if have < len(migrations):
        _migrate(connection, path, migrations)


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    """Bring the file up to date, each step whole or not at all, and keep a copy of the old file."""
    if have := _version(connection):
        _copied(connection, path.with_name(f"{path.name}.v{have}"))
    for number, script in enumerate(migrations, start=1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done it while this one waited.
            if _version(connection) < number:
                for statement in statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _copied(connection: sqlite3.Connection, copy: Path) -> None:
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(copy)) as target:
        connection.backup(target)


def statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would commit before it begins."""
    held = ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            yield held
            held = ""
    if held.strip():
        yield held


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
