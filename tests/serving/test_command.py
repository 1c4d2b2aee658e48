"""`metier serve` as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_ollama import fake_ollama

from metier.cli.main import cli
from metier.serving.access import hashed
from metier.settings import Settings
from metier.testing import FixedEmbedder


def test_it_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "metier", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        url = line.removeprefix("serving at ").strip()
        with urllib.request.urlopen(f"{url}/v1/models") as reply:
            names = [model["id"] for model in json.load(reply)["data"]]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert names[0] == "metier"
    assert {"general", "math", "code", "medical", "metier:vote"} <= set(names)


def said_at_start() -> str:
    """What `metier serve` says after its address."""
    command = [sys.executable, "-m", "metier", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert next(process.stderr).startswith("serving at")
        line = next(process.stderr)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    return line


def test_a_model_server_that_is_down_is_named_at_the_start() -> None:
    assert said_at_start().startswith("questions cannot be answered yet: no Ollama answers at")


def test_a_model_that_is_not_in_memory_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fake_ollama(FixedEmbedder(), models=["m:1b"], reply="Four.") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        assert "metier models warm" in said_at_start()


def test_a_new_key_is_shown_once_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["serve", "--new-key"])
    key = done.stdout.strip()
    assert done.exit_code == 0
    assert len(key) >= 40
    assert Settings.load().serve_key_sha256 == hashed(key)
    assert key not in (tmp_path / "config" / "config.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "callers need a key"),
        (["--key", "short"], "fewer than 16 characters"),
    ],
)
def test_what_would_be_unsafe_is_refused(arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(cli, ["serve", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_port_that_is_taken_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(cli, ["serve", "--port", port])
    assert done.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
