"""Arguments that are not UTF-8 and replies with lone surrogates are texts like others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_ollama import FakeOllama, fake_ollama
from small_models import model

from metier import Council, Message, Settings
from metier.cli.main import cli
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.usefixtures("indexed")

# As Python passes on an argument of the bytes ED A0 80.
LONE = "\udced\udca0\udc80"


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    models = ("all-minilm", "qwen2.5-coder:1.5b")
    with fake_ollama(FixedEmbedder(), models=models, reply="half of \ud83d it") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        yield server


def run(*arguments: str) -> Result:
    done = CliRunner().invoke(cli, arguments, prog_name="metier")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_a_question_and_a_document_with_one_are_answered(
    ollama: FakeOllama, tmp_path: Path
) -> None:
    document = tmp_path / f"{LONE}.md"
    document.write_text("a story")
    done = run("ask", "-f", str(document), f"tell me a story about {LONE}")
    assert done.exit_code == 0
    assert done.stdout.startswith("half of \ufffd it\n")
    assert "tell me a story about \ufffd\ufffd\ufffd" in ollama.asked[-1]


@pytest.mark.usefixtures("ollama")
@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_an_answer_with_one_is_valid_json(form: str) -> None:
    done = run("ask", form, "tell me a story")
    last = json.loads(done.stdout if form == "--json" else done.stdout.splitlines()[-1])
    assert last.get("answer", last)["text"] == "half of \ufffd it"


@pytest.mark.anyio
async def test_an_app_may_ask_with_one(ollama: FakeOllama) -> None:
    messages = [
        Message(role="user", content="a \ud800"),
        Message(role="assistant", content="b \ud800"),
        Message(role="user", content="tell me a story \ud83d\ude00 \ud800"),
    ]
    async with Council.from_installed(Settings.load()) as council:
        answer = await council.ask(messages)
    assert answer.text == "half of \ufffd it"
    assert "tell me a story 😀 \ufffd" in ollama.asked[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "-f", LONE, "hello"),
        ("run", LONE),
        ("config", "get", LONE),
        ("config", "set", "model", LONE),
        ("experts", "show", LONE),
        ("experts", "new", LONE),
        ("experts", "check", LONE),
        ("evaluate", "routing", "--expert", LONE),
        ("merge", LONE, "b", "-o", "c"),
    ],
    ids=" ".join,
)
def test_an_argument_that_cannot_be_used_is_an_error(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")


def test_a_merge_is_not_called_by_one(tmp_path: Path) -> None:
    models = [model(tmp_path / f"{n}.gguf", n) for n in range(2)]
    done = run("merge", *models, "-o", str(tmp_path / f"{LONE}.gguf"))
    assert done.exit_code == 2
    assert "is not UTF-8 text" in done.stderr
