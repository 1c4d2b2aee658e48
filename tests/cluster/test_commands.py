"""What the commands say of a cluster's nodes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from clusters import MODEL, World, card, installed
from fake_ollama import FakeOllama, Machine

from metier import Expert
from metier.cli.main import cli
from metier.cli.session import INTERRUPTED


@pytest.fixture
def named(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A cluster that the settings name."""
    monkeypatch.setenv("METIER_CLUSTER", world.address)
    monkeypatch.setenv("METIER_EMBED_MODEL", MODEL)
    monkeypatch.setenv("METIER_REMOTE_STEPS", "general")
    return world


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="metier")


def test_doctor_says_which_node_runs_no_steps_of_which_expert_and_why(
    named: World, ollamas: list[FakeOllama]
) -> None:
    named.start("one", ollamas[0].host, experts=installed(Expert(card())))
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    (check,) = [check for check in checks if check["name"] == "steps of general"]
    assert not check["ok"]
    assert check["detail"] == "not run on one: its card there is another"


def test_doctor_and_the_list_of_models_say_which_node_is_not_used_and_why(
    named: World, ollamas: list[FakeOllama]
) -> None:
    named.start("one", ollamas[0].host)
    named.start("two", ollamas[1].host, num_ctx=8192)
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    (check,) = [check for check in checks if check["name"] == "host two"]
    assert not check["ok"]
    assert check["detail"] == "not used: num_ctx there is 8192, here 4096"
    assert "two is not used: num_ctx there is 8192, here 4096" in run("models", "list").stderr


def test_models_are_pulled_and_loaded_on_the_nodes_that_are_named(
    named: World, ollamas: list[FakeOllama]
) -> None:
    named.start("one", ollamas[0].host)
    named.start("two", ollamas[1].host, label="gpu")
    pulled = run("models", "pull", MODEL, "--host", "all")
    assert pulled.exit_code == 0, pulled.stderr
    assert [line for line in pulled.stderr.splitlines() if line.endswith(":")] == ["one:", "two:"]
    assert pulled.stderr.count(f"{MODEL} is installed") == 2
    warmed = run("models", "warm", MODEL, "--host", "gpu")
    assert (warmed.exit_code, ollamas[0].warmed, ollamas[1].warmed) == (0, [], [MODEL])


def test_doctor_knows_the_labels_of_nodes(
    named: World, ollamas: list[FakeOllama], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METIER_RUNS_ON", "math=gpu,code=attic")
    named.start("one", ollamas[0].host, label="gpu")
    checks = json.loads(run("doctor", "--json").stdout)["checks"]
    told = {check["name"]: check["detail"] for check in checks}
    assert "host of math" not in told
    assert told["host of code"] == "no host is labelled 'attic', so it runs on any host"


def test_a_command_lets_this_machine_answer_until_it_is_ended(
    named: World, ollamas: list[FakeOllama]
) -> None:
    options = ("--name", "one", "--label", "gpu")
    command = ["-m", "metier", "cluster", "start-host", named.address, *options]
    with subprocess.Popen(
        [sys.executable, *command],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OLLAMA_HOST": ollamas[0].host},
    ) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if line.startswith("one answers"))
        listed = json.loads(run("models", "list", "--json").stdout)["models"]
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        assert process.wait(60) == INTERRUPTED
    end = f"in the cluster at {named.address} (Ollama 0.24.0); Ctrl-C to stop\n"
    assert said == f"one answers {end}"
    assert [(model["name"], model["hosts"]) for model in listed] == [(MODEL, ["one"])]


def test_the_questions_of_an_evaluation_are_answered_on_all_nodes_of_a_cluster(
    world: World, ollamas: list[FakeOllama], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, ollama in zip(("one", "two"), ollamas, strict=True):
        ollama.machine, ollama.loaded = Machine(reply_s=0.2), [MODEL]  # so that the questions meet
        world.start(name, ollama.host)
    monkeypatch.setenv("METIER_EMBED_MODEL", MODEL)
    gold = {"kind": "contains", "value": ["Four"]}
    rows = [{"question": f"Tell story {n}.", "expert": "general", "answer": gold} for n in range(4)]
    data = tmp_path / "questions.jsonl"
    data.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    options = ("--data", str(data), "--single-model", MODEL, "--cluster", world.address, "--json")
    done = run("evaluate", "answers", *options)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["overall"]["single"]["right"] == 4
    assert all(ollama.asked for ollama in ollamas)
