"""Samples of models, taken once and kept: every strategy is measured on the same ones."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from benchmarks.keeping import Keeping, key_of
from metier.models.ollama import OllamaServer
from metier.models.server import ChatRequest, Chunk, ModelServer, Sampling
from metier.plan import Message
from metier.strategies.choices.label_probabilities import MOST_ALTERNATIVES, label_probabilities


class Kept(BaseModel):
    """One reply of one model.

    Attributes:
        key: a hash over the messages.
        answer: what was made of the text, "" where nothing could be; None where nobody tried.
        doubted: whether something speaks against the program; None where nobody looked.
        logprob: mean over the tokens.
        probabilities: of the labels, where it was a probe.
        seconds: from the request to its end; None where other work ran beside it.
    """

    key: str
    model: str
    temperature: float
    seed: int
    text: str = ""
    answer: str | None = None
    doubted: bool | None = None
    logprob: float | None = None
    probabilities: dict[str, float] = {}
    prompt_tokens: int = 0
    tokens: int = 0
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which sample: greedy, or a seed at a temperature."""

    seed: int = 0
    temperature: float = 0.0


class Samples:
    """Takes samples, and keeps each in a file at once; what is kept is not taken again.

    Args:
        file: the replies as they came.
        published: what was made of earlier ones; it holds no text, so no row of a set.
        timed: nothing else runs, so that seconds mean something.
    """

    def __init__(
        self, server: ModelServer, file: Path, published: Path, *, timed: bool = True
    ) -> None:
        self._server = server
        self.timed = timed
        self._kept = Keeping(
            Kept, file, published, place=lambda kept: _place(kept.key, kept.model, kept)
        )

    def publish(self) -> None:
        """Write what was made of every sample, without its text."""
        self._kept.publish(_shown)

    def judged(self, kept: Kept, answer: str, *, doubted: bool) -> Kept:
        """Remember what was made of a reply."""
        return self._kept.add(kept.model_copy(update={"answer": answer, "doubted": doubted}))

    async def take(
        self,
        model: str,
        messages: Sequence[Message],
        draw: Draw,
        *,
        max_tokens: int,
        stop: tuple[str, ...] = (),
        whole: bool = False,
    ) -> Kept:
        """A reply; with its text where it is to be `whole`."""
        kept = self._kept.get(_place(_key(messages), model, draw))
        if kept is None or (whole and not kept.text):
            kept = self._kept.add(await self._one(model, messages, draw, max_tokens, stop=stop))
        return kept

    async def probe(self, model: str, messages: Sequence[Message], labels: Sequence[str]) -> Kept:
        """The probabilities of the labels as the next word."""
        draw = Draw(seed=-1)
        kept = self._kept.get(_place(_key(messages), model, draw))
        if kept is None:
            kept = self._kept.add(await self._one(model, messages, draw, 1, labels=labels))
        return kept

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """A reply that is not kept."""
        return self._server.chat(request)

    async def _one(
        self,
        model: str,
        messages: Sequence[Message],
        draw: Draw,
        max_tokens: int,
        *,
        labels: Sequence[str] = (),
        stop: tuple[str, ...] = (),
    ) -> Kept:
        started = time.perf_counter()
        sampling = Sampling(
            temperature=draw.temperature,
            seed=draw.seed,
            max_tokens=max_tokens,
            stop=stop,
            logprobs=True,
            top_logprobs=MOST_ALTERNATIVES if labels else 0,
        )
        request = ChatRequest(model=model, messages=tuple(messages), sampling=sampling)
        async with aclosing(self._server.chat(request)) as pieces:
            chunks = [piece async for piece in pieces]
        tokens = [token for chunk in chunks for token in chunk.logprobs]
        mean = sum(token.logprob for token in tokens) / len(tokens) if tokens else None
        found = label_probabilities(tokens[0] if tokens else None, labels) if labels else {}
        return Kept(
            key=_key(messages),
            model=model,
            temperature=draw.temperature,
            seed=draw.seed,
            text="".join(chunk.text for chunk in chunks),
            logprob=mean,
            probabilities=dict(found),
            prompt_tokens=chunks[-1].usage.prompt_tokens,
            tokens=chunks[-1].usage.completion_tokens,
            seconds=time.perf_counter() - started if self.timed else None,
        )


@asynccontextmanager
async def sampling(
    host: str, file: Path, published: Path, *, timed: bool = True
) -> AsyncIterator[Samples]:
    """Samples of a server's models, kept in a file and published at the end."""
    async with aclosing(OllamaServer(host)) as server:
        samples = Samples(server, file, published, timed=timed)
        try:
            yield samples
        finally:
            samples.publish()


def _shown(kept: Kept) -> Kept | None:
    """Without its text, and rounded; None where nothing was made of it yet."""
    if kept.answer is None and not kept.probabilities:
        return None
    return kept.model_copy(
        update={
            "text": "",
            "logprob": None if kept.logprob is None else round(kept.logprob, 4),
            "seconds": None if kept.seconds is None else round(kept.seconds, 2),
            "probabilities": {k: round(v, 5) for k, v in kept.probabilities.items()},
        }
    )


def _place(key: str, model: str, draw: Draw | Kept) -> tuple[str, str, float, int]:
    return key, model, draw.temperature, draw.seed


def _key(messages: Sequence[Message]) -> str:
    return key_of(*(f"{message.role}\x01{message.content}" for message in messages))
