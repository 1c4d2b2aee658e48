"""Totals over all stored runs."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class Statistics(BaseModel):
    """Counts over all kept runs.

    Attributes:
        by_status: runs by how they ended.
        by_expert: runs in which an expert had a step.
        ratings: ratings by verdict.
        blobs: texts, requests, replies and vectors, each kept once.
        size_bytes: of the file with its journal.
        oldest: when the oldest run began, in seconds since the epoch.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    runs: int
    by_status: dict[str, int]
    by_expert: dict[str, int]
    ratings: dict[str, int]
    calls: int
    prompt_tokens: int
    completion_tokens: int
    blobs: int
    size_bytes: int
    oldest: float | None


def statistics_of(connection: sqlite3.Connection, path: Path) -> Statistics:
    """Compute the totals."""
    totals = connection.execute(
        "SELECT count(*), coalesce(sum(calls), 0), coalesce(sum(prompt_tokens), 0), "
        "coalesce(sum(completion_tokens), 0), min(started) FROM runs"
    ).fetchone()
    experts: Counter[str] = Counter()
    listed = "SELECT experts, count(*) FROM runs GROUP BY experts"
    for names, count in connection.execute(listed).fetchall():
        for name in names.split():
            experts[name] += count
    files = (path, path.with_name(f"{path.name}-wal"))
    return Statistics(
        runs=totals[0],
        by_status=_counts(connection, "SELECT status, count(*) FROM runs GROUP BY status"),
        by_expert=dict(experts.most_common()),
        ratings=_counts(connection, "SELECT verdict, count(*) FROM ratings GROUP BY verdict"),
        calls=totals[1],
        prompt_tokens=totals[2],
        completion_tokens=totals[3],
        blobs=connection.execute("SELECT count(*) FROM blobs").fetchone()[0],
        size_bytes=sum(file.stat().st_size for file in files if file.exists()),
        oldest=totals[4],
    )


def _counts(connection: sqlite3.Connection, query: str) -> dict[str, int]:
    return dict(connection.execute(query).fetchall())
