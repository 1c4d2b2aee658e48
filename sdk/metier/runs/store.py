"""The store of kept runs: write, list, search, read, rate and delete them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Self

from metier.answer import Answer
from metier.errors import UnknownRun
from metier.events import Event
from metier.models.server import ChatRequest
from metier.plan import Message
from metier.runs import blobs, finding, rows
from metier.runs.database import errors_named, opened
from metier.runs.deleting import Retention, delete_rows, prune, scrub_wholly
from metier.runs.exchanges import unpacked_chat
from metier.runs.owners import this_process
from metier.runs.run import Exchange, ExchangeKind, Rating, Run, RunSummary, Status, Versions
from metier.runs.statistics import Statistics, statistics_of
from metier.runs.writing import Writer
from metier.settings import Settings

FILE = "runs.db"
# How many of the newest runs are searched for one with an answer.
_LOOKED_AT = 100


class RunStore:
    """Runs in one SQLite file, which is opened when it is first needed.

    Pass one to a `Council` to keep its runs, which a thread of the store writes. A run is written
    by one process; any number of processes and threads may use the file.

    Args:
        path: the file; it and its folder are created if missing, for their owner only.
        retention: how long runs are kept, and how much room they may take.
    """

    def __init__(self, path: Path, *, retention: Retention = Retention()) -> None:
        self.path = path
        self._retention = retention
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._wrote = False
        self._writer = Writer()
        self._pruned_at = time.monotonic()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The store of the settings, even if they say that no runs are kept."""
        retention = Retention(days=settings.keep_runs_days, size_mb=settings.keep_runs_mb)
        return cls(settings.state_dir / FILE, retention=retention)

    def newest(self, *, limit: int = 20, before: str | None = None) -> list[RunSummary]:
        """The newest runs, newest first.

        Args:
            before: only runs older than the one of this id.

        Raises:
            UnknownRun: `before` is not the id of a run.
            RunStoreUnavailable: the file cannot be read, as in every method.
        """
        with self._reading() as connection:
            older = None if before is None else self._row(connection, before)
            return finding.newest(connection, limit=limit, older_than=older)

    def search(self, text: str, *, limit: int = 20) -> list[RunSummary]:
        """The newest runs with all these words in question or answer, or the text in their title.

        The last word may be the beginning of one, from three letters on.
        """
        with self._reading() as connection:
            return finding.with_words(connection, text, limit=limit)

    def conversation(self, name: str) -> list[RunSummary]:
        """The conversation that ends with a run, oldest run first.

        Raises:
            UnknownRun: there is no such run.
        """
        with self._reading() as connection:
            return finding.chain(connection, self._row(connection, name))

    def whole_conversation(self, name: str) -> list[str]:
        """The ids of a run's conversation: the run, all that goes on from it, and its own past."""
        with self._reading() as connection:
            return finding.whole_chain(connection, self._row(connection, name))

    def last_answered(self) -> RunSummary:
        """The newest run that has an answer.

        Raises:
            UnknownRun: no question was answered yet.
        """
        answered = (run for run in self.newest(limit=_LOOKED_AT) if run.status == "answered")
        if (last := next(answered, None)) is None:
            raise UnknownRun("there is no answer to go on from", hint="Ask a question: metier ask")
        return last

    def last_conversation(self) -> tuple[Message, ...]:
        """What was said up to the newest answer.

        Raises:
            UnknownRun: no question was answered yet.
        """
        return self.load(self.last_answered().id).messages

    def load(self, name: str) -> Run:
        """Load everything that is kept of a run.

        Args:
            name: its id, the beginning of it, or `last` for the newest.

        Raises:
            UnknownRun: there is no such run, or several begin so.
        """
        with self._reading() as connection:
            n = self._row(connection, name)
            summary = finding.summary(connection, n)
            versions = connection.execute("SELECT versions FROM runs WHERE n = ?", (n,)).fetchone()
            return Run(
                **dict(summary),
                versions=Versions.model_validate_json(blobs.get(connection, versions[0])),
                events=tuple(rows.events(connection, n)),
                exchanges=tuple(rows.exchanges(connection, n)),
            )

    def request(self, exchange: Exchange) -> ChatRequest:
        """The request of a chat with its texts, which the exchange names by their hashes.

        Raises:
            UnknownRun: the run was deleted.
        """
        with self._reading() as connection:
            return unpacked_chat(exchange.request, partial(rows.text, connection))

    def rate(self, name: str, rating: Rating) -> RunSummary:
        """Store a person's rating of a run or a step, in place of an earlier one.

        Raises:
            UnknownRun: there is no such run, or it has no such step.
        """
        with self._writing() as connection:
            n = self._row(connection, name)
            if rating.step_id and rating.step_id not in rows.steps(connection, n):
                raise UnknownRun(
                    f"run {name!r} has no step {rating.step_id!r}",
                    hint=f"Its steps: metier runs show {name[:8]}",
                )
            row = (n, rating.step_id, rating.verdict, rating.expert, rating.note, time.time())
            connection.execute(
                "INSERT INTO ratings (run, step_id, verdict, expert, note, at) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run, step_id) DO UPDATE SET "
                "verdict = excluded.verdict, expert = excluded.expert, note = excluded.note, "
                "at = excluded.at",
                row,
            )
            return finding.summary(connection, n)

    def rename(self, name: str, title: str) -> RunSummary:
        """Name the conversation that a run belongs to; an empty title removes its name.

        Later questions of the conversation have the title, too.

        Raises:
            UnknownRun: there is no such run.
        """
        with self._writing() as connection:
            n = self._row(connection, name)
            ids = [(title, each.id) for each in finding.chain(connection, n)]
            connection.executemany("UPDATE runs SET title = ? WHERE id = ?", ids)
            return finding.summary(connection, n)

    def rated(self) -> list[Run]:
        """Every run that was rated, oldest first, with its events."""
        with self._reading() as connection:
            found = connection.execute("SELECT DISTINCT run FROM ratings ORDER BY run").fetchall()
            ids = [finding.summary(connection, n).id for (n,) in found]
        return [self.load(each) for each in ids]

    def delete(self, names: Sequence[str]) -> int:
        """Delete runs and everything that only they use; nothing of them stays in the file.

        Returns:
            How many were deleted.

        Raises:
            UnknownRun: there is no such run; then none is deleted.
            RunStoreUnavailable: they are deleted, but the journal cannot be emptied yet.
        """
        with self._writing() as connection:
            numbers = {self._row(connection, name) for name in names}
            delete_rows(connection, numbers)
        with self._reading() as connection:
            scrub_wholly(connection, self.path)
        return len(numbers)

    def delete_older(self, *, than_s: float) -> int:
        """Delete the runs that began more than `than_s` seconds ago; return how many."""
        with self._reading() as connection:
            found = connection.execute(
                "SELECT id FROM runs WHERE started < ?", (time.time() - than_s,)
            ).fetchall()
        return self.delete([each for (each,) in found]) if found else 0

    def statistics(self) -> Statistics:
        """Count the runs, how they ended and what they cost, and measure the file."""
        with self._reading() as connection:
            return statistics_of(connection, self.path)

    def mark_replay(self, name: str, *, of: str, from_step: str) -> None:
        """Record that a run repeats another from a step on."""
        original = self.load(of).id
        with self._writing() as connection:
            row = (original, from_step, self._row(connection, name))
            connection.execute("UPDATE runs SET replay_of = ?, from_step = ? WHERE n = ?", row)

    def close(self) -> None:
        """Close the file, after deleting the runs beyond the limits on age and size."""
        self._writer.close()
        with self._lock:
            if self._connection is None:
                return
            try:
                if self._wrote:
                    with errors_named(self.path):
                        prune(self._connection, self.path, self._retention)
            finally:
                self._connection.close()
                self._connection, self._wrote = None, False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def later(self, write: Callable[[], None]) -> Future[None]:
        """Call a function in the thread that writes; other methods wait for it."""
        return self._writer.later(write)

    # What a recording writes. Each method is one transaction.

    def begin(self, run_id: str, question: str, versions: Versions, *, before: str = "") -> int:
        """Begin a run, and return its number.

        Args:
            before: the hash of the conversation that the question continues.
        """
        with self._writing() as connection:
            follows = connection.execute(
                "SELECT id, title FROM runs WHERE tip = ? AND tip != '' ORDER BY n DESC LIMIT 1",
                (before,),
            ).fetchone()
            before_id, title = follows or ("", "")
            row = (run_id, question, time.time(), before_id, title, this_process())
            run = connection.execute(
                "INSERT INTO runs (id, question, started, follows, title, owner, versions) "
                "VALUES (?, ?, ?, ?, ?, ?, 0)",
                row,
            ).lastrowid
            assert run is not None
            blob = blobs.put(connection, run, versions.model_dump_json().encode())
            connection.execute("UPDATE runs SET versions = ? WHERE n = ?", (blob, run))
            self._wrote = True
            return run

    def add_events(self, run: int, events: Sequence[Event]) -> None:
        """Add events, in order; the run takes their run id."""
        lines = "\n".join(event.model_dump_json() for event in events).encode()
        with self._writing() as connection:
            row = (run, events[0].seq, blobs.packed(lines))
            connection.execute("INSERT INTO events (run, seq, lines) VALUES (?, ?, ?)", row)
            for event in events:
                rows.follow(connection, run, event)

    def add_exchange(
        self,
        run: int,
        kind: ExchangeKind,
        request: bytes,
        reply: bytes,
        texts: Sequence[bytes] = (),
    ) -> None:
        """Add a request, its reply, and the texts that the request names by their hashes."""
        with self._writing() as connection:
            for text in texts:
                blobs.put(connection, run, text)
            asked, got = (blobs.put(connection, run, data) for data in (request, reply))
            row = (run, run, kind, asked, got)
            connection.execute(
                "INSERT INTO exchanges (run, n, kind, request, reply) VALUES "
                "(?, (SELECT coalesce(max(n), 0) + 1 FROM exchanges WHERE run = ?), ?, ?, ?)",
                row,
            )

    def note(self, run: int, answer: Answer) -> None:
        """Note how far the answer of a run had come that ends without one."""
        with self._writing() as connection:
            rows.note(connection, run, answer)

    def end(self, run: int, status: Status, *, error: str = "", tip: str = "") -> None:
        """End a run."""
        with self._writing() as connection:
            ended = "UPDATE runs SET status = ?, error = ?, tip = ?, ended = ? WHERE n = ?"
            connection.execute(ended, (status, error, tip, time.time(), run))
        self._prune_if_due()

    def _prune_if_due(self) -> None:
        """Prune now and then, since a server may run for months before it closes the file."""
        if time.monotonic() - self._pruned_at < self._retention.check_s:
            return
        self._pruned_at = time.monotonic()
        with self._reading() as connection:
            prune(connection, self.path, self._retention)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._writer.wait()
        with self._lock, errors_named(self.path):
            if self._connection is None:
                self._connection = opened(self.path)
                rows.end_orphans(self._connection)
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, whole or not at all."""
        with self._reading() as connection:
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()  # nothing where SQLite has done it by itself
                raise
            connection.execute("COMMIT")

    _row = staticmethod(finding.row_of)
