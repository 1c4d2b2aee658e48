"""What `metier knowledge add` adds, path by path, and how it ends early."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from anyio import CancelScope

    from metier.errors import InvalidInput
    from metier.experts.knowledge.changes import Change, Progress
    from metier.experts.knowledge.store import KnowledgeBase


class Added:
    """What was added to a domain. A path that cannot be read does not stop the others.

    Args:
        base: the knowledge base to add to.

    Attributes:
        changes: what changed, by path.
        refused: why nothing could be added, by path.
    """

    def __init__(self, base: KnowledgeBase) -> None:
        self.base = base
        self.changes: dict[Path, Change] = {}
        self.refused: dict[Path, InvalidInput] = {}

    async def add(self, path: Path, *, sync: bool, progress: Callable[[Progress], None]) -> None:
        """Add one path."""
        from metier.errors import InvalidInput

        try:
            self.changes[path] = await self.base.add(
                path, sync=sync, progress=progress, waiting=say_waiting
            )
        except InvalidInput as exc:
            self.refused[path] = exc

    @property
    def failed(self) -> bool:
        """Whether something that should have been read could not be."""
        return bool(self.refused) or any(change.failed for change in self.changes.values())

    def as_dict(self) -> dict[str, object]:
        """Return everything, for JSON."""
        from dataclasses import asdict

        return {
            "changes": [
                {"place": str(path), **asdict(change)} for path, change in self.changes.items()
            ],
            "refused": [
                {"place": str(path), "reason": exc.message} for path, exc in self.refused.items()
            ],
            "total": {"documents": len(self.base.entries), "chunks": len(self.base)},
        }


@contextmanager
def cancelled_by_signals() -> Iterator[CancelScope]:
    """Cancel the context if the process is asked to end, so that it saves what it has done."""
    import asyncio

    import anyio

    loop = asyncio.get_running_loop()
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # An ignored signal stays ignored: that is how nohup works.
    numbers = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    with anyio.CancelScope() as scope:
        # Not available on Windows, nor outside the main thread.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in numbers:
                loop.add_signal_handler(number, scope.cancel)
        try:
            yield scope
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def say_waiting() -> None:
    """Say that another process holds the lock."""
    click.echo("waiting for another metier process that is changing these documents …", err=True)
