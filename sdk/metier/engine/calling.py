"""One model call: counted, told in events, its end checked."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from metier.answer import Usage
from metier.engine.recorder import Budget, Emit
from metier.errors import MetierError
from metier.events import CallDone, CallStarted, Notice, Purpose
from metier.models.server import ChatRequest, Chunk, InstalledModel, ModelServer, Sampling
from metier.plan import Message


class Caller:
    """Makes the model calls of one run."""

    def __init__(self, server: ModelServer, *, emit: Emit, budget: Budget) -> None:
        self._server = server
        self._emit = emit
        self._budget = budget
        self._numbers = itertools.count(1)

    async def stream(
        self,
        model: InstalledModel,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        purpose: Purpose,
        step_id: str | None,
    ) -> AsyncGenerator[str, None]:
        """The reply's text, piece by piece. An answer that was cut off is said in a notice.

        Raises:
            BudgetExceeded: the question has no call left.
            ModelError, ModelServerError, DeadlineExceeded: as the server raises them.
        """
        self._budget.spend()
        request = ChatRequest(model=model.name, messages=tuple(messages), sampling=sampling)
        call_id = str(next(self._numbers))
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
        last, error = Chunk(), "cancelled"
        try:
            async with aclosing(self._server.chat(request)) as chunks:
                async for chunk in chunks:
                    last = chunk
                    if chunk.text:
                        yield chunk.text
            error = None
        except MetierError as exc:
            error = exc.code
            raise
        finally:
            usage = last.usage if last.done else Usage(calls=1)
            self._emit(
                CallDone(
                    step_id=step_id,
                    call_id=call_id,
                    model=model.name,
                    usage=usage,
                    done_reason=last.done_reason,
                    error=error,
                )
            )
        if last.done_reason == "length" and sampling.schema is None:
            text = f"{model.name} was cut off after {last.usage.completion_tokens} tokens"
            self._emit(Notice(step_id=step_id, text=text))


def prompt_hash(request: ChatRequest) -> str:
    """SHA-256 over messages and sampling, the same in every process."""
    sampling = request.sampling
    content = [
        [message.model_dump() for message in request.messages],
        [sampling.temperature, sampling.seed, sampling.max_tokens, list(sampling.stop)],
        dict(sampling.schema) if sampling.schema is not None else None,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
