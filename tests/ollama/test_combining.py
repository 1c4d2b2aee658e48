"""Every strategy on real models: from the command line, from the council, and from a plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from world import HALF, SMALL

from metier import Card, Combining, Council, Expert, Plan, Settings
from metier.answer import Answer
from metier.cli.main import cli
from metier.experts.card import Capability
from metier.plan import Member, OptionValue, Step
from metier.strategies import Strategies

pytestmark = pytest.mark.anyio

SUM = "How many apples are 3 apples and 4 apples together? End with 'Answer: ' and the number."
CLOSED = "Which of these is a metal?\nA) wood\nB) iron\nC) glass"
MODELS = (SMALL, HALF)
NAMES = Strategies().names


def two_samples(name: str) -> dict[str, OptionValue]:
    return {"samples": 2} if "samples" in Strategies().options(name).model_fields else {}


def council(settings: Settings) -> Council:
    everything = Capability(name="all", description="everything", output="number")
    experts = [
        Expert(
            Card(
                id=name,
                description=f"{name} questions",
                models=(HALF, SMALL),
                max_tokens=40,
                capabilities=(everything,),
            )
        )
        for name in ("general", "sums")
    ]
    return Council.of(experts, settings=settings)


def check(answer: Answer, name: str, models: tuple[str, ...] = MODELS) -> None:
    (part,) = answer.parts
    assert part.text.strip()
    assert part.strategy == name
    assert answer.usage.calls <= 12
    assert {vote.model for vote in part.votes if vote.model} <= set(models)
    assert not any(vote.error for vote in part.votes)


@pytest.mark.parametrize("name", NAMES)
async def test_from_the_council(ollama_settings: Settings, name: str) -> None:
    how = Combining(strategy=name, models=MODELS, options=two_samples(name))
    question = CLOSED if name == "average" else SUM
    async with council(ollama_settings) as asked:
        answer = await asked.ask(question, strategy=how)
    check(answer, name)
    if name in ("vote", "weighted", "mux", "average"):
        assert {vote.model for vote in answer.parts[0].votes} == set(MODELS)


@pytest.mark.parametrize("name", NAMES)
async def test_from_a_plan(ollama_settings: Settings, name: str) -> None:
    members = tuple(Member(expert="sums", model=model) for model in MODELS)
    step = Step(
        id="1", task=SUM, expert="sums", strategy=name, members=members, options=two_samples(name)
    )
    plan = Plan.parse(Plan(question=SUM, steps=(step,)).model_dump_json())
    async with council(ollama_settings) as asked:
        check(await asked.run(plan), name)


@pytest.mark.parametrize("name", NAMES)
def test_from_the_command_line(
    ollama_settings: Settings,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "domains" / "sums"
    folder.mkdir(parents=True)
    (folder / "domain.toml").write_text(
        f"""api = 1
[expert]
id = "sums"
description = "adding things up"
models = ["{HALF}", "{SMALL}"]
max_tokens = 40
[[capability]]
name = "add"
description = "add things up"
output = "number"
examples = ["how many are 2 and 3", "{SUM}"]
"""
    )
    monkeypatch.setenv("METIER_DOMAINS", str(tmp_path / "domains"))
    command = ["ask", "--json", "-e", "sums", "--strategy", name, SUM]
    if name != "single":
        command += ["--with", SMALL, "--with", HALF]
        command += [word for n in two_samples(name).items() for word in ("-o", f"{n[0]}={n[1]}")]
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    check(Answer.model_validate(json.loads(done.stdout)), name)


async def test_defer_is_written_by_both_and_stays_cheap(ollama_settings: Settings) -> None:
    how = Combining(strategy="defer", models=MODELS)
    settings = ollama_settings.model_copy(update={"max_calls": 12})
    async with council(settings) as asked:
        answer = await asked.ask("List ten animals, one a line, each with its food.", strategy=how)
    (part,) = answer.parts
    assert "".join(span.text for span in part.spans) == part.text
    deferrals = sum(span.model == HALF for span in part.spans)
    assert answer.usage.calls <= 1 + 2 * deferrals + 1
    assert answer.usage.calls <= 12
    assert len(await _loaded(ollama_settings)) >= 2


async def _loaded(settings: Settings) -> list[str]:
    from metier.models.ollama import OllamaServer

    server = OllamaServer.from_settings(settings)
    try:
        return [model.name for model in await server.loaded()]
    finally:
        await server.aclose()


async def test_the_same_seed_gives_the_same_votes(ollama_settings: Settings) -> None:
    how = Combining(strategy="vote", models=(HALF,), options={"samples": 3})
    votes = []
    for _ in range(2):
        async with council(ollama_settings) as asked:
            answer = await asked.ask(SUM, strategy=how)
            votes.append([vote.answer for vote in answer.parts[0].votes])
    assert votes[0] == votes[1]
