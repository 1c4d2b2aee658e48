"""The commands with several hosts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result
from fake_ollama import FakeOllama, Machine, fake_ollama
from ports import free_port

from metier.cli.main import cli
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.usefixtures("indexed")

MODEL, EMBED = "qwen2.5-coder:1.5b", "all-minilm:latest"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="metier")


@contextmanager
def two_hosts(
    monkeypatch: pytest.MonkeyPatch, *, second: Machine | None = None
) -> Iterator[tuple[FakeOllama, FakeOllama]]:
    """Two servers in the settings, the second with the label `gpu`."""
    with (
        fake_ollama(FixedEmbedder(), models=[MODEL, EMBED], reply="Four.") as one,
        fake_ollama(
            FixedEmbedder(), models=[EMBED], reply="Four.", machine=second or Machine()
        ) as two,
    ):
        hosts = [one.host, {"address": two.host, "labels": ["gpu"]}]
        monkeypatch.setenv("METIER_HOSTS", json.dumps(hosts))
        yield one, two


def place(server: FakeOllama) -> str:
    return server.host.removeprefix("http://")


def test_models_are_listed_with_their_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    with two_hosts(monkeypatch) as (one, two):
        listed = json.loads(run("models", "list", "--json").stdout)["models"]
        shown = run("models", "list").stdout
    assert {model["name"]: model["hosts"] for model in listed} == {
        EMBED: [place(one), place(two)],
        MODEL: [place(one)],
    }
    assert f"{place(one)}, {place(two)}" in shown


def test_models_in_memory_are_listed_with_their_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with two_hosts(monkeypatch) as (_, two):
        two.loaded = [EMBED]
        (row,) = json.loads(run("models", "ps", "--json").stdout)["models"]
    assert (row["name"], row["host"]) == (EMBED, place(two))


def test_a_single_host_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_ollama(FixedEmbedder(), models=[MODEL], reply="") as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        assert "hosts" not in run("models", "list").stdout


def test_a_model_is_pulled_onto_the_host_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with two_hosts(monkeypatch):
        done = run("models", "pull", EMBED, "--host", "gpu")
    assert f"{EMBED} is installed" in done.stderr


def test_an_unknown_host_is_an_error_that_lists_those_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with two_hosts(monkeypatch) as (one, _):
        done = run("models", "warm", MODEL, "--host", "gpus")
    assert done.exit_code == 2
    assert "no host is called or labelled 'gpus' (nearest: 'gpu')" in done.stderr
    assert place(one) in done.stderr


def test_the_doctor_looks_at_every_host(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with fake_ollama(FixedEmbedder(), models=[MODEL, EMBED], reply="") as one:
        monkeypatch.setenv("METIER_HOSTS", f"{one.host} {nowhere}")
        told = json.loads(run("doctor", "--json").stdout)["checks"]
    servers = {check["detail"]: check["ok"] for check in told if check["name"] == "Ollama"}
    assert servers == {
        f"version 0.24.0 at {one.host}": True,
        f"{nowhere}: nothing listens": False,
    }


def test_the_doctor_finds_an_embedder_with_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Machine(digests=((EMBED, "1" * 64),))
    with two_hosts(monkeypatch, second=other) as (_, two):
        told = json.loads(run("doctor", "--json").stdout)["checks"]
    (embedder,) = (check for check in told if check["name"].startswith("embedder"))
    assert not embedder["ok"]
    assert f"other weights on {place(two)}" in embedder["detail"]


def test_the_index_is_made_again_if_another_host_has_other_weights_of_the_embedder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Machine(digests=((EMBED, "1" * 64),))
    with fake_ollama(FixedEmbedder(), models=[EMBED], reply="", machine=other) as server:
        monkeypatch.setenv("METIER_HOSTS", f"127.0.0.1:{free_port()}, {server.host}")
        before = json.loads(run("index", "status", "--json").stdout)
        planned = run("plan", "What is 2 + 2?")
        after = json.loads(run("index", "status", "--json").stdout)
    assert planned.exit_code == 0, planned.stderr
    assert (before["fits"], after["fits"]) == (False, True)


def test_a_question_is_answered_though_one_host_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_ollama(FixedEmbedder(), models=[MODEL, EMBED], reply="Four.") as server:
        monkeypatch.setenv("METIER_HOSTS", f"127.0.0.1:{free_port()}, {server.host}")
        done = run("ask", "What is 2 + 2?")
    assert done.exit_code == 0, done.stderr
    assert "Four." in done.stdout


def test_without_ray_questions_are_answered_and_a_cluster_is_an_error_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with two_hosts(monkeypatch):
        answered = run("ask", "--model", MODEL, "What?")
        refused = run("ask", "--cluster", "127.0.0.1:6379", "What?")
    assert (answered.exit_code, answered.stdout.strip()) == (0, "Four.")
    assert refused.exit_code == 1
    assert "pip install 'metier[ray]'" in refused.stderr
