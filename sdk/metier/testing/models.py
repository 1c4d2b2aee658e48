"""Models that say what a test wrote down; a call that was not written down fails."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import anyio
import anyio.lowlevel

from metier.answer import Usage
from metier.models.old_names import OldNames
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    LoadedModel,
    ModelDetails,
    Progress,
    RawRequest,
    TokenProbability,
)
from metier.settings.renamed import warn_renamed


@dataclass(frozen=True, slots=True)
class Stall:
    """A reply that says its words and then never ends, as that of a server that hangs."""

    text: str = ""


# Words with their log-probabilities, as a server tells them where it is asked to.
Words = tuple[tuple[str, float], ...]
Said = str | Stall | Words | Mapping[str, float]
Reply = Said | Exception | Callable[[ChatRequest], Said]
# A function alone replies to every request.
WholeScript = Callable[[ChatRequest], Said | Exception]
Script = Sequence[Reply] | WholeScript


class UnexpectedCall(AssertionError):
    """A model was asked more often than the script says."""


class UnusedReplies(AssertionError):
    """A script had replies left at the end."""


class ScriptedModels(OldNames):
    """A `ModelServer` whose models reply from a script, in order.

    Args:
        replies: for each model its replies; an exception is raised, a function is called with
            the request, a `Stall` never ends. A reply is streamed word by word. A mapping answers
            a one-token probe: the probability of each label. Pairs of a word and its
            log-probability are streamed with it. A function in place of the replies
            is called with every request.
        concurrency: how many requests it claims to run at once.
        parameters: how many parameters each model claims to have; None if it does not say.
        slots: deprecated since version 0.2: use `concurrency`.

    Attributes:
        requests: every chat request, in order.
        closed_early: the models whose stream was closed before its end.
        requested: set at the next request, where a test puts an event here to wait for it.

    Use it as a context manager to have unused replies and unexpected calls fail the test:

    >>> with ScriptedModels({"small": ["Hello."]}) as models:
    ...     pass
    Traceback (most recent call last):
    metier.testing.models.UnusedReplies: 'small' has 1 unused: ['Hello.']
    """

    def __init__(
        self,
        replies: Mapping[str, Script] | None = None,
        *,
        concurrency: int = 1,
        parameters: int | None = None,
        slots: int | None = None,
    ) -> None:
        given = replies or {}
        self._replies = {
            model: [] if callable(script) else list(script) for model, script in given.items()
        }
        self._always = {model: script for model, script in given.items() if callable(script)}
        if slots is not None:
            warn_renamed("slots", "concurrency")
            concurrency = slots
        self._concurrency = concurrency
        self._info = {} if parameters is None else {"general.parameter_count": parameters}
        self._loaded: str | None = None
        self._unexpected: list[str] = []
        self.requests: list[ChatRequest] = []
        self.closed_early: list[str] = []
        self.loads: list[str] = []
        self.requested: anyio.Event | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.check_all_used()

    def check_all_used(self) -> None:
        """Raise if a script was not played to its end, or was asked for more.

        Raises:
            UnusedReplies: a reply was not asked for.
            UnexpectedCall: a call had no reply; the engine made a failed step of it then.
        """
        if self._unexpected:
            raise UnexpectedCall("; ".join(self._unexpected))
        for model, left in self._replies.items():
            if left:
                raise UnusedReplies(f"{model!r} has {len(left)} unused: {left}")

    @property
    def address(self) -> str:
        """Nowhere."""
        return "scripted"

    def concurrency(self, model: str) -> int:  # the same for all
        """As given."""
        return self._concurrency

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The next reply of the model, word by word."""
        self.requests.append(request)
        if self.requested is not None:
            self.requested.set()
        reply = self._next(request)
        self._load(request.model)
        finished = False
        try:
            for chunk in _chunks(reply):
                await anyio.lowlevel.checkpoint()
                yield chunk
            if isinstance(reply, Stall):
                await anyio.sleep_forever()
            finished = True
        finally:
            if not finished:
                self.closed_early.append(request.model)
        written = len(reply.split()) if isinstance(reply, str) else 1
        usage = Usage(calls=1, prompt_tokens=10, completion_tokens=written)
        yield Chunk(done=True, done_reason="stop", usage=usage)

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The next reply of the model, as a continuation."""
        chat = ChatRequest(model=request.model, messages=(), sampling=request.sampling)
        async for chunk in self.chat(chat):
            yield chunk

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Not scripted: give the council a `FixedEmbedder`."""
        raise UnexpectedCall(f"{model!r} was asked to embed {list(texts)!r}")

    async def list(self) -> Sequence[InstalledModel]:
        """The models that have a script."""
        return [InstalledModel(name=name, size_bytes=1) for name in self._replies]

    async def show(self, model: str) -> ModelDetails:
        """A model that completes."""
        capabilities = frozenset({"completion"})
        return ModelDetails(name=model, capabilities=capabilities, info=self._info)

    async def loaded(self) -> Sequence[LoadedModel]:
        """The model of the last request."""
        if self._loaded is None:
            return []
        return [LoadedModel(name=self._loaded, size_bytes=1, context_length=4096)]

    async def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """Done at once; the model has no replies."""
        self._replies.setdefault(model, [])
        yield Progress(status="success")

    async def load(self, model: str) -> None:
        """Remember it as loaded."""
        self._load(model)

    async def version(self) -> str:
        """Of no server."""
        return "scripted"

    async def aclose(self) -> None:
        """Nothing to let go."""

    def _load(self, model: str) -> None:
        if model != self._loaded:
            self.loads.append(model)
        self._loaded = model

    def _next(self, request: ChatRequest) -> Said:
        if (always := self._always.get(request.model)) is not None:
            reply: Reply = always(request)
        elif left := self._replies.get(request.model, []):
            reply = left.pop(0)
        else:
            last = request.messages[-1].content if request.messages else ""
            self._unexpected.append(f"{request.model!r} has no reply left for: {last[:300]!r}")
            raise UnexpectedCall(self._unexpected[-1])
        if isinstance(reply, Exception):
            raise reply
        return reply(request) if callable(reply) else reply


def _chunks(reply: Said) -> list[Chunk]:
    if isinstance(reply, Stall):
        return [Chunk(text=word) for word in _words(reply.text)]
    if isinstance(reply, str):
        return [Chunk(text=word) for word in _words(reply)]
    if isinstance(reply, tuple):
        return [
            Chunk(text=word, logprobs=(TokenProbability(token=word, logprob=logprob),))
            for word, logprob in reply
        ]
    logprobs = {label: math.log(share) for label, share in reply.items() if share > 0}
    best = max(logprobs, key=logprobs.__getitem__)
    token = TokenProbability(token=best, logprob=logprobs[best], top=tuple(logprobs.items()))
    return [Chunk(text=best, logprobs=(token,))]


def _words(text: str) -> list[str]:
    return [piece for piece in _split_keeping_spaces(text) if piece]


def _split_keeping_spaces(text: str) -> list[str]:
    words = text.split(" ")
    return [*(f"{word} " for word in words[:-1]), words[-1]]
