"""A context whose model says what a test wrote down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from metier.answer import Source
from metier.experts.card import Card
from metier.experts.knowledge.passages import Passage
from metier.models.server import Sampling
from metier.plan import Message

M = TypeVar("M", bound=BaseModel)

CARD = Card(id="math", description="Mathematics", prompt="You solve problems.")


@dataclass
class Script:
    """A context whose model writes one program, and these words where it is asked for words.

    Of several words, each is said once, in their order; the last goes on. In a round of replies
    are as many as it has room for.
    """

    program: dict[str, Any] | Exception
    words: str | list[str] = "About 7."
    calls: list[str] = field(default_factory=list)
    asked: Sequence[Message] = ()
    sampling: Sampling = Sampling(seed=7)
    asked_with: Sampling | None = None
    checked: bool | None = None
    given: dict[str, str] = field(default_factory=dict)
    temperatures: list[float | None] = field(default_factory=list)
    room: int = 1

    async def stream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None
    ) -> AsyncIterator[str]:
        yield await self.complete(messages, sampling=sampling)

    async def complete(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None
    ) -> str:
        self.calls.append("complete")
        self.asked, self.asked_with = messages, sampling
        self.temperatures.append(sampling.temperature if sampling else None)
        if isinstance(self.words, str):
            return self.words
        return self.words.pop(0) if len(self.words) > 1 else self.words[0]

    async def replies(
        self, messages: Sequence[Message], samplings: Sequence[Sampling]
    ) -> AsyncIterator[Sequence[str]]:
        for start in range(0, len(samplings), self.room):
            some = samplings[start : start + self.room]
            yield [await self.complete(messages, sampling=each) for each in some]

    async def structured(
        self, messages: Sequence[Message], shape: type[M], *, sampling: Sampling | None = None
    ) -> M:
        self.calls.append("structured")
        self.asked, self.asked_with = messages, sampling
        if isinstance(self.program, Exception):
            raise self.program
        return shape.model_validate(self.program)

    async def probe(
        self, messages: Sequence[Message], labels: Sequence[str]
    ) -> Mapping[str, float]:
        raise AssertionError("nothing is probed")

    def tool(self, name: str) -> Callable[..., Awaitable[Any]] | None:
        return None

    async def search(self, query: str, *, k: int = 4) -> Sequence[Passage]:
        return ()

    def cite(self, source: Source) -> None:
        raise AssertionError("nothing is cited")

    def warn(self, text: str) -> None:
        raise AssertionError("a calculation gives no warning")

    def give(self, name: str, value: str) -> None:
        self.given[name] = value

    def mark_checked(self, passed: bool, /) -> None:
        self.checked = passed

    def rate(self, confidence: float, /, *, abstain: bool = False) -> None:
        raise AssertionError("nothing is rated")


def written(operation: str, *steps: str, **fields: str) -> dict[str, Any]:
    named = [dict(zip(("name", "expression"), step.split(": "), strict=True)) for step in steps]
    return {"operation": operation, "steps": named, **fields}
