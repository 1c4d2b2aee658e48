"""Asking the general model how to split, where that is unsure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier import Card, Council, Expert, Settings
from metier.experts.card import Capability
from metier.planning import planner
from metier.planning.asking import asker, grouped
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

PIECES = ["the trending stocks", "recent news", "music"]


async def _model() -> str:
    return "general"


async def asked(reply: str) -> tuple[tuple[int, ...], ...] | None:
    return await asker(ScriptedModels({"general": [reply]}), _model)(
        "stocks, news and music", PIECES
    )


async def test_the_pieces_of_each_task_come_back() -> None:
    assert await asked('{"1": 1, "2": 1, "3": 2}') == ((0, 1), (2,))


@pytest.mark.parametrize("reply", ["", "two tasks", '{"1": "one"}', "{}", "[1, 2]"])
async def test_an_answer_without_sense_is_dropped(reply: str) -> None:
    assert await asked(reply) is None


async def test_numbers_of_no_piece_are_left_out() -> None:
    assert await asked('{"0": 3, "1": 1, "3": 2, "99": 1, "x": 2}') == ((0, 1), (2,))


@given(
    st.dictionaries(st.integers(-2, 9).map(str), st.integers(-9, 9), max_size=9), st.integers(1, 8)
)
def test_every_piece_is_in_exactly_one_task(tasks: dict[str, int], count: int) -> None:
    found = grouped(tasks, count)
    if found is not None:
        assert sorted(piece for group in found for piece in group) == list(range(count))
        assert all(found)


def _council(tmp_path: Path, server: ScriptedModels, *, ask: bool) -> Council:
    subjects = {"stocks": "trending stocks market", "news": "recent news headlines"}
    cards = [
        Card(
            id=name,
            description=text,
            capabilities=(Capability(name="all", description=text, examples=(text,)),),
        )
        for name, text in subjects.items()
    ]
    general = Card(
        id="general",
        description="anything",
        models=("general",),
        capabilities=(Capability(name="all", description="a story", examples=("a story",)),),
    )
    return Council.of(
        [Expert(card) for card in [*cards, general]],
        settings=Settings(cache_dir=tmp_path, ask_to_split=ask),
        server=server,
        embedder=FixedEmbedder(),
    )


@pytest.fixture
def unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request that joins something is unsure."""
    monkeypatch.setattr(planner, "_unsure", lambda _: True)
    monkeypatch.setattr("metier.planning.pairs._BIAS", -50.0)


QUESTION = "An overview with trending stocks market, recent news headlines"


@pytest.mark.usefixtures("unsure")
async def test_the_model_is_asked_once_and_what_it_says_is_planned(tmp_path: Path) -> None:
    server = ScriptedModels({"general": ['{"1": 1, "2": 1, "3": 2}']})
    plan = await _council(tmp_path, server, ask=True).plan(QUESTION)
    assert [step.expert for step in plan.steps] == ["stocks", "news"]
    assert len(server.requests) == 1


@pytest.mark.usefixtures("unsure")
async def test_without_the_wish_no_model_is_asked(tmp_path: Path) -> None:
    server = ScriptedModels()
    plan = await _council(tmp_path, server, ask=False).plan(QUESTION)
    assert len(plan.steps) == 1
    assert not server.requests


@pytest.mark.usefixtures("unsure")
async def test_a_model_that_says_one_task_leaves_the_question_whole(tmp_path: Path) -> None:
    server = ScriptedModels({"general": ['{"1": 1, "2": 1, "3": 1}']})
    plan = await _council(tmp_path, server, ask=True).plan(QUESTION)
    assert [step.task for step in plan.steps] == [QUESTION]
