"""The example of a strategy in a package of its own: installed, listed, and used in each way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_ollama import fake_ollama
from offline import Environment, environment

from metier.plan import Plan, Step
from metier.testing import FixedEmbedder

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_strategy"
MODELS = ("qwen2.5-coder:1.5b", "all-minilm")
ASK = """
from metier import Combining, Council
with Council.from_installed() as council:
    how = Combining(strategy="longest", options={"samples": 2})
    answer = council.ask_sync("What is a good name for a cat?", strategy=how)
    print(answer.parts[0].strategy, answer.usage.calls)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("own_strategy")
    mine = environment(folder / "venv")
    mine.run(f"pip install {EXAMPLE}", folder=folder)
    return mine


def test_it_is_listed_with_its_option(installed: Environment, tmp_path: Path) -> None:
    listed = json.loads(installed.run("metier strategies list --json", folder=tmp_path).stdout)
    (mine,) = [each for each in listed["strategies"] if each["name"] == "longest"]
    assert (list(mine["options"]), listed["broken"]) == (["samples"], [])


@pytest.mark.parametrize("way", ["command line", "council", "plan"])
def test_it_is_used(installed: Environment, tmp_path: Path, way: str) -> None:
    step = Step(id="1", task="A name for a cat?", expert="general", strategy="longest")
    plan = Plan(question="A name for a cat?", steps=(step,))
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    (tmp_path / "ask.py").write_text(ASK)
    with fake_ollama(FixedEmbedder(), models=MODELS, reply="Tom.") as server:
        variables = {"METIER_HOST": server.host, "METIER_CACHE_DIR": str(tmp_path / "cache")}
        commands = {
            "command line": 'metier ask --json -e general -s longest "A name for a cat?"',
            "council": f"{installed.folder / 'bin' / 'python'} ask.py",
            "plan": "metier run --json plan.json",
        }
        done = installed.run(commands[way], folder=tmp_path, **variables)
    if way == "council":
        assert done.stdout.split() == ["longest", "2"]
    else:
        answer = json.loads(done.stdout)
        assert (answer["parts"][0]["strategy"], answer["usage"]["calls"]) == ("longest", 3)
