"""How the local server is started."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ports import free_port

from metier.errors import ModelServerUnreachable
from metier.models import local
from metier.settings import Settings


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which a program called ollama leaves what it was told; then it ends."""
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nenv > {tmp_path}/told\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "told"


@pytest.mark.parametrize(("own", "expected"), [({}, "4"), ({"OLLAMA_NUM_PARALLEL": "2"}, "2")])
def test_a_server_is_started_with_as_many_slots_as_are_set(
    told: Path, tmp_path: Path, own: dict[str, str], expected: str
) -> None:
    start(tmp_path, os.environ | own)
    assert f"OLLAMA_NUM_PARALLEL={expected}" in told.read_text().splitlines()


def test_only_its_owner_may_read_the_log(told: Path, tmp_path: Path) -> None:
    start(tmp_path)
    state = tmp_path / "state"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (state, state / "ollama.log")]
    assert modes == [0o700, 0o600]


def start(folder: Path, environment: Mapping[str, str] | None = None) -> None:
    settings = Settings(
        host=f"http://127.0.0.1:{free_port()}", concurrency=4, state_dir=folder / "state"
    )
    with pytest.raises(ModelServerUnreachable):
        local.start(settings, environment=environment)


def test_a_server_is_started_without_the_secrets_of_its_user(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "NVIDIA_API_KEY"):
        monkeypatch.setenv(name, "tuna-4711")
    start(tmp_path)
    assert "tuna-4711" not in told.read_text()


def test_a_server_gets_the_variables_that_it_reads(
    told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = "OLLAMA_MODELS HOME TMPDIR LD_LIBRARY_PATH https_proxy NO_PROXY SSL_CERT_FILE"
    read += " CUDA_VISIBLE_DEVICES HSA_OVERRIDE_GFX_VERSION HIP_VISIBLE_DEVICES GGML_VK_DEVICE"
    for name in read.split():
        monkeypatch.setenv(name, str(tmp_path))
    start(tmp_path)
    found = {line.partition("=")[0] for line in told.read_text().splitlines()}
    assert found >= {*read.split(), "PATH", "OLLAMA_HOST"}


LISTENING = """#!/usr/bin/env python3
import os, socket, subprocess, sys, time
out = open(os.environ["OLLAMA_FIFO"], "w")  # until both are gone
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[out.fileno()])
host, port = os.environ["OLLAMA_HOST"].removeprefix("http://").split(":")
with socket.create_server((host, int(port))):
    time.sleep(600)
"""
STARTING = """
import sys, time
from metier.models import local
from metier.settings import Settings
started = local.start(Settings.load(), stays=sys.argv[1] == "stays")
print(started.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What can be read to its end once a server with its runner, called ollama, is gone."""
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text(LISTENING)
    program.chmod(0o755)
    python = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, (program.parent, python, "/usr/bin:/bin"))))
    monkeypatch.setenv("OLLAMA_FIFO", str(tmp_path / "fifo"))
    os.mkfifo(tmp_path / "fifo")
    reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    yield reading
    os.close(reading)


def starter(how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STARTING, how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read_to_the_end(file: int) -> bytes:
    os.set_blocking(file, True)
    return os.read(file, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_ends_with_the_process_that_started_it_however_that_ends(
    number: signal.Signals, gone: int
) -> None:
    with starter("goes") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert local.is_listening(Settings.load().host)
        process.send_signal(number)
    assert read_to_the_end(gone) == b""


def test_a_server_that_is_to_stay_stays(gone: int) -> None:
    with starter("stays") as process:
        assert process.stdout is not None
        server = int(process.stdout.readline())
        process.kill()
    assert local.is_listening(Settings.load().host)
    os.killpg(server, signal.SIGKILL)
    assert read_to_the_end(gone) == b""


def test_a_server_that_is_stopped_is_gone_with_its_runner(gone: int) -> None:
    local.start(Settings.load(), stays=False).stop()
    assert read_to_the_end(gone) == b""


def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ollama"
    program.write_text("#!/bin/sh\necho no such model folder >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin:/bin")
    with pytest.raises(ModelServerUnreachable, match="no such model folder"):
        local.start(Settings.load(), stays=False)


STUBBORN = """#!/usr/bin/env python3
import os, socket, time
host, port = os.environ["OLLAMA_HOST"].removeprefix("http://").split(":")
with socket.create_server((host, int(port))):
    print(os.environ["OLLAMA_NUM_PARALLEL"], file=open(os.environ["OLLAMA_SAID"], "a"), flush=True)
    time.sleep(600)
"""


def test_a_server_is_started_again_with_more_slots_and_they_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ollama"
    program.write_text(STUBBORN)
    program.chmod(0o755)
    python = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, (tmp_path, python, "/usr/bin:/bin"))))
    monkeypatch.setenv("OLLAMA_SAID", str(tmp_path / "said"))
    settings = Settings.load()
    started = local.start(settings)
    again = local.restart(settings, slots=3)
    assert again is not None
    try:
        assert local.slots_of(settings) == 3
        assert (tmp_path / "said").read_text().split() == ["1", "3"]
    finally:
        started.stop()
        again.stop()


def test_the_slots_of_a_server_that_has_ended_are_those_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, concurrency=2)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "ollama-11434.slots").write_text(f"{gone.pid} 5")
    assert local.slots_of(settings) == 2
