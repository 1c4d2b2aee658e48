"""Deleting runs so that nothing of them is left, and those that are too old or too many."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from metier.runs.blobs import remove_unused

_DAY_S = 86_400.0
# Of the runs that are kept, deleted at a time where they take too much room.
_SHARE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long runs are kept.

    Attributes:
        days: older ones go; 0 keeps them.
        size_mb: the oldest go while the file holds more than so many megabytes; 0 for no limit.
        check_s: how often a process that goes on writing looks for them, in seconds.
    """

    days: float = 0
    size_mb: float = 0
    check_s: float = _DAY_S


def delete_rows(connection: sqlite3.Connection, rows: Collection[int]) -> None:
    """Delete runs, and what no other run holds."""
    held: set[int] = set()
    for row in rows:
        found = connection.execute("SELECT blob FROM uses WHERE run = ?", (row,)).fetchall()
        held.update(blob for (blob,) in found)
        connection.execute("DELETE FROM runs WHERE n = ?", (row,))
    remove_unused(connection, held)


def scrub(connection: sqlite3.Connection, path: Path) -> bool:
    """Remove what deleted runs leave behind, and the copies of the file in older formats.

    They leave texts in the search index, in free pages and in the journal.

    Returns:
        Whether nothing is left. The journal cannot be emptied while another program reads the file
        as it was before; the last program that closes it does that then.
    """
    for copy in path.parent.glob(f"{path.name}.v*"):
        copy.unlink(missing_ok=True)
    # A deleted row stays in the index, marked as deleted, until its parts are merged.
    connection.execute("INSERT INTO found (found) VALUES ('optimize')")
    # It gives back one page a step, and `execute` takes one step.
    connection.executescript("PRAGMA incremental_vacuum;")
    ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchall()
    return not busy


def prune(connection: sqlite3.Connection, path: Path, retention: Retention) -> int:
    """Delete what is older, or takes more room, than may be kept; returns how many runs went."""
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
