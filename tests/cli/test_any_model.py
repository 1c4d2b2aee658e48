"""A server that has one chat model, which no card names: everything answers on it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence

import pytest
from click.testing import CliRunner, Result
from fake_ollama import FakeOllama, fake_ollama

from metier.cli.main import cli
from metier.models.embedder import Role, Vectors
from metier.testing import FixedEmbedder

ONLY = "smollm2:135m"
EXPERTS = ("general", "math", "code", "medical")


@pytest.fixture
def server(indexed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    models = ("all-minilm:latest", ONLY)
    with fake_ollama(FixedEmbedder(), models=models, reply="It is 4.") as fake:
        monkeypatch.setenv("OLLAMA_HOST", fake.host)
        yield fake


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    """A server with that one model and no embedder, and a metier without an index."""
    with fake_ollama(FixedEmbedder(), models=(ONLY,), reply="It is 4.") as fake:
        fake.absent = ("all-minilm",)
        monkeypatch.setenv("OLLAMA_HOST", fake.host)
        yield fake


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="metier")


@pytest.mark.parametrize("expert", EXPERTS)
def test_every_expert_answers_and_says_once_on_what(server: FakeOllama, expert: str) -> None:
    done = run("ask", "-e", expert, "What is 2 + 2?")
    assert done.exit_code == 0
    assert "4" in done.stdout
    asked = {chat["model"] for chat in server.chats}
    assert asked <= {ONLY}
    assert done.stderr.count("metier models suggest") == len(asked)


def test_the_model_is_loaded_while_the_question_is_planned(server: FakeOllama) -> None:
    loading = threading.Event()
    planned: list[bool] = []

    class Warmed(list[str]):
        def append(self, model: str) -> None:
            super().append(model)
            loading.set()

    class Waits(FixedEmbedder):
        async def embed(self, texts: Sequence[str], *, role: Role = "query") -> Vectors:
            planned.append(loading.wait(10))
            return await super().embed(texts, role=role)

    server.warmed, server.embedder = Warmed(), Waits()
    assert run("ask", "What is 2 + 2?").exit_code == 0
    assert planned
    assert all(planned)


def test_the_doctor_names_the_model_of_each_expert_and_a_better_one(server: FakeOllama) -> None:
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    found = {check["name"]: check for check in checks}
    for expert in EXPERTS:
        check = found[f"model of {expert}"]
        assert check["ok"]
        assert check["detail"].startswith(f"{ONLY}, which its card does not name; ")
        assert check["fix"].startswith("metier models pull ")


def test_better_models_are_suggested_for_a_machine_of_any_memory(server: FakeOllama) -> None:
    shown = json.loads(run("models", "suggest", "--memory", "16", "--json").stdout)
    assert shown["memory_bytes"] == 14 << 30
    better = {each["expert"]: each["better"] for each in shown["experts"]}
    assert better["math"] == "ministral-3:14b"
    assert {each["runs_on"] for each in shown["experts"]} == {ONLY}


def test_the_table_ends_with_the_command_that_gets_them(server: FakeOllama) -> None:
    done = run("models", "suggest", "--memory", "8")
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("Get them with: metier models pull ")
    assert last.split().count("qwen3:4b-instruct") == 1


def test_a_server_with_an_embedder_alone_is_told_what_to_get(
    server: FakeOllama,
) -> None:
    server.models = ("all-minilm:latest",)
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    (math,) = [check for check in checks if check["name"] == "model of math"]
    assert not math["ok"]
    assert math["fix"].startswith("metier models pull ")


@pytest.mark.parametrize("expert", EXPERTS)
def test_every_expert_answers_without_an_embedder(bare: FakeOllama, expert: str) -> None:
    done = run("ask", "-e", expert, "What is 2 + 2?")
    assert done.exit_code == 0
    assert "4" in done.stdout
    assert done.stderr.count("metier models pull all-minilm") == 1
    answer = json.loads(run("ask", "--json", "-e", expert, "What is 2 + 2?").stdout)
    assert [part["expert"] for part in answer["parts"]] == [expert]


def test_without_an_embedder_the_whole_question_goes_to_the_general_expert(
    bare: FakeOllama,
) -> None:
    done = run("ask", "-v", "What is 2 + 2, and who was Ada Lovelace?")
    assert done.exit_code == 0
    assert {chat["model"] for chat in bare.chats} == {ONLY}
    assert "the whole question goes to one expert" in done.stderr
    plan = json.loads(run("plan", "--json", "What is 2 + 2, and who was Ada Lovelace?").stdout)
    assert [step["expert"] for step in plan["steps"]] == ["general"]


def test_an_unknown_expert_is_refused_without_an_embedder_too(bare: FakeOllama) -> None:
    done = run("ask", "-e", "maths", "What is 2 + 2?")
    assert done.exit_code == 2
    assert "math" in done.stderr
    assert bare.chats == []


def test_another_embedder_of_the_server_chooses_experts(bare: FakeOllama) -> None:
    bare.models = (ONLY, "paraphrase-minilm:22m")
    done = run("ask", "-v", "What is 2 + 2?")
    assert done.exit_code == 0
    assert "paraphrase-minilm:22m is used to choose experts" in done.stderr
    assert done.stderr.count("metier models pull all-minilm") == 1


def test_what_a_conversation_cannot_do_is_said_once(bare: FakeOllama) -> None:
    done = CliRunner().invoke(cli, ["chat"], input="What is 2 + 2?\nAnd 3 + 3?\n")
    assert done.exit_code == 0
    assert done.stdout.count("It is 4.") == 2
    assert (done.stdout + done.stderr).count("metier models pull all-minilm") == 1


def test_the_doctor_says_what_an_embedder_would_do(bare: FakeOllama) -> None:
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    found = {check["name"]: check for check in checks}
    check = found["embedder ollama/all-minilm"]
    assert not check["ok"]
    assert "whole questions go to the general expert" in check["detail"]
    assert check["fix"] == "metier models pull all-minilm"
    for expert in EXPERTS:
        assert found[f"model of {expert}"]["fix"].startswith("metier models pull ")
