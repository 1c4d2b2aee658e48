"""A model server that many questions share: calls take turns, and its prompts are known."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

import anyio
import anyio.lowlevel

from metier.errors import MetierError
from metier.models.forwarding import ForwardingServer
from metier.models.resident import ResidentPrompt, ResidentPrompts
from metier.models.server import (
    ChatRequest,
    Chunk,
    ModelServer,
    RawRequest,
)
from metier.models.turns import Turns
from metier.settings import Settings

# After the last call, before prompts are read again.
_IDLE_S = 2.0
# Between two such readings, in case that other programs keep taking the slots.
_PAUSE_S = 60.0


class SharedServer(ForwardingServer):
    """Another model server, whose generating calls wait in one queue.

    Embedding, listing and loading do not wait.

    Args:
        keeps: how many prompts the server keeps: its slots.

    Attributes:
        turns: its queue.
        prompts: what is known of the prompts in its slots.
    """

    def __init__(
        self,
        inner: ModelServer,
        *,
        concurrency: int = 1,
        keeps: int = 1,
        max_waiting: int = 64,
        max_wait_s: float = 300.0,
    ) -> None:
        super().__init__(inner)
        self.keeps = max(concurrency, keeps)
        self.prompts = ResidentPrompts(inner.chat)
        self.turns = Turns(
            inner.address, concurrency=concurrency, max_waiting=max_waiting, max_wait_s=max_wait_s
        )

    @classmethod
    def of(cls, inner: ModelServer, settings: Settings, *, keeps: int = 1) -> SharedServer:
        """A server with the limits of the settings."""
        return cls(
            inner,
            concurrency=settings.concurrency,
            keeps=keeps,
            max_waiting=settings.max_waiting,
            max_wait_s=settings.max_wait_s,
        )

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        """The server's reply, once it is this call's turn."""
        async with (
            self.turns.turn(request.model),
            aclosing(self._inner.chat(request)) as chunks,
        ):
            alone = self.turns.running == 1
            async for chunk in chunks:
                if chunk.done and alone and self.turns.running == 1:
                    self.prompts.note(request, chunk.usage)
                yield chunk

    async def generate(self, request: RawRequest) -> AsyncGenerator[Chunk, None]:
        """As `chat`."""
        async with (
            self.turns.turn(request.model),
            aclosing(self._inner.generate(request)) as chunks,
        ):
            async for chunk in chunks:
                yield chunk

    async def keep(self, model: str, prompts: Sequence[ResidentPrompt]) -> bool:
        """Load a model and have its prompts read together, in one turn.

        The reading makes way for a call that comes meanwhile.

        Returns:
            Whether all of them were read.

        Raises:
            ModelServerBusy, ModelServerError, ModelMissing: the server cannot be asked.
        """
        async with self.turns.turn(model, is_typical=False):
            await self._inner.load(model)
            with anyio.CancelScope() as scope, self.turns.making_way(scope.cancel):
                await anyio.lowlevel.checkpoint()  # a call may wait already
                await self.prompts.fill(prompts)
        return not scope.cancelled_caught

    async def keep_when_idle(self, model: str, prompts: Sequence[ResidentPrompt]) -> None:
        """As `keep`, again and again until all of them were read.

        Raises:
            ModelServerBusy, ModelServerError, ModelMissing: the server cannot be asked.
        """
        while not await self.keep(model, prompts):
            await self._idle()

    async def keep_again(self) -> None:
        """Read prompts again that were lost, when the server is idle, until cancelled."""
        while True:
            lost = await self.prompts.lost()
            await self._idle()
            for model in dict.fromkeys(prompt.model for prompt in lost):
                mine = [prompt for prompt in lost if prompt.model == model]
                with suppress(MetierError):  # a server that is gone comes back
                    await self.keep_when_idle(model, mine)
            await anyio.sleep(_PAUSE_S)

    async def _idle(self) -> None:
        idle = False
        while not idle:
            idle = self.turns.is_idle
            await anyio.sleep(_IDLE_S)
            idle = idle and self.turns.is_idle
