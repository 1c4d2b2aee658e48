"""What an expert gets to answer with: the model, others' tools, sources."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

import anyio
from pydantic import BaseModel, ValidationError

from metier.answer import Source
from metier.engine.calling import Caller
from metier.errors import InvalidOutput, MetierError
from metier.experts.card import Card
from metier.experts.knowledge.passages import NEAR, Passage, fitting
from metier.experts.tools import Tool
from metier.models.server import Chunk, InstalledModel, Sampling
from metier.plan import Message
from metier.settings.renamed import warn_renamed
from metier.strategies.choices.label_probabilities import MOST_ALTERNATIVES, label_probabilities

M = TypeVar("M", bound=BaseModel)


class StepContext:
    """The `Context` of one sample of one step."""

    def __init__(
        self,
        *,
        caller: Caller,
        card: Card,
        choose: Callable[[], Awaitable[InstalledModel]],
        find_tool: Callable[[str], Tool | None],
        find_passages: Callable[[str, str, int], Awaitable[Sequence[Passage]]],
        step_id: str,
        seed: int,
        logprobs: bool = False,
    ) -> None:
        self._caller = caller
        self._card = card
        self._choose = choose
        self._find_tool = find_tool
        self._find_passages = find_passages
        self._step_id = step_id
        self._seed = seed
        self._logprobs = logprobs
        self._written: list[float] = []
        self._open: list[AsyncGenerator[Chunk, None]] = []
        self.models: dict[str, None] = {}
        self.sources: dict[Source, None] = {}
        self.checked: bool | None = None
        self.how_checked = ""
        self.confidence: float | None = None
        self.abstained = False
        self.warnings: dict[str, None] = {}
        self.values: dict[str, str] = {}

    @property
    def sampling(self) -> Sampling:
        """How the card and the step's seed want the model to write."""
        return Sampling(
            temperature=self._card.temperature,
            seed=self._seed,
            max_tokens=self._card.max_tokens,
            logprobs=self._logprobs,
        )

    @property
    def mean_logprob(self) -> float | None:
        """Of the tokens that were written; None if they were not asked for."""
        return sum(self._written) / len(self._written) if self._written else None

    async def stream(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None
    ) -> AsyncIterator[str]:
        """The model's reply, piece by piece."""
        pieces = self.chunks(messages, sampling or self.sampling)
        self._open.append(pieces)
        async for piece in pieces:
            if piece.text:
                yield piece.text

    async def chunks(
        self, messages: Sequence[Message], sampling: Sampling
    ) -> AsyncGenerator[Chunk, None]:
        """The model's reply with all that the server says of it."""
        model = await self._choose()
        self.models[model.name] = None
        pieces = self._caller.chunks(
            model,
            messages,
            sampling,
            purpose="step",
            step_id=self._step_id,
            label=self._card.runs_on,
            think=self._card.think and _is_prose(sampling),
        )
        async with aclosing(pieces):
            async for piece in pieces:
                self._written += [token.logprob for token in piece.logprobs]
                yield piece

    async def aclose(self) -> None:
        """Close the streams that an expert began and did not read to their end."""
        for pieces in self._open:
            await pieces.aclose()

    async def complete(
        self, messages: Sequence[Message], *, sampling: Sampling | None = None
    ) -> str:
        """The model's reply as a whole."""
        return "".join([piece async for piece in self.stream(messages, sampling=sampling)])

    async def replies(
        self, messages: Sequence[Message], samplings: Sequence[Sampling]
    ) -> AsyncIterator[Sequence[str]]:
        """Several replies to the same messages, in rounds of those that are written at once."""
        prompt_chars = sum(len(message.content) for message in messages)
        room = self._caller.at_once((await self._choose()).name, prompt_chars=prompt_chars)
        waiting = list(samplings)
        while waiting:
            size = max(1, min(room, self._caller.calls_left))
            yield await self._round(messages, waiting[:size])
            del waiting[:size]

    async def _round(
        self, messages: Sequence[Message], samplings: Sequence[Sampling]
    ) -> Sequence[str]:
        """These replies, in their order; one that fails is left out where another came."""
        came: dict[int, str] = {}
        failed: list[MetierError] = []

        async def one(number: int, sampling: Sampling) -> None:
            try:
                came[number] = await self.complete(messages, sampling=sampling)
            except MetierError as exc:
                failed.append(exc)

        async with anyio.create_task_group() as group:
            for number, sampling in enumerate(samplings):
                group.start_soon(one, number, sampling)
        if not came:
            raise failed[0]
        return [came[number] for number in sorted(came)]

    async def probe(
        self, messages: Sequence[Message], labels: Sequence[str]
    ) -> Mapping[str, float]:
        """How probable the model finds each label as its next word."""
        sampling = replace(self.sampling, max_tokens=1, top_logprobs=MOST_ALTERNATIVES)
        async with aclosing(self.chunks(messages, sampling)) as pieces:
            tokens = [token async for piece in pieces for token in piece.logprobs]
        return label_probabilities(tokens[0] if tokens else None, labels)

    async def structured(
        self, messages: Sequence[Message], shape: type[M], *, sampling: Sampling | None = None
    ) -> M:
        """The model's reply as an object; its grammar is enforced while the model writes."""
        given = sampling or self.sampling
        schema = given.schema if given.schema is not None else shape.model_json_schema()
        asked = replace(given, schema=schema)
        text = await self.complete(messages, sampling=asked)
        try:
            return shape.model_validate_json(text)
        except ValidationError as exc:
            raise InvalidOutput(
                f"{next(reversed(self.models))} did not write a {shape.__name__}: {text[:200]!r}"
            ) from exc

    def tool(self, name: str) -> Callable[..., Awaitable[Any]] | None:
        """Another expert's tool; a `def` runs in a thread."""
        found = self._find_tool(name)
        return found.run if found is not None else None

    async def search(self, query: str, *, k: int = 4) -> Sequence[Passage]:
        """Passages of the user's documents, those that are near and fit into a prompt."""
        return fitting(await self._find_passages(self._card.id, query, k), at_least=NEAR)

    def cite(self, source: Source) -> None:
        """Name a source of the answer."""
        self.sources[source] = None

    def warn(self, text: str) -> None:
        """Name a part of the answer that must reach the reader word for word."""
        self.warnings[text] = None

    def give(self, name: str, value: str) -> None:
        """Name a value of the answer, with its unit, for steps that need it."""
        self.values[name] = value

    def mark_checked(self, passed: bool, /, *, how: str = "") -> None:
        """Say whether a check of the program confirmed the answer."""
        self.checked, self.how_checked = passed, how

    def set_confidence(self, confidence: float, /, *, abstain: bool = False) -> None:
        """Say how probable it is that the answer is right."""
        self.confidence = min(1.0, max(0.0, confidence))
        self.abstained = abstain

    def rate(self, confidence: float, /, *, abstain: bool = False) -> None:
        """Deprecated since version 0.2: use `set_confidence`."""
        warn_renamed("Context.rate", "Context.set_confidence")
        self.set_confidence(confidence, abstain=abstain)


def _is_prose(sampling: Sampling) -> bool:
    """Whether an answer in words is wanted: JSON and probes of one token leave no room to think."""
    return sampling.schema is None and sampling.top_logprobs == 0
