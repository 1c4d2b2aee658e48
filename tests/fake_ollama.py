"""An Ollama on a loopback port: real HTTP, vectors of an embedder, replies from a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio

from metier.models.embedder import Embedder


class FakeOllama(ThreadingHTTPServer):
    """What the handler needs to know.

    Attributes:
        asked: the last message of every chat.
        again: the reply to a request with a grammar.
        chats: the body of every chat.
        after_chat: called when a chat was answered, to change what comes next.
    """

    daemon_threads = True

    def __init__(
        self,
        embedder: Embedder,
        models: Sequence[str],
        reply: str,
        *,
        capabilities: Sequence[str] = ("completion",),
        calls: Sequence[Mapping[str, Any]] = (),
        info: Mapping[str, Any] | None = None,
        again: str = '{"skill": "none"}',
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.embedder = embedder
        self.models = models
        self.reply = reply
        self.capabilities = capabilities
        self.calls = calls
        self.info = info or {}
        self.again = again
        self.asked: list[str] = []
        self.chats: list[dict[str, Any]] = []
        self.after_chat: Callable[[], None] = lambda: None

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    # The base class says what any server is.
    server: FakeOllama  # pyrefly: ignore[bad-override-mutable-attribute]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        models = [
            {"name": name, "model": name, "size": 1, "digest": "0" * 64}
            for name in self.server.models
        ]
        bodies = {
            "/api/version": {"version": "0.24.0"},
            "/api/tags": {"models": models},
            "/api/ps": {"models": models},
        }
        self._send([bodies[self.path]])

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        match self.path:
            case "/api/embed":
                vectors = anyio.run(self.server.embedder.embed, body["input"])
                self._send([{"model": body["model"], "embeddings": vectors.tolist()}])
            case "/api/chat":
                self.server.asked.append(body["messages"][-1]["content"])
                self.server.chats.append(body)
                spoken = self._spoken(body)
                self.server.after_chat()
                self._send(spoken)
            case _:
                found = self._capabilities(body["model"])
                self._send([{"capabilities": found, "details": {}, "model_info": self.server.info}])

    def _capabilities(self, model: str) -> Sequence[str]:
        return ["embedding"] if "minilm" in model else self.server.capabilities

    def _spoken(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        text = self.server.reply if "format" not in body else self.server.again
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.server.calls:
            message["tool_calls"] = [{"function": call} for call in self.server.calls]
        begun = {"model": body["model"], "message": message, "done": False}
        counts = {"prompt_eval_count": 1, "eval_count": 1, "total_duration": 1}
        silent = {"role": "assistant", "content": ""}
        done = {"model": body["model"], "message": silent, "done": True, "done_reason": "stop"}
        return [begun, done | counts]

    def _send(self, lines: Sequence[object]) -> None:
        data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing."""


@contextmanager
def fake_ollama(
    embedder: Embedder, *, models: Sequence[str], reply: str, **more: Any
) -> Iterator[FakeOllama]:
    """Serve until the end of the block."""
    server = FakeOllama(embedder, models, reply, **more)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
