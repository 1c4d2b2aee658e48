"""A server that metier starts has slots for the experts' prompts, and reads them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from metier import Settings
from metier.cli.main import cli
from metier.cli.session import stop_warming, warm_later
from metier.models import local
from metier.plan import Plan, Step
from metier.settings.files import locked

TESTS = Path(__file__).parents[1]
# Each of five prompts is read while those before it are in use.
FILLED = 1 + 2 + 3 + 4 + 5
PROGRAM = f"""#!{sys.executable}
import os, sys
sys.path.insert(0, {str(TESTS)!r})
from fake_ollama import FakeOllama, Machine
from metier.testing import FixedEmbedder

class Server(FakeOllama):
    def server_bind(self):
        self.server_address = ("127.0.0.1", int(os.environ["OLLAMA_HOST"].rpartition(":")[2]))
        super().server_bind()

def held(chat):  # not one that only looks whether its prompt is kept
    return chat["options"]["num_predict"] > 1

def told(*texts):
    print(*texts, sep="|", file=open(os.environ["OLLAMA_SAID"], "a"), flush=True)

info = {{
    "general.architecture": "qwen2",
    "qwen2.block_count": int(os.environ.get("OLLAMA_BLOCKS", 28)),
    "qwen2.attention.head_count": 12,
    "qwen2.attention.head_count_kv": 2,
    "qwen2.embedding_length": 1536,
}}
slots = os.environ["OLLAMA_NUM_PARALLEL"]
server = Server(
    FixedEmbedder(),
    ["qwen2.5-coder:1.5b"],
    "Yes.",
    info=info,
    machine=Machine(slots=int(slots)),
)
server.after_chat = lambda: told(
    "read", *(chat["messages"][0]["content"][:11] for chat in list(server.chats) if held(chat))
)
told("slots", slots, os.getpid())
server.serve_forever()
"""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What the servers that were started have said; they end with the test."""
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("METIER_AUTOSTART", "true")
    monkeypatch.setenv("OLLAMA_SAID", str(tmp_path / "said"))
    yield tmp_path / "said"
    (tmp_path / "said").touch()
    for line in lines(tmp_path / "said", "slots"):
        try:
            os.kill(int(line[1]), signal.SIGKILL)
        except ProcessLookupError:
            continue


def lines(said: Path, kind: str) -> list[list[str]]:
    told = [line.split("|") for line in said.read_text().splitlines()]
    return [rest for first, *rest in told if first == kind]


def read_by(said: Path) -> list[str]:
    """The beginnings that were read, each as often as it was held."""
    return max(lines(said, "read"), key=len)  # each line holds all before it


def warmed() -> None:
    command = [sys.executable, "-m", "metier", "models", "warm"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_server_that_metier_starts_reads_the_prompt_of_every_expert(said: Path) -> None:
    warmed()
    assert [slots for slots, _ in lines(said, "slots")] == ["5"]  # the four experts, and one more
    assert sorted(set(read_by(said))) == [
        "Hello",
        "Write the c",
        "You are a c",
        "You are a h",
        "You give me",
    ]


def test_serve_says_when_the_prompts_of_every_expert_are_read(said: Path) -> None:
    command = [sys.executable, "-m", "metier", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        heard = [next(process.stderr) for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert heard[0].startswith("started Ollama")
    assert heard[1].startswith("serving at")
    assert heard[3] == "the models are loaded, and the prompts are read\n"
    assert len(set(read_by(said))) == 5


def test_a_command_that_finds_the_server_knows_its_slots(said: Path) -> None:
    warmed()
    warmed()
    assert len(lines(said, "slots")) == 1
    assert len(read_by(said)) == 2 * FILLED


def test_a_server_whose_slots_do_not_fit_in_memory_is_started_again_once(
    said: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_BLOCKS", str(10**6))
    warmed()
    assert [slots for slots, _ in lines(said, "slots")] == ["5", "1"]
    for _, process in lines(said, "slots")[1:]:
        os.kill(int(process), signal.SIGKILL)
    warmed()
    assert [slots for slots, _ in lines(said, "slots")] == ["5", "1", "1"]


def test_a_server_has_as_many_slots_as_the_environment_says(
    said: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_NUM_PARALLEL", "2")
    warmed()
    assert [slots for slots, _ in lines(said, "slots")] == ["2"]


def test_without_resident_prompts_the_server_gets_one_slot(
    said: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METIER_RESIDENT_PROMPTS", "false")
    warmed()
    assert [slots for slots, _ in lines(said, "slots")] == ["1"]
    assert lines(said, "read") == []


@pytest.mark.parametrize("asking", ["ask Why?", "run plan.json"])
def test_after_a_question_that_loads_the_model_the_prompts_are_read(
    asking: str, said: Path, tmp_path: Path
) -> None:
    plan = Plan(question="Why?", steps=(Step(id="1", task="Why?", expert="general"),))
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    command = [sys.executable, "-m", "metier", *asking.split()]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    with locked(local.state_file(Settings.load(), "warming")):  # which the reading holds
        assert len(read_by(said)) == 1 + FILLED


@pytest.fixture
def five_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "slots_of", lambda _: 5)


@contextmanager
def reading(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock, as a command has left it behind to read prompts."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", *words]
    file = local.state_file(Settings.load(), "warming")
    with locked(file) as handle:
        process = subprocess.Popen(command, pass_fds=[handle])
        file.write_text(str(process.pid))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_question_ends_the_reading_that_another_has_left_behind() -> None:
    with reading("models", "warm") as process:
        assert stop_warming(Settings.load())
        assert process.wait(10) == -signal.SIGTERM
        assert not stop_warming(Settings.load())


@pytest.mark.skipif(sys.platform != "linux", reason="another system does not say what runs")
def test_a_reading_whose_command_is_not_known_yet_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = iter([b"", b"", b"python\0-m\0metier\0models\0warm\0"])
    monkeypatch.setattr(Path, "read_bytes", lambda _: next(commands))
    with reading("models", "warm") as process:
        assert stop_warming(Settings.load())
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.skipif(sys.platform != "linux", reason="another system does not say what runs")
def test_a_process_that_reads_no_prompts_is_not_ended() -> None:
    with reading("evaluate", "routing") as process:
        assert not stop_warming(Settings.load())
        assert process.poll() is None


def test_a_process_whose_number_was_left_behind_is_not_ended() -> None:
    file = local.state_file(Settings.load(), "warming")
    with reading("models", "warm") as other:
        pass
    with reading("models", "warm") as process:
        file.write_text("")  # as while a reading is being started
        assert not stop_warming(Settings.load())
        assert process.poll() is None
    file.write_text(str(other.pid))
    assert not stop_warming(Settings.load())
    assert file.read_text() == ""


def test_two_that_look_at_once_do_not_take_each_other_for_a_reading() -> None:
    file = local.state_file(Settings.load(), "warming")
    with locked(file, shared=True):
        file.write_text(str(os.getpid()))
        assert not stop_warming(Settings.load())


@pytest.mark.usefixtures("five_slots")
def test_prompts_are_not_read_twice_at_once() -> None:
    with reading("models", "warm") as process:
        warm_later(Settings.load())
        assert local.state_file(Settings.load(), "warming").read_text() == str(process.pid)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """The environments of the processes that are started to read prompts."""
    environments = list[Mapping[str, str]]()

    class Process:
        def __init__(self, _: object, *, env: Mapping[str, str], **__: object) -> None:
            environments.append(env)
            self.pid = os.getpid()

    monkeypatch.setattr(subprocess, "Popen", Process)
    return environments


@pytest.mark.usefixtures("five_slots")
def test_the_prompts_of_the_model_that_was_asked_are_read(
    started: list[Mapping[str, str]],
) -> None:
    warm_later(Settings.load(model="qwen2.5-coder:0.5b"))
    assert [each["METIER_MODEL"] for each in started] == ["qwen2.5-coder:0.5b"]


@pytest.mark.usefixtures("five_slots")
@pytest.mark.parametrize(
    "elsewhere", [{"cluster": "10.0.0.5:6379"}, {"hosts": [{"address": "http://127.0.0.1:1"}]}]
)
def test_no_prompts_are_read_on_other_servers_than_the_one_of_the_settings(
    elsewhere: dict[str, Any], started: list[Mapping[str, str]]
) -> None:
    warm_later(Settings.load(**elsewhere))
    assert started == []


@pytest.mark.usefixtures("five_slots")
def test_the_reading_on_one_server_leaves_that_on_another_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with reading("models", "warm") as process:
        monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:1")
        assert not stop_warming(Settings.load())
        assert process.poll() is None


ONLY_EMBEDDING = ("plan What?", "evaluate routing", "learn status")


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("words", ONLY_EMBEDDING)
def test_what_only_embeds_starts_a_server_if_its_embedder_needs_one(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METIER_EMBED_MODEL", "no-such-model")
    command = [sys.executable, "-m", "metier", *words.split()]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "started Ollama" in done.stderr


@pytest.mark.usefixtures("said")
@pytest.mark.parametrize("words", ONLY_EMBEDDING)
def test_what_only_embeds_starts_no_server_if_its_embedder_needs_none(
    words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METIER_EMBEDDER", "sentence-transformers")
    monkeypatch.setenv("METIER_EMBED_MODEL", "no-such-model")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # In this process, so that PyTorch is imported once.
    assert "started Ollama" not in CliRunner().invoke(cli, words.split()).stderr
