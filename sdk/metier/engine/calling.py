"""One model call: counted, told in events, its end checked."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from metier.answer import Usage
from metier.engine.cutting import Cut
from metier.engine.recorder import Budget, Emit
from metier.engine.window import Window
from metier.errors import ContextOverflow, MetierError
from metier.events import CallDone, CallStarted, Notice, Purpose
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    ModelServer,
    Sampling,
    host_count,
    run_together,
)
from metier.plan import Message

# About 300 tokens: between where one after the other is quicker for samples of 30 tokens, and where
# it is for samples of 120 (docs/results/speed.md).
LONG_PROMPT_CHARS = 1200
# Of English text. There is no tokenizer here, and the server counts only at the end of a reply.
_CHARS_A_TOKEN = 4


class Caller:
    """Makes the model calls of one run.

    Args:
        reserve: calls of the budget that other steps need; the first is never refused for them.
        numbers: of the calls.
        window: fits the conversation before the question into each prompt.

    Attributes:
        cut: where the answer ends, if the caller wants only its beginning.
        seed: of the run; each of several samples adds its number to it.
    """

    def __init__(
        self,
        server: ModelServer,
        *,
        emit: Emit,
        budget: Budget,
        reserve: int = 0,
        numbers: Iterator[int] | None = None,
        window: Window | None = None,
        seed: int = 0,
        cut: Cut | None = None,
    ) -> None:
        self.seed = seed
        self.cut = cut or Cut(())
        self._server = server
        self._emit = emit
        self._budget = budget
        self._reserve = reserve
        self._numbers = numbers or itertools.count(1)
        self._window = window or Window((), tokens=None, tell=emit)
        self._made = 0

    def leaving(self, calls: int) -> Caller:
        """For one step of the run, which leaves so many calls to the others."""
        return Caller(
            self._server,
            emit=self._emit,
            budget=self._budget,
            reserve=calls,
            numbers=self._numbers,
            window=self._window,
            seed=self.seed,
            cut=self.cut,
        )

    @property
    def calls_left(self) -> int:
        """How many calls the budget still has for this step."""
        return self._budget.left - self._reserve

    def take_call(self) -> str:
        """Take one call from the budget; its id.

        Raises:
            BudgetExceeded: the question has no call left, or only those that others need.
        """
        self._budget.spend(keep=self._reserve if self._made else 0)
        self._made += 1
        return str(next(self._numbers))

    def concurrency(self, model: str) -> int:
        """How many requests to this model the server runs side by side."""
        return self._server.concurrency(model)

    def at_once(self, model: str, *, prompt_chars: int) -> int:
        """How many samples of one prompt are quickest side by side.

        Each slot reads the prompt itself. One after the other, they find it in the same slot: that
        is quicker for a long prompt, and takes no slot from another one. So each host draws one.
        """
        if prompt_chars > LONG_PROMPT_CHARS:
            return host_count(self._server, model)
        return self.concurrency(model)

    def run_together(self, models: Sequence[str]) -> bool:
        """Whether the server can run one request to each of these side by side."""
        return run_together(self._server, models)

    async def stream(
        self,
        model: InstalledModel,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        purpose: Purpose,
        step_id: str | None,
        label: str = "",
    ) -> AsyncGenerator[str, None]:
        """The reply's text, piece by piece.

        Raises:
            MetierError: as in `chunks`.
        """
        pieces = self.chunks(
            model, messages, sampling, purpose=purpose, step_id=step_id, label=label
        )
        async with aclosing(pieces):
            async for piece in pieces:
                if piece.text:
                    yield piece.text

    async def chunks(
        self,
        model: InstalledModel,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        purpose: Purpose,
        step_id: str | None,
        label: str = "",
        think: bool = False,
    ) -> AsyncGenerator[Chunk, None]:
        """The reply, piece by piece. A notice reports an answer that was cut off.

        Old turns of the conversation are left out of a prompt that would be too long; a notice
        says so.

        Args:
            label: of the hosts that may answer; empty if all may.

        Raises:
            BudgetExceeded: the question has no call left, or only those that others need.
            ModelError, ModelServerError, DeadlineExceeded: as the server raises them.
        """
        given, begun = tuple(messages), False
        while True:
            fitted = self._window.fitted(given, sampling)
            pieces = self._call(
                model,
                fitted,
                sampling,
                purpose=purpose,
                step_id=step_id,
                think=think,
                label=label,
            )
            try:
                async with aclosing(pieces):
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except ContextOverflow:
                if begun or not self._window.shrink(given):
                    raise

    async def _call(
        self,
        model: InstalledModel,
        messages: tuple[Message, ...],
        sampling: Sampling,
        *,
        purpose: Purpose,
        step_id: str | None,
        think: bool,
        label: str,
    ) -> AsyncGenerator[Chunk, None]:
        call_id = self.take_call()
        request = ChatRequest(
            model=model.name, messages=messages, sampling=sampling, think=think, label=label
        )
        self._emit(
            CallStarted(
                step_id=step_id,
                call_id=call_id,
                model=model.name,
                digest=model.digest,
                purpose=purpose,
                prompt_hash=prompt_hash(request),
                seed=sampling.seed,
            )
        )
        ending = _Ending(request)
        try:
            async with aclosing(self._server.chat(request)) as chunks:
                async for chunk in chunks:
                    ending.take(chunk)
                    yield chunk
        except BaseException as exc:
            ending.broken_by(exc)
            raise
        finally:
            self._emit(
                CallDone(
                    step_id=step_id,
                    call_id=call_id,
                    model=model.name,
                    usage=ending.usage(),
                    done_reason=ending.reason,
                    error=ending.error,
                    host=ending.host,
                    first_token_s=ending.first_token_s,
                )
            )
        probing = sampling.top_logprobs > 0
        if ending.reason == "length" and sampling.schema is None and not probing:
            text = f"{model.name} was cut off after {ending.usage().completion_tokens} tokens"
            self._emit(Notice(step_id=step_id, text=text))


class _Ending:
    """How a call ended, and what it cost as far as that is known."""

    def __init__(self, request: ChatRequest) -> None:
        self._request = request
        self._started = time.perf_counter()
        self._first_at = self._last_at = self._started
        self._last = Chunk()
        self._pieces = 0
        self.reason = self.host = ""
        self.error: str | None = None

    def take(self, chunk: Chunk) -> None:
        self._last = chunk
        self._pieces += 1
        self._last_at = time.perf_counter()
        if self._pieces == 1:
            self._first_at = self._last_at
        self.reason = chunk.done_reason
        self.host = chunk.host

    @property
    def first_token_s(self) -> float | None:
        """Seconds until the first piece; None if none came."""
        return self._first_at - self._started if self._pieces else None

    def broken_by(self, exc: BaseException) -> None:
        if isinstance(exc, GeneratorExit):
            self.reason = "closed"  # whoever read it had enough
        else:
            self.error = exc.code if isinstance(exc, MetierError) else "cancelled"

    def usage(self) -> Usage:
        """The server's own counts; of a reply without its end, estimates and the wall time."""
        if self._last.done:
            return self._last.usage
        seconds = time.perf_counter() - self._started
        between = self._last_at - self._first_at
        # The first piece took as long as the others, after the prompt was read.
        writing = between * self._pieces / (self._pieces - 1) if self._pieces > 1 else 0.0
        return Usage(
            calls=1,
            prompt_tokens=_tokens(self._request) if self._pieces else 0,
            completion_tokens=self._pieces,
            decode_s=writing,
            total_s=seconds,
        )


def _tokens(request: ChatRequest) -> int:
    """An estimate of the tokens of a prompt that was read."""
    return sum(len(message.content) for message in request.messages) // _CHARS_A_TOKEN


def prompt_hash(request: ChatRequest) -> str:
    """SHA-256 over messages and sampling, the same in every process."""
    sampling = request.sampling
    content = [
        [message.model_dump() for message in request.messages],
        [sampling.temperature, sampling.seed, sampling.max_tokens, list(sampling.stop)],
        dict(sampling.schema) if sampling.schema is not None else None,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
