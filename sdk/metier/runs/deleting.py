"""Deleting runs without a trace, and pruning those that are too old or too many."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from metier.errors import RunStoreUnavailable
from metier.runs.blobs import remove_unused

_DAY_S = 86_400.0
# While runs take too much room, one of so many is deleted at a time.
_SHARE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long runs are kept.

    Attributes:
        days: age at which runs are deleted; 0 for no limit.
        size_mb: size of the file, in megabytes, above which the oldest are deleted; 0 for no limit.
        check_s: how often a process that keeps running deletes them, in seconds.
    """

    days: float = 0
    size_mb: float = 0
    check_s: float = _DAY_S


def delete_rows(connection: sqlite3.Connection, rows: Collection[int]) -> None:
    """Delete runs, and the blobs that only they use."""
    held: set[int] = set()
    for row in rows:
        found = connection.execute("SELECT blob FROM uses WHERE run = ?", (row,)).fetchall()
        held.update(blob for (blob,) in found)
        connection.execute("DELETE FROM runs WHERE n = ?", (row,))
    remove_unused(connection, held)


def scrub(connection: sqlite3.Connection, path: Path) -> bool:
    """Remove what deleted runs leave in the search index, in free pages and in the journal.

    Copies of the file in older formats are removed, too.

    Returns:
        Whether nothing is left. The journal cannot be emptied while another program reads an
        earlier state of the file; the last program to close the file then empties it.
    """
    for copy in path.parent.glob(f"{path.name}.v*"):
        copy.unlink(missing_ok=True)
    # The index only marks a row as deleted, until its segments are merged.
    connection.execute("INSERT INTO found (found) VALUES ('optimize')")
    # It frees one page per step, and `execute` makes one step.
    connection.executescript("PRAGMA incremental_vacuum;")
    ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchall()
    return not busy


def scrub_wholly(connection: sqlite3.Connection, path: Path) -> None:
    """Scrub, or say what is left.

    Raises:
        RunStoreUnavailable: another program reads the file.
    """
    if not scrub(connection, path):
        raise RunStoreUnavailable(
            f"the runs are deleted, but another program reads {path}, so their texts are still in "
            "its journal",
            hint="End that program; the next command of metier removes them",
        )


def prune(connection: sqlite3.Connection, path: Path, retention: Retention) -> int:
    """Delete runs beyond the limits on age and size; return how many."""
    gone = 0
    if retention.days:
        rows = connection.execute(
            "SELECT n FROM runs WHERE started < ? AND status != 'running'",
            (time.time() - retention.days * _DAY_S,),
        )
        gone += _delete(connection, [n for (n,) in rows.fetchall()])
    while retention.size_mb and used_bytes(connection) > retention.size_mb * 1_000_000:
        rows = connection.execute(
            "SELECT n FROM runs WHERE status != 'running' ORDER BY n LIMIT "
            "(SELECT count(*) / ? + 1 FROM runs)",
            (_SHARE,),
        )
        if not (deleted := _delete(connection, [n for (n,) in rows.fetchall()])):
            break
        gone += deleted
    if gone:
        scrub(connection, path)
    return gone


def _delete(connection: sqlite3.Connection, rows: list[int]) -> int:
    if rows:
        connection.execute("BEGIN IMMEDIATE")
        try:
            delete_rows(connection, rows)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    return len(rows)


def used_bytes(connection: sqlite3.Connection) -> int:
    """The bytes of the file that are in use."""
    numbers = [
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    ]
    return (numbers[0] - numbers[1]) * numbers[2]
