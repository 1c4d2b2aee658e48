"""Hosts of a pool whose models, memory and speed a test decides."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import anyio
import anyio.lowlevel

from metier import Message
from metier.answer import Usage
from metier.models.hosts import Host, HostPool
from metier.models.server import ChatRequest, Chunk, InstalledModel, LoadedModel
from metier.testing import ScriptedModels

WINDOW = 4096


@dataclass(frozen=True)
class Replies:
    """What a reply is said to have taken."""

    load_s: float = 1.0
    prompt_s: float = 0.0
    total_s: float = 70.0


class Node(ScriptedModels):
    """A scripted server with models in memory.

    Attributes:
        in_memory: the models in memory.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[str],
        *,
        loaded: Sequence[str] = (),
        size_bytes: int = 1_000_000,
        window: int = WINDOW,
        digest: str = "same",
        concurrency: int = 1,
        labels: Sequence[str] = (),
        memory_gb: float | None = None,
        reply: Replies = Replies(),
    ) -> None:
        super().__init__(dict.fromkeys(models, lambda _: "Yes."), concurrency=concurrency)
        self.name = name
        self.models = models
        self.in_memory = list(loaded)
        self.size_bytes = size_bytes
        self.window = window
        self.digest = digest
        self.reply = reply
        self.host = Host(
            server=self,
            name=name,
            labels=frozenset(labels),
            concurrency=concurrency,
            memory_bytes=None if memory_gb is None else int(memory_gb * 1e9),
            num_ctx=WINDOW,
        )

    async def list(self) -> Sequence[InstalledModel]:
        return [
            InstalledModel(name=f"{name}:latest", size_bytes=self.size_bytes, digest=self.digest)
            for name in self.models
        ]

    async def loaded(self) -> Sequence[LoadedModel]:
        return [
            LoadedModel(
                name=f"{name}:latest", size_bytes=self.size_bytes, context_length=self.window
            )
            for name in self.in_memory
        ]

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        for _ in range(10):  # so that calls of the same moment overlap
            await anyio.lowlevel.checkpoint()
        self.in_memory.append(request.model.removesuffix(":latest"))
        yield Chunk(text="Yes.")
        usage = Usage(
            calls=1,
            load_s=self.reply.load_s,
            prompt_s=self.reply.prompt_s,
            total_s=self.reply.total_s,
        )
        yield Chunk(done=True, done_reason="stop", usage=usage)


class Meeting(Node):
    """A host that answers only when a given number of requests are being answered at once."""

    answering = 0
    met: anyio.Event

    def __init__(
        self, name: str, models: Sequence[str], *, together: int, concurrency: int = 1
    ) -> None:
        super().__init__(name, models, loaded=models, concurrency=concurrency)
        self.together = together

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        Meeting.answering += 1
        if Meeting.answering == self.together:
            Meeting.met.set()
        await Meeting.met.wait()
        async for chunk in super().chat(request):
            yield chunk


def meeting(*hosts: Sequence[str], together: int, concurrency: int = 1) -> HostPool:
    Meeting.answering, Meeting.met = 0, anyio.Event()
    nodes = [
        Meeting(f"h{n}", models, together=together, concurrency=concurrency)
        for n, models in enumerate(hosts)
    ]
    return pool(*nodes)


def pool(*nodes: Node) -> HostPool:
    """The nodes as one server."""
    return HostPool([node.host for node in nodes])


async def ask(hosts: HostPool, model: str, *, prompt: str = "", label: str = "") -> str:
    """The host that answers a call."""
    system = (Message(role="system", content=prompt),) if prompt else ()
    messages = (*system, Message(role="user", content="Is it so?"))
    request = ChatRequest(model=model, messages=messages, label=label)
    return [chunk async for chunk in hosts.chat(request)][-1].host
