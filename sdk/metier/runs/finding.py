"""Runs by id, by age, by words and by conversation."""

from __future__ import annotations

import sqlite3
import sys

from metier.errors import UnknownRun
from metier.runs.run import Rating, RunSummary

LAST = "last"
# Fewer digits of an id would fit too many runs.
_SHORTEST = 4
_SHORTEST_BEGINNING = 3
_COLUMNS = (
    "n, id, question, answer, status, error, started, ended, experts, models, calls, "
    "prompt_tokens, completion_tokens, follows, replay_of, from_step, title"
)
_LONGEST_CONVERSATION = 1000


def row_of(connection: sqlite3.Connection, name: str) -> int:
    """Find the number of a run by its id, the beginning of it, or `last`.

    Raises:
        UnknownRun: there is no such run, or several have an id that begins so.
    """
    if name == LAST:
        found = connection.execute("SELECT n FROM runs ORDER BY n DESC LIMIT 1").fetchall()
        if not found:
            raise UnknownRun("no run is kept yet", hint="Ask a question: metier ask")
        return int(found[0][0])
    if len(name) < _SHORTEST:
        raise UnknownRun(f"{name!r} is too short: give at least {_SHORTEST} characters of an id")
    # The last character of ids is "f": what begins with the name lies before "name" + "g".
    found = connection.execute(
        "SELECT n, id FROM runs WHERE id >= ? AND id < ? LIMIT 2", (name, f"{name}g")
    ).fetchall()
    if not found:
        raise UnknownRun(f"no run has an id that begins with {name!r}")
    if len(found) > 1:
        raise UnknownRun(f"several runs have an id that begins with {name!r}")
    return int(found[0][0])


def newest(
    connection: sqlite3.Connection, *, limit: int, older_than: int | None
) -> list[RunSummary]:
    """The newest runs, newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE n < ? ORDER BY n DESC LIMIT ?",  # noqa: S608  # the columns are ours
        (sys.maxsize if older_than is None else older_than, limit),
    )
    return [_summary(connection, row) for row in rows.fetchall()]


def with_words(connection: sqlite3.Connection, text: str, *, limit: int) -> list[RunSummary]:
    """The newest runs with all words of a text, or with the text in their title.

    The last word may be the beginning of one if it has at least three letters: nearly every run has
    a word that begins with fewer, and searching 100,000 runs would take a quarter of a second.
    """
    words = text.replace("\0", " ").split()
    if not words:
        return []
    # In quotes, so that nothing in them is an operator.
    query = " ".join(f'"{word.replace(chr(34), chr(34) * 2)}"' for word in words)
    query += " *" if len(words[-1]) >= _SHORTEST_BEGINNING else ""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM runs WHERE n IN "  # noqa: S608  # the columns are ours
        "(SELECT rowid FROM found WHERE found MATCH ? ORDER BY rowid DESC LIMIT ?) OR n IN "
        "(SELECT n FROM runs WHERE title != '' AND instr(lower(title), lower(?))) "
        "ORDER BY n DESC LIMIT ?",
        (query, limit, " ".join(words), limit),
    )
    return [_summary(connection, row) for row in rows.fetchall()]


def summary(connection: sqlite3.Connection, n: int) -> RunSummary:
    """Read the summary of a run by its number."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE n = ?", (n,)).fetchone()  # noqa: S608  # the columns are ours
    return _summary(connection, row)


def chain(connection: sqlite3.Connection, n: int) -> list[RunSummary]:
    """The runs of a conversation up to this one, oldest first."""
    found = [summary(connection, n)]
    while (before := found[-1].follows) and len(found) < _LONGEST_CONVERSATION:
        row = connection.execute("SELECT n FROM runs WHERE id = ?", (before,)).fetchone()
        if row is None:  # it was deleted
            break
        found.append(summary(connection, row[0]))
    return found[::-1]


def whole_chain(connection: sqlite3.Connection, n: int) -> list[str]:
    """The ids of a run, of all runs that go on from it, and of those that only these go on from."""
    before = [run.id for run in chain(connection, n)]
    found = [before.pop()]
    for run in found:  # it grows
        rows = connection.execute("SELECT id FROM runs WHERE follows = ?", (run,))
        found += [each for (each,) in rows if each not in found]
    while before:
        rows = connection.execute("SELECT id FROM runs WHERE follows = ?", (before[-1],))
        if not {each for (each,) in rows} <= set(found):
            break  # another conversation begins with this one
        found.append(before.pop())
    return found


def _summary(connection: sqlite3.Connection, row: tuple[object, ...]) -> RunSummary:
    n, *values = row
    named = dict(zip(_COLUMNS.split(", ")[1:], values, strict=True))
    rated = connection.execute(
        "SELECT step_id, verdict, expert, note, at FROM ratings WHERE run = ? ORDER BY n", (n,)
    )
    ratings = tuple(
        Rating(step_id=step, verdict=verdict, expert=expert, note=note, at=at)
        for step, verdict, expert, note, at in rated
    )
    named["experts"] = tuple(str(named["experts"]).split())
    named["models"] = tuple(str(named["models"]).splitlines())
    return RunSummary.model_validate({**named, "ratings": ratings})
