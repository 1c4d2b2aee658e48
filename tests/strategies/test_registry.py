"""Which strategies are there: built in, installed, given in code, broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sites import Site

from metier.errors import InvalidPlan, PluginBroken
from metier.plan import Plan, Step
from metier.strategies import Strategies
from metier.testing.sampler import SMALL, STEP, ScriptedSampler

pytestmark = pytest.mark.anyio

CODE = """\
async def first(step, sampler, *, words: int = 2):
    answer = await sampler.sample(sampler.own)
    return answer


async def untyped(step, sampler, *, words=2):
    ...


async def failing(step, sampler):
    raise KeyError("no such thing")


missing = None
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Site(tmp_path)


def installed(site: Site, **points: str) -> Strategies:
    site.install("their-strategies", points, {"theirs.py": CODE}, group="metier.strategies")
    return Strategies()


def test_the_built_in_ones_are_the_files_of_the_room() -> None:
    assert {"single", "vote", "auto"} <= set(Strategies().names)
    assert not {"registry", "strategy", "ballots"} & set(Strategies().names)


async def test_an_installed_strategy_is_listed_and_runs(site: Site) -> None:
    there = installed(site, first="theirs:first")
    assert "first" in there.names
    assert there.origin("first") == "their-strategies: theirs:first"
    step = STEP.model_copy(update={"strategy": "first"})
    assert (await there.run(step, ScriptedSampler({SMALL: ["seven"]}))).text == "seven"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("theirs:untyped", "needs an annotation"),
        ("theirs:missing", "an async function"),
        ("theirs:nothing", "AttributeError"),
        ("not_there:at_all", "ModuleNotFoundError"),
    ],
)
def test_a_broken_strategy_is_listed_and_skipped(site: Site, value: str, reason: str) -> None:
    there = installed(site, odd=value)
    with pytest.raises(PluginBroken, match=reason):
        there.get("odd")
    assert [broken.name for broken in there.broken] == ["odd"]
    assert there.get("vote")


def test_a_package_cannot_take_a_built_in_name(site: Site) -> None:
    there = installed(site, vote="theirs:first")
    assert there.origin("vote") == "built in"
    assert there.names
    assert [broken.name for broken in there.broken] == ["vote"]


async def test_what_a_strategy_raises_becomes_our_error(site: Site) -> None:
    there = installed(site, failing="theirs:failing")
    step = STEP.model_copy(update={"strategy": "failing"})
    with pytest.raises(PluginBroken, match="KeyError"):
        await there.run(step, ScriptedSampler({SMALL: []}))


def test_a_strategy_given_in_code_comes_first() -> None:
    async def vote(step: Step, sampler: Any) -> Any:
        return None

    assert Strategies({"vote": vote}).get("vote") is vote


@pytest.mark.parametrize(
    ("strategy", "options", "message"),
    [
        ("votes", {}, r"no strategy is called 'votes' \(nearest: 'vote'\)"),
        ("vote", {"sample": 3}, r"has no option 'sample' \(nearest: 'samples'\); it has: samples"),
        ("average", {"samples": 3}, "it has: none"),
        ("vote", {"samples": 65}, "does not take samples=65"),
        ("vote", {"samples": "many"}, "does not take samples='many'"),
        ("cascade", {"sure": 1.5}, "does not take sure=1.5"),
    ],
)
def test_what_cannot_be_used_is_refused_when_the_plan_is_checked(
    strategy: str, options: dict[str, Any], message: str
) -> None:
    step = Step(id="1", task="?", expert="math", strategy=strategy, options=options)
    with pytest.raises(InvalidPlan, match=message):
        Strategies().check(Plan(question="?", steps=(step,)))


def test_an_option_may_come_as_text() -> None:
    assert Strategies().validated("vote", {"samples": "8"}) == {"samples": 8}
