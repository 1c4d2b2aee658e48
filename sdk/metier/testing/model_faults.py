"""A model server that fails as real ones do, in the calls that a test chooses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from enum import StrEnum
from random import Random

import anyio

from metier.errors import (
    ContextOverflow,
    DeadlineExceeded,
    MetierError,
    ModelMissing,
    ModelRefused,
    ModelServerBusy,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
)
from metier.models.forwarding import ForwardingServer
from metier.models.server import (
    ChatRequest,
    Chunk,
    InstalledModel,
    LoadedModel,
    ModelDetails,
    ModelServer,
    Progress,
    RawRequest,
)


class Fault(StrEnum):
    """What goes wrong in a call of a `ModelServer`.

    Those that need a stream (`CUT`, `GARBAGE`, `EMPTY`) are a `ModelServerFailed` in other calls.
    """

    REFUSED = "refused"  # nothing listens at the address
    BUSY = "busy"  # the queue is full
    FAILED = "failed"  # an error of the server's own
    REJECTED = "rejected"  # a status of 4xx
    MISSING = "missing"  # the model is not installed
    OVERFLOW = "overflow"  # the prompt is longer than the window
    LATE = "late"  # a deadline of the call passes
    SILENT = "silent"  # no reply, and no end
    CUT = "cut"  # the reply breaks off after its first piece
    GARBAGE = "garbage"  # control characters and broken JSON instead of an answer
    EMPTY = "empty"  # an end without any text
    FOREIGN = "foreign"  # an exception that is not metier's, which no server may raise


GARBAGE = "\x00\x1b[2J}{\ufffd<|im_end|>\n```"
# For each method, such as "chat", what goes wrong in its first call, its second, and so on; later
# calls go well. A function is given the method's name at every call.
Faults = Mapping[str, Sequence[Fault | None]] | Callable[[str], Fault | None]


def sprinkled(share: float, *, seed: int, among: Sequence[Fault]) -> Callable[[str], Fault | None]:
    """Faults in a share of all calls of `chat`, the same ones for the same seed."""
    random = Random(seed)  # noqa: S311  # not for secrets

    def choose(method: str) -> Fault | None:
        hit = method == "chat" and random.random() < share
        return random.choice(among) if hit else None

    return choose


class FaultyModels(ForwardingServer):
    """A `ModelServer` in front of another, which lets faults into its calls.

    Args:
        inner: who answers the calls that go well, such as `ScriptedModels`.
        faults: for each method the faults of its calls in order, None for a call that goes well;
            or a function of the method's name, such as `sprinkled`.

    Attributes:
        injected: the method and the fault of each call that failed.

    >>> models = FaultyModels(ScriptedModels({"small": ["4"]}), {"chat": [Fault.CUT, None]})
    """

    def __init__(self, inner: ModelServer, faults: Faults) -> None:
        super().__init__(inner)
        self._choose = faults if callable(faults) else _in_order(faults)
        self.injected: list[tuple[str, Fault]] = []

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The inner server's reply, unless a fault comes between."""
        fault = self._fault("chat")
        async with aclosing(self._spoiled(fault, request.model, self._inner.chat(request))) as made:
            async for chunk in made:
                yield chunk

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """The inner server's continuation, unless a fault comes between."""
        fault, inner = self._fault("generate"), self._inner.generate(request)
        async with aclosing(self._spoiled(fault, request.model, inner)) as made:
            async for chunk in made:
                yield chunk

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """The inner server's vectors, or an error."""
        await self._fail("embed", model)
        return await self._inner.embed(model, texts)

    async def list(self) -> Sequence[InstalledModel]:
        """The inner server's models, or an error."""
        await self._fail("list")
        return await self._inner.list()

    async def show(self, model: str) -> ModelDetails:
        """What the inner server knows, or an error."""
        await self._fail("show", model)
        return await self._inner.show(model)

    async def loaded(self) -> Sequence[LoadedModel]:
        """The inner server's models in memory, or an error."""
        await self._fail("loaded")
        return await self._inner.loaded()

    async def pull(self, model: str) -> AsyncGenerator[Progress, None]:
        """The inner server's download, or an error before it."""
        await self._fail("pull", model)
        async with aclosing(self._inner.pull(model)) as steps:
            async for step in steps:
                yield step

    async def load(self, model: str) -> None:
        """Load a model, or fail."""
        await self._fail("load", model)
        await self._inner.load(model)

    async def version(self) -> str:
        """The inner server's version, or an error."""
        await self._fail("version")
        return await self._inner.version()

    def _fault(self, method: str) -> Fault | None:
        if (fault := self._choose(method)) is not None:
            self.injected.append((method, fault))
        return fault

    async def _fail(self, method: str, model: str = "m") -> None:
        if (fault := self._fault(method)) is not None:
            await _raise(fault, model)

    async def _spoiled(
        self, fault: Fault | None, model: str, inner: AsyncGenerator[Chunk, None]
    ) -> AsyncGenerator[Chunk, None]:
        async with aclosing(inner):
            match fault:
                case None:
                    async for chunk in inner:
                        yield chunk
                case Fault.CUT:
                    yield await anext(inner)
                    await _raise(fault, model)
                case Fault.GARBAGE | Fault.EMPTY:
                    yield Chunk(text=GARBAGE if fault is Fault.GARBAGE else "")
                    yield Chunk(done=True, done_reason="stop")
                case _:
                    await _raise(fault, model)


def _in_order(faults: Mapping[str, Sequence[Fault | None]]) -> Callable[[str], Fault | None]:
    left = {method: list(each) for method, each in faults.items()}

    def choose(method: str) -> Fault | None:
        return left[method].pop(0) if left.get(method) else None

    return choose


async def _raise(fault: Fault, model: str) -> None:
    if fault is Fault.SILENT:
        await anyio.sleep_forever()
    if fault is Fault.FOREIGN:
        raise ZeroDivisionError("a model server that raises what it may not")
    raise _error(fault, model)


def _error(fault: Fault, model: str) -> MetierError:
    errors: dict[Fault, MetierError] = {
        Fault.REFUSED: ModelServerUnreachable("http://127.0.0.1:11434", reason="refused"),
        Fault.BUSY: ModelServerBusy("the server's queue is full"),
        Fault.REJECTED: ModelRefused("the server refused the request"),
        Fault.MISSING: ModelMissing(model),
        Fault.OVERFLOW: ContextOverflow(model, num_ctx=4096),
        Fault.LATE: DeadlineExceeded(f"{model!r} did not give its next token in time"),
        Fault.CUT: StreamInterrupted("the connection broke off"),
    }
    return errors.get(fault, ModelServerFailed(f"the server failed: {fault}"))
