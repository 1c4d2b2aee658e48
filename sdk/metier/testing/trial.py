"""One expert, one task, and models that follow a script: what happens is looked at from outside."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import anyio

from metier.answer import Answer
from metier.council import Council
from metier.engine.engine import Limits
from metier.errors import MetierError
from metier.events import Event
from metier.experts.card import GENERAL, Card
from metier.experts.expert import Expert
from metier.models.embedder import Embedder
from metier.plan import Plan, Step
from metier.settings import Settings
from metier.testing.embedder import FixedEmbedder
from metier.testing.models import ScriptedModels, Stall, WholeScript

T = TypeVar("T")

_MODEL = "any"
# Of what must be over at once; a machine may be busy.
AT_ONCE_S = 30.0


class Trial:
    """An expert with models that reply to every request in one way.

    Args:
        script: called with each request.

    Attributes:
        models: what was asked of them.
    """

    def __init__(self, expert: Expert, task: str, script: WholeScript) -> None:
        self.expert = expert
        self.plan = Plan(question=task, steps=(Step(id="1", task=task, expert=expert.id),))
        self.models = ScriptedModels(dict.fromkeys([*expert.card.models, _MODEL], script))

    @contextmanager
    def council(self) -> Iterator[Council]:
        """A council of this expert alone, and of a general one."""
        general = Expert(Card(id=GENERAL, description="all else", models=(_MODEL,)))
        with small_council([general, self.expert], self.models) as council:
            yield council

    def outcome(self, *, limits: Limits | None = None) -> Answer | MetierError:
        """The answer, or why there is none."""
        with self.council() as council:
            try:
                return council.run_sync(self.plan, limits=limits)
            except MetierError as exc:
                return exc

    def outcome_async(self) -> Answer | MetierError:
        """The same by the council's own `async` method."""
        with self.council() as council:
            try:
                return _run(partial(council.run, self.plan))
            except MetierError as exc:
                return exc

    def events(self) -> list[Event]:
        """What happens, to the end."""
        return _run(self._events)

    def closes_when_cancelled(self) -> bool:
        """Whether cancelling in the middle of a model's reply closes that reply."""
        return _run(self._closes)

    async def _events(self) -> list[Event]:
        with self.council() as council, anyio.fail_after(AT_ONCE_S):
            async with aclosing(council.stream(self.plan)) as events:
                return [event async for event in events]

    async def _closes(self) -> bool:
        """Cancel as soon as a model was asked; where none is, the answer just ends."""
        self.models.requested = anyio.Event()
        with anyio.fail_after(AT_ONCE_S):
            async with anyio.create_task_group() as group:
                group.start_soon(self._consume, self.models.requested)
                await self.models.requested.wait()
                group.cancel_scope.cancel()
        # Here: the end of the event loop closes all the same.
        return len(self.models.closed_early) == len(self.models.requests)

    async def _consume(self, ended: anyio.Event) -> None:
        with self.council() as council:
            async with aclosing(council.stream(self.plan)) as events:
                async for _ in events:
                    pass
        ended.set()


@contextmanager
def small_council(
    experts: Iterable[Expert], models: ScriptedModels, *, embedder: Embedder | None = None
) -> Iterator[Council]:
    """A council that leaves nothing behind; its general expert runs on the scripts' last model."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(cache_dir=_indexes(), state_dir=Path(folder), model=_MODEL)
        with Council.of(
            experts, settings=settings, server=models, embedder=embedder or FixedEmbedder()
        ) as council:
            yield council


@cache
def _indexes() -> Path:
    """A folder for this process: what is learnt from the same cards takes seconds, once."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _run(function: Callable[[], Awaitable[T]]) -> T:
    """Run it in a thread of its own: in this one the tests may have a loop that is still open."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(anyio.run, function).result()


def stalls(_: object) -> Stall:
    """The script of models that begin and never end."""
    return Stall("One two")
