"""The doctor measures whether a server that somebody else started keeps the experts' prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result
from fake_ollama import FakeOllama, Machine, fake_ollama

from metier import Settings
from metier.cli.main import cli
from metier.models import local
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.usefixtures("indexed")

MODEL = "qwen2.5-coder:1.5b"
INFO = {
    "general.architecture": "qwen2",
    "qwen2.block_count": 28,
    "qwen2.attention.head_count": 12,
    "qwen2.attention.head_count_kv": 2,
    "qwen2.embedding_length": 1536,
}


@contextmanager
def serving(slots: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    """A server with the model in memory. Replies take a while, so that they run side by side."""
    machine = Machine(slots=slots, char_s=0.01, reply_s=0.1)
    models = ("all-minilm:latest", MODEL)
    with fake_ollama(
        FixedEmbedder(), models=models, reply="Yes.", machine=machine, info=INFO
    ) as fake:
        fake.loaded = [MODEL]
        monkeypatch.setenv("OLLAMA_HOST", fake.host)
        yield fake


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="metier")


def lose_once(fake: FakeOllama, after: int) -> None:
    """Let another program take all slots after so many chats."""

    def taken() -> None:
        if len(fake.chats) == after:
            fake.empty_slots()

    fake.after_chat = taken


def found() -> dict[str, str]:
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    return next(check for check in checks if check["name"] == "prompts")


@pytest.mark.parametrize("slots", [1, 2])
def test_a_server_with_too_few_slots_is_told_to_have_one_for_each_prompt(
    slots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(slots, monkeypatch) as fake:
        assert found()["fix"] == "OLLAMA_NUM_PARALLEL=5 ollama serve"
        fake.chats.clear()
        assert run("models", "warm").exit_code == 0
        assert fake.chats == []


def test_a_server_that_was_found_to_have_enough_is_given_the_prompts_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(5, monkeypatch) as fake:
        assert found()["detail"] == "the server keeps the experts' prompts"
        fake.chats.clear()
        assert run("models", "warm").exit_code == 0
        read = {chat["messages"][0]["content"] for chat in fake.chats}
        assert len(read) >= 5


def test_a_server_that_kept_them_before_is_not_judged_by_one_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(5, monkeypatch) as fake:
        found()
        lose_once(fake, after=len(fake.chats) + 5)
        assert found()["detail"] == "the server keeps the experts' prompts"
        assert local.slots_of(Settings.load()) == 5


def test_slots_that_were_found_are_forgotten_if_the_server_has_fewer_by_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(1, monkeypatch) as fake:
        local.remember_slots(Settings.load(), 5)
        assert run("models", "warm").exit_code == 0
        assert local.slots_of(Settings.load()) == 1
        fake.chats.clear()
        assert run("models", "warm").exit_code == 0
        assert fake.chats == []
