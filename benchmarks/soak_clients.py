"""The clients of the soak: each asks again and again, and looks at what becomes of it."""

from __future__ import annotations

import base64
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar

import anyio
import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

CLIENTS = 16
HUNG_S = 60.0
_NUMBER = count(1)
# Its bytes are no text, which is all that is looked at.
_PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(256)) * 99
_SUBJECTS = (
    "How much is 15% of 80, and what is",
    "Write a Python function that returns",
    "Which dose is usual for",
    "What do you know of",
)


@dataclass(slots=True)
class Tally:
    """What became of all requests.

    Attributes:
        kept: the words of the answers that the server keeps, in order.
        deleted: those of runs that a client deleted.
        complaints: what should not have happened.
    """

    ENDS: ClassVar = ("answered", "refused", "left", "lost", "mixed", "hung")

    ends: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def end(self, how: str, what: str = "") -> None:
        self.ends[how] += 1
        if how in ("lost", "mixed", "hung"):
            self.complaints.append(f"{how}: {what[:400]}")


@dataclass(slots=True)
class Client:
    """One client with its connections."""

    http: httpx.AsyncClient
    tally: Tally
    draw: random.Random

    def question(self) -> tuple[str, str]:
        """A question, and the word that only its answer has."""
        word = f"word{next(_NUMBER)}"
        return f"{self.draw.choice(_SUBJECTS)} {word}?", word

    async def ask(self, path: str, body: dict[str, Any], word: str, *, keeps: bool = True) -> None:
        """Send a question; its answer has the word, and no other question's."""
        reply = await self.http.post(path, json=body)
        self.judge(reply.status_code, reply.text, word, keeps=keeps)

    def judge(self, status: int, text: str, word: str, *, keeps: bool = True) -> None:
        others = {each.strip('?.,"\\') for each in _words(text)} - {word}
        if others:
            self.tally.end("mixed", f"{word}: {others}")
        elif status >= 400 or '"error"' in text:
            self.tally.end("refused" if '"error"' in text else "lost", f"{status} {text}")
        elif word in text:
            self.tally.end("answered")
            if keeps:
                self.tally.kept.append(word)
        else:
            self.tally.end("lost", f"{word}: {text}")


def _words(text: str) -> list[str]:
    letters = "".join(each if each.isalnum() else " " for each in text)
    return [each for each in letters.split() if each.startswith("word") and each[4:].isdigit()]


def chat(question: str, **more: bool) -> dict[str, Any]:
    return {"model": "metier", "messages": [{"role": "user", "content": question}], **more}


async def openai(client: Client) -> None:
    question, word = client.question()
    await client.ask("/v1/chat/completions", chat(question), word)


async def openai_streaming(client: Client) -> None:
    question, word = client.question()
    text = ""
    body = chat(question, stream=True)
    async with client.http.stream("POST", "/v1/chat/completions", json=body) as reply:
        async for line in reply.aiter_lines():
            text += _spoken(line)
    client.judge(reply.status_code, text, word)


def _spoken(line: str) -> str:
    """The words of an event, which may be cut anywhere; an error as it is."""
    data = line.removeprefix("data: ")
    if not data.startswith("{") or '"error"' in data:
        return data if '"error"' in data else ""
    choices = json.loads(data).get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or ""


async def ollama(client: Client) -> None:
    question, word = client.question()
    await client.ask("/api/chat", chat(question, stream=False), word)


async def responses(client: Client) -> None:
    question, word = client.question()
    body = {"model": "metier", "input": question, "store": False}
    await client.ask("/v1/responses", body, word, keeps=False)


async def conversing(client: Client) -> None:
    """A conversation of several turns."""
    question, word = client.question()
    turns = [
        {"role": "user", "content": "Here is a text: the owl sleeps by day."},
        {"role": "assistant", "content": "So it does."},
        {"role": "user", "content": question},
    ]
    await client.ask("/v1/chat/completions", chat(question) | {"messages": turns}, word)


async def with_file(client: Client) -> None:
    """A question with a text as a file, or with a PDF, which the API refuses."""
    question, word = client.question()
    name, data = client.draw.choice([("owls.md", b"# Owls\n\nOwls sleep.\n" * 99), ("a.pdf", _PDF)])
    url = f"data:application/octet-stream;base64,{base64.b64encode(data).decode()}"
    file = {"type": "file", "file": {"filename": name, "file_data": url}}
    turns = [{"role": "user", "content": [file, {"type": "text", "text": question}]}]
    await client.ask("/v1/chat/completions", chat(question) | {"messages": turns}, word)


async def calling_a_tool(client: Client) -> None:
    """A session of MCP, in which the council is a tool."""
    question, word = client.question()
    async with (
        streamable_http_client(str(client.http.base_url.join("/mcp"))) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        result = await session.call_tool("ask", {"question": question})
    text = "".join(getattr(part, "text", "") for part in result.content)
    client.judge(200, f'"error": {text}' if result.isError else text, word)


async def leaving(client: Client) -> None:
    question, _ = client.question()
    body = chat(question, stream=True)
    async with client.http.stream("POST", "/v1/chat/completions", json=body) as reply:
        async for _line in reply.aiter_lines():
            break
    client.tally.end("left")


async def talking_nonsense(client: Client) -> None:
    body = client.draw.choice([b"", b"{", b'{"model": 1}', b"[" * 5000, b"\xff" * 100])
    path = client.draw.choice(["/v1/chat/completions", "/api/chat", "/v1/responses", "/nowhere"])
    reply = await client.http.post(path, content=body)
    refused = 400 <= reply.status_code < 500
    client.tally.end("refused" if refused else "lost", f"{reply.status_code} {body[:20]!r}")


async def looking_around(client: Client) -> None:
    """Lists, and runs that are read and deleted."""
    for path in ("/api/tags", "/v1/models", "/metier/health", "/metier/experts"):
        reply = await client.http.get(path)
        client.tally.end("answered" if reply.status_code == 200 else "lost", reply.text)
    runs = (await client.http.get("/metier/runs", params={"limit": 100})).json()["runs"]
    if len(runs) == 100:
        client.tally.deleted.update(_words(runs[-1]["question"]))
        reply = await client.http.delete(f"/metier/runs/{runs[-1]['id']}")
        gone = reply.status_code in (200, 204, 404)
        client.tally.end("answered" if gone else "lost", reply.text)


KINDS: tuple[Callable[[Client], Awaitable[None]], ...] = (
    *(openai, openai_streaming, ollama, responses, conversing),
    *(with_file, calling_a_tool, leaving, talking_nonsense, looking_around),
)


async def asking(address: str, tally: Tally, *, seconds: float, seed: int) -> None:
    """Let all clients ask for so long; each then ends what it has begun."""
    until = time.monotonic() + seconds

    async def one(number: int) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=None) as http:
            client = Client(http=http, tally=tally, draw=random.Random(f"{seed} {number}"))
            kind = KINDS[number % len(KINDS)]
            while time.monotonic() < until:
                with anyio.move_on_after(HUNG_S) as waited:
                    try:
                        await kind(client)
                    except httpx.HTTPError as exc:
                        tally.end("lost", repr(exc))
                if waited.cancelled_caught:
                    tally.end("hung", kind.__name__)
                await anyio.sleep(client.draw.uniform(0, 0.1))

    async with anyio.create_task_group() as group:
        for number in range(CLIENTS):
            group.start_soon(one, number)
