"""An Ollama on a loopback port: real HTTP, vectors of an embedder, replies from a script.

It keeps its books as the real one does: which models are loaded, how many it can hold, how many
requests it works on at once. And it can be broken in the ways that real ones are.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

import anyio

from metier.models.embedder import Embedder

# A server that never answers, that dies after its first words, that cannot hold the model.
Fault = Literal["", "silent", "silent to chats", "dies", "memory"]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a server runs on.

    Attributes:
        digests: of models whose weights are not those that other servers have.
        holds: models in memory at once.
        slots: requests that are worked on at once.
        load_s: seconds to load a model.
        reply_s: seconds to write a reply.
        word_s: seconds before each word of a reply, which are then sent one by one.
        char_s: seconds to read a character that its slot does not hold yet, which are reported and
            not waited for.
    """

    digests: tuple[tuple[str, str], ...] = ()
    holds: int = 1
    slots: int = 1
    load_s: float = 0.0
    reply_s: float = 0.0
    word_s: float = 0.0
    char_s: float = 0.0


class Slots:
    """Prompts that a server holds, chosen as Ollama does.

    The free one with the longest common prefix is taken, else the first.
    """

    def __init__(self, count: int) -> None:
        self._held = [""] * count
        self._free = set(range(count))
        self._lock = threading.Lock()

    @contextmanager
    def reading(self, prompt: str) -> Iterator[int]:
        """In a slot; how many characters are new in it."""
        with self._lock:
            common = {n: common_length(self._held[n], prompt) for n in sorted(self._free)}
            slot = max(common, key=common.__getitem__)
            self._free.discard(slot)
            self._held[slot] = prompt
        try:
            yield len(prompt) - common[slot]
        finally:
            self._free.add(slot)


def common_length(first: str, second: str) -> int:
    pairs = enumerate(zip(first, second, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(first), len(second)))


class FakeOllama(ThreadingHTTPServer):
    """What the handler needs to know.

    Attributes:
        asked: the last message of every chat.
        again: the reply to a request with a grammar.
        embedded: how many requests for vectors came.
        loaded: the models in memory, the one used last at the end.
        loads: every model that was loaded for a chat.
        warmed: every model that was to be loaded ahead of one.
        fault: what is wrong with it now.
        absent: embedders that it does not have; it embeds with whatever else is named.
        chats: the body of every chat.
        traces: the header `traceparent` of every chat.
        after_chat: called when a chat was answered, to change what comes next.
    """

    daemon_threads = True

    def __init__(
        self,
        embedder: Embedder,
        models: Sequence[str],
        reply: str,
        *,
        machine: Machine = Machine(),
        capabilities: Sequence[str] = ("completion",),
        calls: Sequence[Mapping[str, Any]] = (),
        info: Mapping[str, Any] | None = None,
        again: str = '{"tool": "none"}',
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.embedder = embedder
        self.models = models
        self.reply = reply
        self.capabilities = capabilities
        self.calls = calls
        self.info = info or {}
        self.again = again
        self.chats: list[dict[str, Any]] = []
        self.traces: list[str] = []
        self.after_chat: Callable[[], None] = lambda: None
        self.machine = machine
        self.asked: list[str] = []
        self.embedded = 0
        self.loaded: list[str] = []
        self.loads: list[str] = []
        self.warmed: list[str] = []
        self.fault: Fault = ""
        self.absent: tuple[str, ...] = ()
        self.over = threading.Event()
        self._room = threading.Semaphore(machine.slots)
        self._slots = Slots(machine.slots)
        self._loading = threading.Lock()

    def empty_slots(self) -> None:
        """Forget what was read, as after prompts of another program."""
        self._slots = Slots(self.machine.slots)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error."""

    @contextmanager
    def working_on(self, model: str, prompt: str) -> Iterator[tuple[float, int]]:
        """In a slot, with the model in memory; the seconds of loading, and the new characters."""
        with self._room, self._slots.reading(prompt) as new:
            with self._loading:
                load_s = self._load(model)
            yield load_s, new

    def _load(self, model: str) -> float:
        if model in self.loaded:
            self.loaded.remove(model)
            self.loaded.append(model)
            return 0.0
        time.sleep(self.machine.load_s)
        self.loads.append(model)
        self.loaded = [*self.loaded, model][-self.machine.holds :]
        return self.machine.load_s

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    # The base class says what any server is.
    server: FakeOllama  # pyrefly: ignore[bad-override-mutable-attribute]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.server.fault == "silent":
            self.server.over.wait()
        bodies = {
            "/api/version": {"version": "0.24.0"},
            "/api/tags": {"models": [self._told(name) for name in self.server.models]},
            "/api/ps": {"models": [self._told(name) for name in self.server.loaded]},
        }
        self._send([bodies[self.path]])

    def _told(self, name: str) -> dict[str, Any]:
        digest = dict(self.server.machine.digests).get(name, "0" * 64)
        return {"name": name, "model": name, "size": 1, "digest": digest}

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.server.fault.startswith("silent"):
            self.server.over.wait()
        match self.path:
            case "/api/embed" if body["model"] in self.server.absent:
                self._send([{"error": f'model "{body["model"]}" not found'}], status=404)
            case "/api/embed":
                self.server.embedded += 1
                vectors = anyio.run(self.server.embedder.embed, body["input"])
                self._send([{"model": body["model"], "embeddings": vectors.tolist()}])
            case "/api/chat":
                self.server.asked.append(body["messages"][-1]["content"])
                self.server.chats.append(body)
                self.server.traces.append(self.headers.get("traceparent", ""))
                self._chat(body)
            case "/api/generate":  # a model is loaded, or leaves memory
                if body.get("keep_alive") == 0:
                    kept = [name for name in self.server.loaded if name != body["model"]]
                    self.server.loaded = kept
                else:
                    self.server.warmed.append(body["model"])
                self._send([{"model": body["model"], "response": "", "done": True}])
            case _:
                found = self._capabilities(body["model"])
                self._send([{"capabilities": found, "details": {}, "model_info": self.server.info}])

    def _capabilities(self, model: str) -> Sequence[str]:
        return ["embedding"] if "minilm" in model else self.server.capabilities

    def _chat(self, body: dict[str, Any]) -> None:
        match self.server.fault:
            case "memory":
                text = "model requires more system memory (9.1 GiB) than is available (2.0 GiB)"
                self._send([{"error": text}], status=500)
            case "dies":
                first = self._spoken(body, load_s=0.0)[0]
                self._send([first], cut=True)
            case _:
                prompt = "".join(f"<{each['role']}>{each['content']}" for each in body["messages"])
                with self.server.working_on(body["model"], prompt) as (load_s, new):
                    time.sleep(self.server.machine.reply_s)
                    spoken = self._spoken(body, load_s=load_s)
                    if char_s := self.server.machine.char_s:
                        spoken[-1]["prompt_eval_count"] = len(prompt)
                        spoken[-1]["prompt_eval_duration"] = max(1, int(new * char_s * 1e9))
                    self.server.after_chat()
                    self._send(spoken, pause_s=self.server.machine.word_s)

    def _spoken(self, body: dict[str, Any], *, load_s: float) -> list[dict[str, Any]]:
        text = self.server.reply if "format" not in body else self.server.again
        words = re.findall(r"\s*\S+", text) if self.server.machine.word_s else [text]
        begun = [
            {"model": body["model"], "message": self._message(word), "done": False}
            for word in words
        ]
        nanos = {"load_duration": load_s, "total_duration": load_s + self.server.machine.reply_s}
        counts = {"prompt_eval_count": 1, "eval_count": 1}
        counts |= {name: max(1, int(seconds * 1e9)) for name, seconds in nanos.items()}
        silent = {"role": "assistant", "content": ""}
        done = {"model": body["model"], "message": silent, "done": True, "done_reason": "stop"}
        return [*begun, done | counts]

    def _message(self, text: str) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.server.calls:
            message["tool_calls"] = [{"function": call} for call in self.server.calls]
        return message

    def _send(
        self,
        lines: Sequence[object],
        *,
        status: int = 200,
        cut: bool = False,
        pause_s: float = 0.0,
    ) -> None:
        data = [f"{json.dumps(line)}\n".encode() for line in lines]
        self.send_response(status)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("content-length", str(sum(map(len, data)) + cut))
        self.end_headers()
        for line in data:
            time.sleep(pause_s)
            self.wfile.write(line)
        self.close_connection = self.close_connection or cut

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing."""


@contextmanager
def fake_ollama(
    embedder: Embedder, *, models: Sequence[str], reply: str, **more: Any
) -> Iterator[FakeOllama]:
    """Serve until the end of the block."""
    server = FakeOllama(embedder, models, reply, **more)
    serve = partial(server.serve_forever, poll_interval=0.01)  # how long its end takes
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
