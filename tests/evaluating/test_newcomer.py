"""One expert among all: what it gets, loses and takes, with an embedder that hashes words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from metier import Card, Council, Expert, Settings
from metier.errors import InvalidInput, UnknownExpert
from metier.evaluating.newcomer import NewcomerReport, evaluated_newcomer
from metier.evaluating.questions import RoutingQuestion
from metier.experts.card import Capability
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

EXAMPLES = {
    "math": ("compute the sum of two numbers", "solve the equation for x"),
    "code": ("write a python function", "fix this bash script"),
    "general": ("tell me a story about a king", "who was the first queen"),
    # Takes what is asked of sums of numbers.
    "counting": ("count the sum of many numbers", "count the apples"),
}


async def report(
    folder: Path, questions: Sequence[tuple[str, str]], *names: str, expert: str = "counting"
) -> NewcomerReport:
    experts = []
    for name in names or tuple(EXAMPLES):
        capability = Capability(name="all", description=f"{name} things", examples=EXAMPLES[name])
        experts.append(Expert(Card(id=name, description=name, capabilities=(capability,))))
    council = Council.of(
        experts,
        settings=Settings(cache_dir=folder),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )
    asked = [RoutingQuestion(question=text, expert=owner) for text, owner in questions]
    return await evaluated_newcomer(council, asked, expert=expert)


async def test_what_it_takes_that_went_right_without_it_is_stolen(tmp_path: Path) -> None:
    found = await report(
        tmp_path,
        [("count the apples", "counting"), ("the sum of many numbers", "math")],
    )
    (stolen,) = found.stolen
    assert (stolen.question, stolen.owner, stolen.taker) == (
        "the sum of many numbers",
        "math",
        "counting",
    )
    assert stolen.before == "math"
    assert (found.others.value, found.others_before.value) == (0.0, 1.0)
    assert (found.recall.value, found.precision.value) == (1.0, 0.5)


async def test_what_went_wrong_without_it_is_not_stolen(tmp_path: Path) -> None:
    found = await report(
        tmp_path,
        [("count the apples", "counting"), ("count the sum of many numbers", "code")],
    )
    assert found.stolen == ()
    assert [each.owner for each in found.wrong_anyway] == ["code"]


async def test_what_it_does_not_get_is_lost_to_whoever_takes_it(tmp_path: Path) -> None:
    found = await report(tmp_path, [("write a python function", "counting")])
    assert [(each.question, each.taker) for each in found.lost] == [
        ("write a python function", "code")
    ]
    assert found.recall.value == 0


async def test_without_a_question_of_its_own_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no question belongs to 'counting'"):
        await report(tmp_path, [("compute the sum of two numbers", "math")])


async def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownExpert, match="nearest: 'counting'"):
        await report(tmp_path, [], expert="countin")


async def test_one_alone_takes_from_nobody(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'counting' is the only expert"):
        await report(tmp_path, [("count the apples", "counting")], "counting")
