"""What `metier serve` adds to the council behind it. Models reply at once, from a script.

Keys: `first_token.http_ms` and `first_token.stream_ms`, until the first word of an answer comes by
HTTP and from `Council.stream`, and `first_token.later_ms`, the difference pair by pair; `idle.mb`,
what 200 idle connections add to the memory of the server; `tags_ms` and `models_ms`, the lists of
models; `leaving.free_ms`, from closing the connection in a silent step until the model is free.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import httpx
import uvicorn

from benchmarks.contract import Metric, exactly, median_of, report, say
from metier import Card, Council, Expert, Settings
from metier.events import Token
from metier.experts.card import Capability
from metier.serving import http_app
from metier.serving.running import listening
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Stall

CONNECTIONS = 200
QUESTION = "How long does bread bake?"
ASK = {
    "model": "metier",
    "messages": [{"role": "user", "content": QUESTION}],
    "stream": True,
}


def council(server: ScriptedModels) -> Council:
    cards = [
        Card(
            id=name,
            description=f"All about {name}",
            models=("small",),
            capabilities=(Capability(name="main", description=name, examples=(example,)),),
        )
        for name, example in {"cooking": QUESTION, "wine": "Which wine goes with fish?"}.items()
    ]
    return Council.of(
        [Expert(card) for card in cards],
        settings=Settings(),
        server=server,
        embedder=FixedEmbedder(),
    )


def talking() -> ScriptedModels:
    return ScriptedModels({"small": lambda _: "Forty minutes at most."})


def config(server: ScriptedModels) -> uvicorn.Config:
    app = http_app(council(server))
    return uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error")


def serve() -> None:
    """The server in a process of its own; its port is the first line."""
    made = config(talking())
    with listening(made) as bound:
        print(bound.getsockname()[1], flush=True)
        uvicorn.Server(made).run(sockets=[bound])


@contextmanager
def server_process() -> Iterator[tuple[str, int]]:
    """Its address and its process."""
    command = [sys.executable, "-m", "benchmarks.serving", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid
        finally:
            process.terminate()


async def first_by_http(client: httpx.AsyncClient) -> float:
    started = time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=ASK) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("data: {"):
                choices = json.loads(line[6:])["choices"]
                if choices and choices[0]["delta"].get("content"):
                    return (time.perf_counter() - started) * 1000
    raise AssertionError("no words came")


async def first_by_stream(asked: Council) -> float:
    started = time.perf_counter()
    async with aclosing(asked.stream(QUESTION)) as events:
        async for event in events:
            if isinstance(event, Token) and event.answer:
                return (time.perf_counter() - started) * 1000
    raise AssertionError("no words came")


async def first_tokens(url: str, runs: int) -> dict[str, Metric]:
    asked = council(talking())
    async with httpx.AsyncClient(base_url=url, timeout=60) as client, asked:
        found = [
            (await first_by_http(client), await first_by_stream(asked)) for _ in range(runs + 5)
        ]
    warm = found[5:]
    return {
        "first_token.http_ms": median_of([http for http, _ in warm]),
        "first_token.stream_ms": median_of([stream for _, stream in warm]),
        "first_token.later_ms": median_of([http - stream for http, stream in warm]),
    }


async def listed(url: str, runs: int) -> dict[str, Metric]:
    found: dict[str, list[float]] = {"tags_ms": [], "models_ms": []}
    async with httpx.AsyncClient(base_url=url) as client:
        for _ in range(runs + 5):
            for key, path in (("tags_ms", "/api/tags"), ("models_ms", "/v1/models")):
                started = time.perf_counter()
                (await client.get(path)).raise_for_status()
                found[key].append((time.perf_counter() - started) * 1000)
    return {key: median_of(values[5:]) for key, values in found.items()}


def memory_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def idle_mb(url: str, process: int) -> float:
    """Each connection has had one reply, so that nothing of it is yet to be made."""
    port = int(url.rpartition(":")[2])
    before = memory_mb(process)
    opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    request = b"GET /api/version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for connection in opened:
        connection.sendall(request)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
    after = memory_mb(process)
    for connection in opened:
        connection.close()
    return after - before


@asynccontextmanager
async def served_here(server: ScriptedModels) -> AsyncIterator[str]:
    made = config(server)
    running = uvicorn.Server(made)
    with listening(made) as bound:
        async with anyio.create_task_group() as group:
            group.start_soon(running.serve, [bound])
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
            running.should_exit = True


async def leaving(runs: int) -> dict[str, Metric]:
    server = ScriptedModels({"small": lambda _: Stall()})
    found: list[float] = []
    async with served_here(server) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        for run in range(1, runs + 1):
            server.requested = anyio.Event()
            async with anyio.create_task_group() as group:
                group.start_soon(first_by_http, client)
                await server.requested.wait()
                started = time.perf_counter()
                group.cancel_scope.cancel()
            with anyio.fail_after(10):
                while len(server.closed_early) < run:
                    await anyio.lowlevel.checkpoint()
            found.append((time.perf_counter() - started) * 1000)
    return {
        "leaving.free_ms": median_of(found),
        "leaving.within_a_second": exactly(sum(ms <= 1000 for ms in found), n=runs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=50, help="runs of each")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    started = time.perf_counter()
    with server_process() as (url, process):
        metrics = anyio.run(first_tokens, url, arguments.limit)
        say("first tokens")
        metrics |= anyio.run(listed, url, arguments.limit)
        say("lists")
        metrics["idle.mb"] = exactly(round(idle_mb(url, process), 2), n=CONNECTIONS)
    metrics |= anyio.run(leaving, 20)
    report("serving", metrics, baselines={}, embedder="none", started=started)


if __name__ == "__main__":
    main()
