"""Conversions between rows of the database and values."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

from pydantic import ValidationError

from metier.answer import Answer
from metier.errors import RunStoreUnavailable, UnknownRun
from metier.events import Answered, Event, PlanReady, fold, parse_event
from metier.runs import blobs
from metier.runs.exchanges import key_of
from metier.runs.owners import is_alive
from metier.runs.run import Exchange


def follow(connection: sqlite3.Connection, run: int, event: Event) -> None:
    """Copy what lists show from an event to the run's row."""
    if isinstance(event, PlanReady):
        experts = " ".join(dict.fromkeys(step.expert for step in event.plan.steps))
        row = (event.run_id, experts, run)
        connection.execute("UPDATE runs SET id = ?, experts = ? WHERE n = ?", row)
    elif isinstance(event, Answered):
        note(connection, run, event.answer)


def note(connection: sqlite3.Connection, run: int, answer: Answer) -> None:
    """Copy what lists show of an answer to the run's row."""
    usage = answer.usage
    models = "\n".join(dict.fromkeys(m for part in answer.parts for m in part.models))
    counts = (usage.calls, usage.prompt_tokens, usage.completion_tokens)
    connection.execute(
        "UPDATE runs SET answer = ?, models = ?, calls = ?, prompt_tokens = ?, "
        "completion_tokens = ? WHERE n = ?",
        (answer.text, models, *counts, run),
    )


def text(connection: sqlite3.Connection, sha256: str) -> str:
    """Read the text with a hash.

    Raises:
        UnknownRun: no run uses it any more.
    """
    if (data := blobs.by_hash(connection, sha256)) is None:
        raise UnknownRun("the run of this request was deleted")
    return data.decode(errors="surrogatepass")


def events(connection: sqlite3.Connection, run: int) -> Iterator[Event]:
    """The events of a run, in order.

    Raises:
        RunStoreUnavailable: they cannot be read.
    """
    rows = connection.execute("SELECT lines FROM events WHERE run = ? ORDER BY seq", (run,))
    for (lines,) in rows:
        try:
            yield from map(parse_event, blobs.unpacked(lines).split(b"\n"))
        except (ValidationError, zlib.error) as exc:
            raise RunStoreUnavailable(
                "the events of this run cannot be read: they are damaged, or of another version",
                hint="Delete the run",
            ) from exc


def steps(connection: sqlite3.Connection, run: int) -> set[str]:
    """The ids of the steps of a run's plan."""
    plans = (event.plan for event in events(connection, run) if isinstance(event, PlanReady))
    return {step.id for plan in plans for step in plan.steps}


def exchanges(connection: sqlite3.Connection, run: int) -> Iterator[Exchange]:
    """The requests and replies of a run, in the order in which they ended."""
    rows = connection.execute(
        "SELECT kind, request, reply FROM exchanges WHERE run = ? ORDER BY n", (run,)
    )
    for kind, request, reply in rows.fetchall():
        asked = blobs.get(connection, request)
        got = blobs.get(connection, reply)
        yield Exchange(kind=kind, key=key_of(kind, asked), request=asked, reply=got)


def end_orphans(connection: sqlite3.Connection) -> None:
    """Mark the runs whose process is gone as interrupted; what they finished stays readable."""
    rows = connection.execute("SELECT n, owner FROM runs WHERE status = 'running'").fetchall()
    for n, owner in rows:
        if not is_alive(owner):
            text = fold(events(connection, n)).text
            connection.execute(
                "UPDATE runs SET status = 'interrupted', answer = ? WHERE n = ? "
                "AND status = 'running'",
                (text, n),
            )
