"""`metier serve` on a cluster."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest
from clusters import MODEL, World
from fake_ollama import FakeOllama


def test_a_program_is_answered_by_the_cluster_that_serve_is_given(
    world: World, ollamas: list[FakeOllama], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.start("one", ollamas[0].host)
    monkeypatch.setenv("METIER_EMBED_MODEL", MODEL)
    options = ("--port", "0", "--cluster", world.address)
    command = [sys.executable, "-m", "metier", "serve", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = next(line.split()[-1] for line in process.stderr if line.startswith("serving at"))
        messages = [{"role": "user", "content": "What is 2 + 2?"}]
        body = json.dumps({"model": "general", "messages": messages}).encode()
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(f"{url}/v1/chat/completions", body, headers)
        with urllib.request.urlopen(asked, timeout=120) as reply:
            answer = json.load(reply)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(60) == 0
    assert answer["choices"][0]["message"]["content"] == "Four."
    assert len(ollamas[0].asked) == 1
