"""Ollama's side of a merge, on a real socket: what a model is made of, and making one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest

from metier.errors import MergeRefused, ModelMissing, ModelServerFailed, WeightsUnavailable
from metier.merging.store import Installed, Packaging, Store
from metier.settings import Settings


@contextmanager
def answering(replies: Mapping[str, tuple[int, object]]) -> Iterator[tuple[Settings, list[Any]]]:
    """A server that gives fixed replies, and the requests that came."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, json.loads(body)))
            status, reply = replies[self.path]
            lines = reply if isinstance(reply, list) else [reply]
            self.send_response(status)
            self.end_headers()
            self.wfile.write("\n".join(json.dumps(line) for line in lines).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    try:
        yield Settings(host=f"http://127.0.0.1:{server.server_port}"), asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def described(shown: Mapping[str, Any], *, status: int = 200) -> Installed:
    async def run(settings: Settings) -> Installed:
        async with Store(settings) as store:
            return await store.describe("model")

    with answering({"/api/show": (status, shown)}) as (settings, _):
        return anyio.run(run, settings)


def test_all_that_belongs_to_a_model_is_carried_over(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.touch()
    installed = described(
        {
            "modelfile": f"# made\nFROM {weights}\nTEMPLATE x\nRENDERER qwen3-coder\nPARSER p\n",
            "template": "{{ .Prompt }}",
            "system": "Be brief.",
            "license": "Apache-2.0",
            "messages": [{"role": "user", "content": "hi"}],
            "parameters": 'temperature    0.7\nstop  "<|im_end|>"\nstop  "\\n\\n"\n'
            "num_ctx    4096\npenalize_newline    true\nodd  [",
        }
    )
    assert installed.weights == weights
    assert installed.packaging.licences == ("Apache-2.0",)
    assert installed.packaging.fields == {
        "template": "{{ .Prompt }}",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "hi"}],
        "renderer": "qwen3-coder",
        "parser": "p",
        "parameters": {
            "temperature": 0.7,
            "stop": ["<|im_end|>", "\n\n"],
            "num_ctx": 4096,
            "penalize_newline": True,
            "odd": "[",
        },
    }


@pytest.mark.parametrize(
    ("shown", "complaint"),
    [
        ({"modelfile": "FROM /a\nFROM /b"}, "has an adapter or a projector"),
        ({"modelfile": "FROM /a\nADAPTER /b"}, "has an adapter or a projector"),
        ({"modelfile": "FROM x", "remote_host": "https://ollama.com"}, "runs elsewhere"),
        ({}, "runs elsewhere"),
    ],
)
def test_a_model_that_is_more_than_its_weights_is_refused(
    shown: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(MergeRefused, match=complaint):
        described(shown)


def test_weights_of_another_machine_are_named() -> None:
    with pytest.raises(
        WeightsUnavailable, match=r"are not on this machine \(/far/away\)"
    ) as caught:
        described({"modelfile": "FROM /far/away"})
    assert "Run the merge on the machine of http://127.0.0.1" in caught.value.hint


def test_a_model_that_is_not_installed_is_named() -> None:
    with pytest.raises(ModelMissing, match="'model' is not installed"):
        described({"error": "model 'model' not found"}, status=404)


async def created(settings: Settings) -> None:
    packaging = Packaging(fields={"template": "t", "parser": "p"}, licences=("A", "B"))
    async with Store(settings) as store:
        await store.create("new", {}, packaging=packaging, quantize="Q4_K_M")


def test_a_new_model_gets_template_licences_and_type() -> None:
    with answering({"/api/create": (200, [{"status": "success"}])}) as (settings, asked):
        anyio.run(partial(created, settings))
    expected = {"template": "t", "parser": "p", "license": ["A", "B"], "quantize": "Q4_K_M"}
    assert asked == [("/api/create", {"model": "new", **expected})]


@pytest.mark.parametrize(
    "steps",
    [
        [{"status": "parsing GGUF"}, {"error": "no space left on device"}],
        [{"status": "parsing GGUF"}],
    ],
)
def test_a_server_that_does_not_finish_is_an_error(steps: list[dict[str, str]]) -> None:
    with (
        answering({"/api/create": (200, steps)}) as (settings, _),
        pytest.raises(ModelServerFailed, match="Ollama could not make 'new'"),
    ):
        anyio.run(partial(created, settings))


async def converted(settings: Settings, folder: Path) -> None:
    async with Store(settings) as store, store.converted(str(folder), report=lambda _: None):
        pass


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MergeRefused, match="contains no safetensors"):
        anyio.run(partial(converted, Settings(), tmp_path))
