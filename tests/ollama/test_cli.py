"""The command line as a process, on a real Ollama."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from world import HALF, KEPT, SMALL

from metier import Settings
from metier.events import parse_event
from metier.testing.scaffold import create

METIER = [sys.executable, "-m", "metier"]


def metier(*arguments: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [*METIER, *arguments], input=data, capture_output=True, timeout=300, check=False
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture
def small(ollama_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One declarative expert on a small model, so that an answer takes a second."""
    folder = tmp_path / "domains" / "parrot"
    folder.mkdir(parents=True)
    (folder / "domain.toml").write_text(
        f"""api = 1
[expert]
id = "parrot"
description = "says things again"
models = ["{SMALL}"]
max_tokens = 20
[[capability]]
name = "repeat"
description = "repeat what was said"
examples = ["repeat after me: hello", "say it again"]
"""
    )
    monkeypatch.setenv("METIER_DOMAINS", str(tmp_path / "domains"))


@pytest.mark.usefixtures("small")
class TestAsk:
    def test_the_answer_is_on_stdout_and_a_cut_is_said_on_stderr(self) -> None:
        done = metier("ask", "-e", "parrot", "repeat after me: hello")
        assert done.returncode == 0
        assert done.stdout.strip()
        assert done.stderr == f"{SMALL} was cut off after 20 tokens\n"

    def test_words_without_a_command_are_a_question(self) -> None:
        assert metier("repeat after me: hello").returncode == 0

    def test_stdin_alone_is_the_question(self) -> None:
        assert metier(stdin="repeat after me: hello").returncode == 0

    def test_verbose_tells_on_stderr_who_answered_and_why(self) -> None:
        done = metier("ask", "-v", "repeat after me: hello")
        assert "parrot" in done.stderr
        assert "repeat: like 'repeat after me: hello'" in done.stderr
        assert f"asking {SMALL}" in done.stderr
        assert "1 call," in done.stderr

    def test_json_is_one_object(self) -> None:
        answer = json.loads(metier("ask", "--json", "-e", "parrot", "say it again").stdout)
        assert answer["parts"][0]["expert"] == "parrot"
        assert answer["usage"]["calls"] == 1

    def test_jsonl_is_the_events(self) -> None:
        done = metier("ask", "--jsonl", "-e", "parrot", "say it again")
        events = [parse_event(line) for line in done.stdout.splitlines()]
        assert [event.type for event in events][:2] == ["plan_ready", "step_started"]
        assert events[-1].type == "answered"

    def test_what_is_streamed_is_what_comes_at_once(self) -> None:
        question = ("ask", "-e", "parrot", "say it again")
        assert metier(*question).stdout.strip() == metier(*question, "--no-stream").stdout.strip()

    def test_a_dry_run_shows_the_plan_and_asks_no_model(self) -> None:
        done = metier("ask", "--dry-run", "repeat after me: hello")
        assert done.returncode == 0
        assert "parrot" in done.stdout

    def test_a_file_is_a_document(self, tmp_path: Path) -> None:
        file = tmp_path / "note.txt"
        file.write_text("hello there")
        done = metier("ask", "--json", "-e", "parrot", "-f", str(file), "say it again")
        assert done.returncode == 0

    def test_a_partial_answer_is_exit_3(self, tmp_path: Path) -> None:
        steps = [
            {"id": "1", "task": "say hello", "expert": "parrot"},
            {"id": "2", "task": "say hello", "expert": "general", "needs": ["1"]},
        ]
        file = tmp_path / "plan.json"
        file.write_text(json.dumps({"question": "hello", "steps": steps}))
        done = metier("run", str(file), "-m", "nobody")
        assert done.returncode == 3
        assert "Not answered" in done.stdout
        assert "model 'nobody' is not installed" in done.stderr

    def test_an_interrupt_ends_with_130_and_frees_the_server(self) -> None:
        process = subprocess.Popen(
            [*METIER, "ask", "-e", "general", "-m", HALF, "Count from 1 to 500, one a line."],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        assert process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert b"Traceback" not in err
        assert err.strip().endswith(b"interrupted")
        assert metier("ask", "-e", "parrot", "hello").returncode == 0

    def test_a_reader_that_goes_away_is_no_traceback(self) -> None:
        command = f"{sys.executable} -m metier ask -e parrot hello | true"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
        assert b"Traceback" not in done.stderr

    def test_an_unknown_model_names_the_nearest(self) -> None:
        done = metier("ask", "-e", "general", "-m", "smollm2:134m", "hello")
        assert done.returncode == 1
        assert "nearest: 'smollm2:135m'" in done.stderr

    def test_an_unknown_expert_names_the_nearest(self) -> None:
        done = metier("ask", "-e", "parot", "hello")
        assert done.returncode == 2
        assert "nearest: 'parrot'" in done.stderr

    def test_a_question_that_is_too_long_is_an_error_and_not_cut(self) -> None:
        done = metier("ask", "-e", "parrot", stdin="word " * 9000)
        assert done.returncode == 1
        assert "longer than the 4096 tokens" in done.stderr

    def test_a_deadline_is_kept(self) -> None:
        done = metier("ask", "-e", "general", "-m", HALF, "--timeout", "0.5", "Count to 500.")
        assert done.returncode in (1, 3)
        assert "within 0.5 s" in done.stderr


@pytest.mark.usefixtures("small")
def test_a_plan_can_be_kept_edited_and_run(tmp_path: Path) -> None:
    made = json.loads(metier("plan", "--json", "repeat after me: hello").stdout)
    made["steps"][0]["task"] = "say it again"
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(made))
    done = metier("run", "--json", str(file))
    assert json.loads(done.stdout)["parts"][0]["task"] == "say it again"


@pytest.mark.usefixtures("ollama_settings")
def test_an_expert_that_is_not_installed_answers(tmp_path: Path) -> None:
    project = create("tea", into=tmp_path, kind="card")
    card = project / "metier_tea" / "domain.toml"
    text = card.read_text().replace("qwen2.5-coder:1.5b", SMALL)
    card.write_text(text.replace("max_tokens = 300", "max_tokens = 20"))
    done = metier("experts", "try", str(project), "-v", "How long does green tea steep?")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "1 tea" in done.stderr
    assert f"asking {SMALL}" in done.stderr


@pytest.mark.usefixtures("ollama_settings")
def test_models_are_listed_warmed_and_shown() -> None:
    assert SMALL in metier("models", "list").stdout
    assert metier("models", "warm", SMALL, "all-minilm").returncode == 0
    assert SMALL in json.loads(metier("models", "ps", "--json").stdout)["models"][0]["name"] or True
    names = [
        model["name"] for model in json.loads(metier("models", "ps", "--json").stdout)["models"]
    ]
    assert SMALL in names


@pytest.mark.usefixtures("ollama_settings")
def test_a_model_that_is_installed_is_not_pulled_again() -> None:
    done = metier("models", "pull", SMALL)
    assert done.stderr.strip() == f"{SMALL} is installed"


@pytest.mark.usefixtures("ollama_settings")
def test_a_model_from_nowhere_is_an_error() -> None:
    done = metier("models", "pull", "nobody:1b")
    assert done.returncode == 1
    assert "'nobody:1b' cannot be pulled from Ollama's library" in done.stderr


@pytest.mark.usefixtures("ollama_settings")
def test_a_stale_index_is_said_and_mended_and_the_doctor_is_content(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METIER_CACHE_DIR", str(tmp_path))
    assert "fits: False" in metier("index", "status").stdout
    assert metier("index", "build").returncode == 0
    state = json.loads(metier("index", "status", "--json").stdout)
    assert state["fits"]
    assert state["vectors"] > 500
    done = metier("doctor", "--json")
    checks = json.loads(done.stdout)["checks"]
    assert [check for check in checks if not check["ok"]] == []
    assert done.returncode == 0
    assert {"Ollama", "index", "plugin math", "sandbox"} <= {check["name"] for check in checks}


def test_a_local_server_that_is_not_running_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METIER_AUTOSTART", "true")
    monkeypatch.setenv("METIER_CACHE_DIR", str(KEPT))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HOME", str(tmp_path))
    done = metier("models", "list")
    assert "process " in done.stderr, (done.returncode, done.stdout, done.stderr)
    pid = int(done.stderr.partition("process ")[2].partition(",")[0])
    os.kill(pid, signal.SIGTERM)
    assert done.returncode == 0
    assert f"log {tmp_path / 'state' / 'ollama.log'}" in done.stderr
