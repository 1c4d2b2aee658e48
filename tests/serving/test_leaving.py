"""Under load: clients that go away, silence, too many questions, and a server that stops."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from bridges.kitchen import COOKING, WINE, Cooking, council
from sse_starlette.sse import AppStatus

from metier.council import Council
from metier.experts.expert import Expert
from metier.models.embedder import Role, Vectors
from metier.models.server import ChatRequest
from metier.serving import ServingLimits, http_app, serve
from metier.serving.running import Server, listening
from metier.serving.runs import Runs
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Stall

pytestmark = pytest.mark.anyio

BREAD = {"role": "user", "content": "How long does bread bake?"}
OPENAI = ("/v1/chat/completions", {"model": "cooking", "messages": [BREAD], "stream": True})
OLLAMA = ("/api/chat", {"model": "cooking", "messages": [BREAD]})
WHOLE = ("/v1/chat/completions", {"model": "cooking", "messages": [BREAD]})


EMBEDDING = [
    ("/v1/embeddings", {"model": "metier", "input": "bread"}),
    ("/api/embed", {"model": "metier", "input": "bread"}),
    ("/api/embeddings", {"model": "metier", "prompt": "bread"}),
]


class StalledEmbedder(FixedEmbedder):
    """An embedder that never answers.

    Attributes:
        asked: set when a call has begun.
        cancelled: set when a call was cancelled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.cancelled = anyio.Event(), anyio.Event()

    async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
        self.asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.cancelled.set()
        raise AssertionError("the sleep ends by an error")


@asynccontextmanager
async def served(
    made: Council, *, limits: ServingLimits | None = None, runs: Runs | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server in the same event loop, whose models the test can watch."""
    limits = limits or ServingLimits()
    runs = runs or Runs(limits.requests)
    app = http_app(made, limits=limits, runs=runs)
    running = Server(app, host="127.0.0.1", port=0, runs=runs, limits=limits)
    with listening(running.config) as socket:
        url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        async with anyio.create_task_group() as group, httpx.AsyncClient(base_url=url) as client:
            group.start_soon(running.serve, [socket])
            yield client
            running.should_exit = True


@pytest.mark.parametrize(
    ("path", "body"), [OPENAI, OLLAMA, WHOLE], ids=["openai", "ollama", "json"]
)
async def test_a_client_that_goes_away_in_a_silent_step_frees_the_model_within_a_second(
    path: str, body: dict[str, object]
) -> None:
    server = ScriptedModels({"cooking": lambda _: Stall()})
    async with served(council(server)) as client:
        for round_ in range(1, 21):
            server.requested = anyio.Event()
            async with anyio.create_task_group() as leaving:
                leaving.start_soon(_posting, client, path, body)
                await server.requested.wait()
                leaving.cancel_scope.cancel()
            with anyio.fail_after(1):
                while len(server.closed_early) < round_:
                    await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize(("path", "body"), EMBEDDING)
async def test_a_client_that_does_not_wait_for_its_vectors_frees_its_place(
    path: str, body: dict[str, object]
) -> None:
    embedder, runs = StalledEmbedder(), Runs(1)
    made = Council.of([Cooking(COOKING)], server=ScriptedModels(), embedder=embedder)
    async with served(made, runs=runs) as client:
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(_posting, client, path, body)
            await embedder.asked.wait()
            leaving.cancel_scope.cancel()
        with anyio.fail_after(10):
            await embedder.cancelled.wait()
            while runs.count:
                await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize(("path", "body"), EMBEDDING)
async def test_vectors_that_are_not_there_when_the_server_stops_are_an_error_that_may_be_retried(
    path: str, body: dict[str, object]
) -> None:
    embedder, runs = StalledEmbedder(), Runs(1)
    made = Council.of([Cooking(COOKING)], server=ScriptedModels(), embedder=embedder)
    replies: list[httpx.Response] = []

    async def ask(client: httpx.AsyncClient) -> None:
        replies.append(await client.post(path, json=body, timeout=60))

    async with served(made, runs=runs) as client, anyio.create_task_group() as group:
        group.start_soon(ask, client)
        await embedder.asked.wait()
        runs.cancel()
    (reply,) = replies
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
    assert "stopping" in reply.text


async def test_what_is_sent_does_not_wait_for_the_acknowledgement_of_what_was_sent_before() -> None:
    config = uvicorn.Config(http_app(council(ScriptedModels())), host="127.0.0.1", port=0)
    with listening(config) as bound, create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        with accepted:
            assert accepted.getsockopt(IPPROTO_TCP, TCP_NODELAY)


async def test_a_silent_stream_gets_comments() -> None:
    server = ScriptedModels({"cooking": lambda _: Stall()})
    path, body = OPENAI
    async with (
        served(council(server), limits=ServingLimits(ping_s=0.02)) as client,
        client.stream("POST", path, json=body) as reply,
    ):
        comments = 0
        async for line in reply.aiter_lines():
            comments += line == ": waiting"
            if comments == 3:
                break
    assert comments == 3


@pytest.mark.parametrize(
    ("path", "asked", "events"),
    [
        ("/v1/chat/completions", {"messages": [BREAD]}, ["", "error"]),
        (
            "/v1/responses",
            {"input": "Bread?"},
            ["response.created", "response.in_progress", "response.failed"],
        ),
    ],
    ids=["chat", "responses"],
)
async def test_a_stream_gets_comments_while_it_is_planned_and_then_the_error(
    path: str, asked: dict[str, object], events: list[str]
) -> None:
    embedder, runs = StalledEmbedder(), Runs(1)
    made = Council.of([Cooking(COOKING), Expert(WINE)], server=ScriptedModels(), embedder=embedder)
    comments, found = 0, list[str]()
    body = {"model": "metier", "stream": True} | asked
    limits = ServingLimits(ping_s=0.02)
    async with (
        served(made, limits=limits, runs=runs) as client,
        client.stream("POST", path, json=body, timeout=60) as reply,
    ):
        async for line in reply.aiter_lines():
            comments += line == ": waiting"
            if comments == 3:
                runs.cancel()
            if line.startswith("data: "):
                wire = json.loads(line.removeprefix("data: "))
                found.append("error" if "error" in wire else wire.get("type", ""))
    assert (reply.status_code, comments >= 3, found) == (200, True, events)


@pytest.mark.parametrize(("path", "body"), [OPENAI, OLLAMA], ids=["openai", "ollama"])
async def test_one_question_too_many_is_refused_as_busy(path: str, body: dict[str, object]) -> None:
    server = ScriptedModels({"cooking": lambda _: Stall()})
    async with served(council(server), limits=ServingLimits(requests=1)) as client:
        server.requested = anyio.Event()
        async with anyio.create_task_group() as first:
            first.start_soon(_posting, client, path, body)
            await server.requested.wait()
            reply = await client.post(path, json=body)
            first.cancel_scope.cancel()
    error = reply.json()["error"]
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "2"
    assert "busy" in (error if isinstance(error, str) else error["message"])


def _of_ollama(reply: httpx.Response) -> str:
    return "".join(json.loads(line)["message"]["content"] for line in reply.text.splitlines())


def _of_chat(reply: httpx.Response) -> str:
    return reply.json()["choices"][0]["message"]["content"]


def _of_chunks(reply: httpx.Response) -> str:
    deltas = [each["choices"][0]["delta"] for each in _data(reply)]
    return "".join(delta.get("content", "") for delta in deltas)


def _of_response(reply: httpx.Response) -> str:
    (message,) = [each for each in reply.json()["output"] if each["type"] == "message"]
    return message["content"][0]["text"]


def _of_typed_events(reply: httpx.Response) -> str:
    events = [each for each in _data(reply) if each["type"] == "response.output_text.delta"]
    return "".join(event["delta"] for event in events)


def _data(reply: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in reply.text.splitlines() if "data: " in line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


# How each face is asked, with `input` or `messages`, and how its words are read.
FACES: list[tuple[str, dict[str, object], Callable[[httpx.Response], str]]] = [
    ("/api/chat", {"model": "cooking"}, _of_ollama),
    ("/api/chat", {"model": "metier"}, _of_ollama),
    ("/v1/chat/completions", {"model": "metier"}, _of_chat),
    ("/v1/chat/completions", {"model": "metier", "stream": True}, _of_chunks),
    ("/v1/responses", {"model": "metier"}, _of_response),
    ("/v1/responses", {"model": "metier", "stream": True}, _of_typed_events),
]


async def test_many_clients_at_once_over_every_protocol_each_get_their_own_answer() -> None:
    def echo(request: ChatRequest) -> str:
        return f"It is {request.messages[-1].content} indeed."

    scripted = ScriptedModels({"cooking": echo, "wine": echo, "general": echo}, concurrency=64)
    async with served(council(scripted)) as client:
        said: dict[int, str] = {}

        async def ask(number: int) -> None:
            path, body, text_of = FACES[number % len(FACES)]
            asked = [{"role": "user", "content": f"bread number {number}"}]
            key = "input" if path == "/v1/responses" else "messages"
            reply = await client.post(path, json=body | {key: asked}, timeout=120)
            said[number] = text_of(reply)

        async with anyio.create_task_group() as group:
            for number in range(64):
                group.start_soon(ask, number)
    assert said == {n: f"It is bread number {n} indeed." for n in range(64)}
    assert len(scripted.requests) == 64


async def test_a_server_that_stops_ends_what_is_not_finished_in_time_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The signal sets it for the whole process, and ends the streams of MCP.
    monkeypatch.setattr(AppStatus, "should_exit", False)
    server = ScriptedModels({"cooking": lambda _: Stall("Forty")})
    server.requested = anyio.Event()
    said: list[str] = []
    lines: list[str] = []
    path, body = OPENAI

    async def watch(url: str) -> None:
        async with (
            httpx.AsyncClient(base_url=url) as client,
            client.stream("POST", path, json=body, timeout=60) as reply,
        ):
            lines.extend([line async for line in reply.aiter_lines()])

    limits = ServingLimits(stop_s=0.05)
    async with anyio.create_task_group() as group:
        started = anyio.Event()

        def say(line: str) -> None:
            said.append(line)
            started.set()

        async def run() -> None:
            await serve(council(server), port=0, limits=limits, say=say)

        group.start_soon(run)
        await started.wait()
        group.start_soon(watch, said[0].removeprefix("serving at "))
        await server.requested.wait()
        signal.raise_signal(signal.SIGTERM)
    assert said[1:] == [
        "stopping: waiting up to 0.05 s for 1 answer",
        "stopped before the end of 1 answer",
    ]
    error = next(line for line in reversed(lines) if line)
    assert json.loads(error.removeprefix("data: "))["error"]["code"] == "server_stopping"
    assert server.closed_early == ["cooking"]


async def _posting(client: httpx.AsyncClient, path: str, body: dict[str, object]) -> None:
    """Ask, and read until the test goes away."""
    await client.post(path, json=body, timeout=60)
