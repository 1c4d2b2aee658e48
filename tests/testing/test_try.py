"""`metier experts try`: an expert that is not installed, beside those that are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_ollama import FakeOllama, fake_ollama

from metier.cli.main import cli
from metier.testing import FixedEmbedder
from metier.testing.scaffold import create

pytestmark = pytest.mark.usefixtures("indexed")

QUESTION = "How long does green tea steep?"


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    models = ("all-minilm", "qwen2.5-coder:1.5b")
    with fake_ollama(FixedEmbedder(), models=models, reply="Two minutes.") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        yield server


@pytest.fixture
def tea(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])
    return create("tea", into=tmp_path)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="metier")


@pytest.mark.usefixtures("ollama")
def test_it_answers_beside_the_installed_ones_and_is_not_installed(tea: Path) -> None:
    done = run("experts", "try", tea, "-v", *QUESTION.split())
    assert done.exit_code == 0, done.stderr
    assert done.stdout == "Two minutes.\n"
    assert "1 tea" in done.stderr
    assert "tea" not in run("experts", "list").stdout


@pytest.mark.usefixtures("ollama")
def test_whoever_is_chosen_answers_unless_it_is_to_answer_alone(tea: Path) -> None:
    question = "12.5% of 840"
    assert "1 math" in run("experts", "try", "--dry-run", tea, question).stdout
    assert "1 tea" in run("experts", "try", "--dry-run", "--only", tea, question).stdout


@pytest.mark.usefixtures("ollama")
def test_what_is_kept_for_the_installed_ones_does_not_change(tea: Path, tmp_path: Path) -> None:
    assert run("index", "build").exit_code == 0
    before = {file: file.read_bytes() for file in index_files(tmp_path)}
    assert before
    assert run("experts", "try", "--dry-run", tea, QUESTION).exit_code == 0
    assert {file: file.read_bytes() for file in index_files(tmp_path)} == before


def index_files(folder: Path) -> list[Path]:
    kept = folder / "cache"
    return [f for f in kept.rglob("*") if f.is_file() and "beside" not in f.parts]


def test_only_the_new_card_is_embedded_where_an_index_is_there(
    ollama: FakeOllama, tea: Path
) -> None:
    assert run("index", "build").exit_code == 0
    assert isinstance(ollama.embedder, FixedEmbedder)
    ollama.embedder.calls.clear()
    assert run("experts", "try", "--dry-run", tea, QUESTION).exit_code == 0
    embedded = sum(map(len, ollama.embedder.calls))
    # Of these 74 are texts that ask for nothing, which splitting is learnt with.
    assert 0 < embedded < 120


@pytest.mark.usefixtures("ollama")
def test_a_folder_without_an_expert_is_a_usage_error(tmp_path: Path) -> None:
    done = run("experts", "try", tmp_path, QUESTION)
    assert done.exit_code == 2
    assert "metier experts new NAME" in done.stderr


def test_watching_asks_again_when_a_file_changes(ollama: FakeOllama, tea: Path) -> None:
    command = [sys.executable, "-m", "metier", "experts", "try", "--watch", str(tea), QUESTION]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "Two minutes.\n"
        ollama.reply = "Three minutes."
        card = tea / "metier_tea" / "domain.toml"
        card.write_text(card.read_text() + "\n", encoding="utf-8")
        assert process.stdout.readline() == "Three minutes.\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert "changed: metier_tea/domain.toml" in process.stderr.read()
