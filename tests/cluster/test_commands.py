"""What the commands say of a cluster's nodes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result
from clusters import MODEL, World, card, installed
from fake_ollama import FakeOllama

from metier import Expert
from metier.cli.main import cli


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
