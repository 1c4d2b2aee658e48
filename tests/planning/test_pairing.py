"""One clause that needs two experts, among many experts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from metier import Card, Council, Expert, Settings
from metier.experts.card import Capability
from metier.testing import FixedEmbedder, ScriptedModels

pytestmark = pytest.mark.anyio

WORDS = {
    "music": "play jazz album songs",
    "weather": "rain snow storm forecast",
    "food": "cook soup bread dinner",
    "travel": "train flight hotel booking",
    "money": "stocks bonds shares dividends",
    "news": "headlines articles journalists press",
    "garden": "roses tulips seeds tomatoes",
    "sport": "football match race medal",
    "health": "fever cough pills doctor",
    "law": "contract tenant court clause",
    "cars": "engine tyres brakes garage",
    "general": "story king poem riddle",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the index: what so many experts teach takes seconds to learn."""
    return tmp_path_factory.mktemp("index")


async def planned(
    folder: Path, question: str, *, among: int = len(WORDS), only: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """The experts and tasks of a plan by the last so many experts."""
    experts = []
    for name, words in [*WORDS.items()][-among:]:
        one, two, three, four = words.split()
        examples = (f"{one} {two} {three}", f"{two} {four}", f"{three} {one}", f"{four} {three}")
        capability = Capability(name="all", description=words, examples=examples)
        experts.append(Expert(Card(id=name, description=name, capabilities=(capability,))))
    made = Council.of(
        experts,
        settings=Settings(cache_dir=folder / str(among)),
        server=ScriptedModels(),
        embedder=FixedEmbedder(),
    )
    plan = await made.plan(question, experts=only)
    return [(step.expert, step.task) for step in plan.steps]


NEWS_OF_MONEY = "headlines articles press about stocks bonds shares, please"


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        (
            NEWS_OF_MONEY,
            [("news", "headlines articles press"), ("money", "stocks bonds shares please")],
        ),
        (
            "stocks bonds shares about headlines articles press, please",
            [("money", "stocks bonds shares please"), ("news", "headlines articles press")],
        ),
    ],
)
async def test_a_clause_that_needs_two_experts_is_a_step_for_each(
    question: str, steps: list[tuple[str, str]], folder: Path
) -> None:
    assert await planned(folder, question) == steps


@pytest.mark.parametrize(
    "question",
    [
        "headlines articles press about headlines journalists, please",
        "headlines articles press about zyx wvu tsr, please",
        "story king poem about stocks bonds shares, please",
        f"One. Two. Three. Four. {NEWS_OF_MONEY}",
    ],
    ids=["one expert", "nobody", "general", "a story"],
)
async def test_any_other_clause_is_one_step(question: str, folder: Path) -> None:
    assert len(await planned(folder, question)) == 1


async def test_only_experts_that_may_be_chosen_make_a_pair(folder: Path) -> None:
    both = await planned(folder, NEWS_OF_MONEY, only=["money", "news", "cars"])
    assert [expert for expert, _ in both] == ["news", "money"]
    assert len(await planned(folder, NEWS_OF_MONEY, only=["news", "cars"])) == 1


async def test_of_few_experts_no_two_are_taken_for_one_clause(folder: Path) -> None:
    assert len(await planned(folder, NEWS_OF_MONEY, among=8)) == 1
