"""Samples of models, taken once and kept: every strategy is measured on the same ones."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from pydantic import BaseModel

from metier.models.ollama import OllamaServer
from metier.models.probing import MOST_ALTERNATIVES, label_probabilities
from metier.models.server import ChatRequest, Chunk, Sampling
from metier.plan import Message


class Kept(BaseModel):
    """One reply of one model.

    Attributes:
        key: a hash over the messages.
        logprob: mean over the tokens.
        probabilities: of the labels, where it was a probe.
        seconds: from the request to its end; of samples taken side by side, its share of theirs.
    """

    key: str
    model: str
    temperature: float
    seed: int
    text: str
    logprob: float | None = None
    probabilities: dict[str, float] = {}
    prompt_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which sample: greedy, or a seed at a temperature."""

    seed: int = 0
    temperature: float = 0.0


class Samples:
    """Takes samples, and keeps each in a file at once; what is kept is not taken again."""

    def __init__(self, server: OllamaServer, file: Path) -> None:
        self._server = server
        self._file = file
        self._kept: dict[tuple[str, str, float, int], Kept] = {}
        file.parent.mkdir(parents=True, exist_ok=True)
        for line in file.read_text().splitlines() if file.exists() else ():
            self._remember(Kept.model_validate_json(line))

    def _remember(self, kept: Kept) -> None:
        self._kept[kept.key, kept.model, kept.temperature, kept.seed] = kept

    async def take(
        self, model: str, messages: Sequence[Message], draws: Sequence[Draw], *, max_tokens: int
    ) -> list[Kept]:
        """One reply a draw; those that are not kept yet are taken side by side."""
        key = _key(messages)
        wanted = [draw for draw in draws if not self.has(model, messages, draw)]
        if wanted:
            started = time.perf_counter()
            taken: list[Kept] = []

            async def one(draw: Draw) -> None:
                taken.append(await self._one(model, messages, draw, max_tokens))

            async with anyio.create_task_group() as group:
                for draw in wanted:
                    group.start_soon(one, draw)
            share = (time.perf_counter() - started) / len(taken)
            self._keep([kept.model_copy(update={"seconds": share}) for kept in taken])
        return [self._kept[key, model, draw.temperature, draw.seed] for draw in draws]

    async def probe(self, model: str, messages: Sequence[Message], labels: Sequence[str]) -> Kept:
        """The probabilities of the labels as the next word."""
        draw = Draw(seed=-1)
        if not self.has(model, messages, draw):
            started = time.perf_counter()
            kept = await self._one(model, messages, draw, 1, labels=labels)
            seconds = time.perf_counter() - started
            self._keep([kept.model_copy(update={"seconds": seconds})])
        return self._kept[_key(messages), model, draw.temperature, draw.seed]

    def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """A reply that is not kept."""
        return self._server.chat(request)

    def has(self, model: str, messages: Sequence[Message], draw: Draw) -> bool:
        """Whether the sample is kept already."""
        return (_key(messages), model, draw.temperature, draw.seed) in self._kept

    async def _one(
        self,
        model: str,
        messages: Sequence[Message],
        draw: Draw,
        max_tokens: int,
        *,
        labels: Sequence[str] = (),
    ) -> Kept:
        sampling = Sampling(
            temperature=draw.temperature,
            seed=draw.seed,
            max_tokens=max_tokens,
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
        )

    def _keep(self, taken: Sequence[Kept]) -> None:
        with self._file.open("a") as file:
            for kept in taken:
                self._remember(kept)
                file.write(f"{kept.model_dump_json()}\n")


@asynccontextmanager
async def sampling(host: str, file: Path) -> AsyncIterator[Samples]:
    """Samples of a server's models, kept in a file."""
    async with aclosing(OllamaServer(host)) as server:
        yield Samples(server, file)


def _key(messages: Sequence[Message]) -> str:
    texts = "\x00".join(f"{message.role}\x01{message.content}" for message in messages)
    return hashlib.sha256(texts.encode()).hexdigest()[:24]
