"""A context whose model answers from a script: for tests of an expert's parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from metier.answer import Source
from metier.errors import InvalidOutput
from metier.experts.knowledge.passages import Passage
from metier.models.server import Sampling
from metier.plan import Message
from metier.settings.renamed import warn_renamed
from metier.testing.models import UnexpectedCall

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedCall:
    """A call of the model that an expert made."""

    kind: Literal["complete", "structured", "probe"]
    messages: Sequence[Message]
    sampling: Sampling


class ScriptedContext:
    """A `Context` whose model answers from a script, in order.

    Args:
        replies: a text; the fields of what `structured` returns; for `probe` the probability of
            each label; or an error to raise. They may go on for ever: `itertools.repeat`.
        tools: other experts' tools, by name.
        passages: what every search finds.
        at_once: how many `replies` come in one round.

    Attributes:
        calls: what the model was asked, in order.
        sources, warnings, values, checked, how_checked, confidence, abstained: what the expert
            said of its answer.

    >>> context = ScriptedContext(["It is 4.", {"tool": "add", "arguments": {"a": 2, "b": 2}}])
    """

    def __init__(
        self,
        replies: Iterable[str | Mapping[str, Any] | Exception] = (),
        *,
        sampling: Sampling = Sampling(seed=7),
        tools: Mapping[str, Callable[..., Awaitable[Any]]] | None = None,
        passages: Sequence[Passage] = (),
        at_once: int = 1,
    ) -> None:
        self._replies = iter(replies)
        self.sampling = sampling
        self._tools = tools or {}
        self._passages = passages
        self.at_once = at_once
        self.calls: list[ScriptedCall] = []
        self.sources: list[Source] = []
        self.warnings: list[str] = []
        self.values: dict[str, str] = {}
        self.checked: bool | None = None
        self.how_checked = ""
        self.confidence: float | None = None
        self.abstained = False

    async def stream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None
    ) -> AsyncIterator[str]:
        """The next reply, as one piece."""
        yield await self.complete(messages, sampling=sampling)

    async def complete(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None
    ) -> str:
        """The next reply, a text."""
        reply = self._next("complete", messages, sampling)
        assert isinstance(reply, str), f"a text was asked for, and the script has {reply!r}"
        return reply

    async def replies(
        self, messages: Sequence[Message], samplings: Sequence[Sampling]
    ) -> AsyncIterator[Sequence[str]]:
        """The next replies, in rounds of `at_once`."""
        for start in range(0, len(samplings), self.at_once):
            some = samplings[start : start + self.at_once]
            yield [await self.complete(messages, sampling=each) for each in some]

    async def structured(
        self, messages: Sequence[Message], shape: type[M], *, sampling: Sampling | None = None
    ) -> M:
        """The next reply as an object: from a mapping, or from a text of JSON.

        Raises:
            InvalidOutput: the reply does not fit.
        """
        reply = self._next("structured", messages, sampling)
        try:
            if isinstance(reply, str):
                return shape.model_validate_json(reply)
            return shape.model_validate(reply)
        except ValidationError as exc:
            raise InvalidOutput(f"the script has no {shape.__name__}: {reply!r}") from exc

    async def probe(
        self, messages: Sequence[Message], labels: Sequence[str]
    ) -> Mapping[str, float]:
        """The next reply, a mapping of labels to probabilities."""
        reply = self._next("probe", messages, None)
        assert isinstance(reply, Mapping), f"a probe was made, and the script has {reply!r}"
        return {label: float(reply.get(label, 0.0)) for label in labels}

    def tool(self, name: str) -> Callable[..., Awaitable[Any]] | None:
        """One of the given tools."""
        return self._tools.get(name)

    async def search(self, query: str, *, k: int = 4) -> Sequence[Passage]:
        """The given passages."""
        return self._passages[:k]

    def cite(self, source: Source) -> None:
        """Keep the source in `sources`."""
        self.sources.append(source)

    def warn(self, text: str) -> None:
        """Keep the warning in `warnings`."""
        self.warnings.append(text)

    def give(self, name: str, value: str) -> None:
        """Keep the value in `values`."""
        self.values[name] = value

    def mark_checked(self, passed: bool, /, *, how: str = "") -> None:
        """Keep them in `checked` and `how_checked`."""
        self.checked, self.how_checked = passed, how

    def set_confidence(self, confidence: float, /, *, abstain: bool = False) -> None:
        """Keep them in `confidence` and `abstained`."""
        self.confidence, self.abstained = confidence, abstain

    def rate(self, confidence: float, /, *, abstain: bool = False) -> None:
        """Deprecated since version 0.2: use `set_confidence`."""
        warn_renamed("Context.rate", "Context.set_confidence")
        self.set_confidence(confidence, abstain=abstain)

    def _next(
        self,
        kind: Literal["complete", "structured", "probe"],
        messages: Sequence[Message],
        sampling: Sampling | None,
    ) -> str | Mapping[str, Any]:
        call = ScriptedCall(kind=kind, messages=messages, sampling=sampling or self.sampling)
        self.calls.append(call)
        reply = next(self._replies, None)
        if reply is None:
            last = messages[-1].content if messages else ""
            raise UnexpectedCall(f"the script has no reply left for: {last[:300]!r}")
        if isinstance(reply, Exception):
            raise reply
        return reply
