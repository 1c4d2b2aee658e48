"""Asking the general model how to split, where that is unsure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier import Card, Council, Expert, Limits, Message, Settings
from metier.errors import DeadlineExceeded
from metier.events import fold
from metier.experts.card import Capability
from metier.models.server import Sampling
from metier.planning.ask_to_split import asker, grouped
from metier.planning.cutting import Piece, cut
from metier.planning.openings import Openings
from metier.planning.splitter import Split
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Stall

pytestmark = pytest.mark.anyio

PIECES = ["the trending stocks", "recent news", "music"]


async def asked(reply: str) -> tuple[tuple[int, ...], ...] | None:
    async def replies(messages: Sequence[Message], sampling: Sampling) -> str:
        return reply

    return await asker(replies)("stocks, news and music", PIECES)


async def test_the_pieces_of_each_task_come_back() -> None:
    assert await asked('{"1": 1, "2": 1, "3": 2}') == ((0, 1), (2,))


async def test_a_task_is_wanted_for_every_piece() -> None:
    samplings: list[Sampling] = []

    async def replies(messages: Sequence[Message], sampling: Sampling) -> str:
        samplings.append(sampling)
        assert messages[-1].content.endswith("2. recent news\n3. music\nAnswer:")
        return '{"1": 1}'

    assert await asker(replies)("stocks, news and music", PIECES) == ((0, 1, 2),)
    (sampling,) = samplings
    task = {"type": "integer", "enum": [1, 2, 3]}
    properties = {"1": task, "2": task, "3": task}
    wanted = {"type": "object", "properties": properties, "required": ["1", "2", "3"]}
    assert (sampling.schema, sampling.max_tokens) == (wanted, 40)


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


def _council(
    tmp_path: Path, server: ScriptedModels, *, ask: bool, timeout_s: float = 60
) -> Council:
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
        settings=Settings(cache_dir=tmp_path, ask_to_split=ask, timeout_s=timeout_s),
        server=server,
        embedder=FixedEmbedder(),
    )


class Unsure:
    """A splitter that finds one part and is not sure of it."""

    def pieces(self, question: str) -> tuple[Piece, ...]:
        return cut(question, Openings())

    def texts(self, question: str, pieces: Sequence[Piece]) -> list[str]:
        return [piece.text for piece in pieces]

    def split(self, *_: object, **__: object) -> Split:
        return Split(spans=(), several=0.5)


@pytest.fixture
def unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request is unsure."""
    monkeypatch.setattr("metier.planning.assembly.LearntSplitter", lambda *_: Unsure())


QUESTION = "trending stocks market / recent news headlines"


@pytest.mark.usefixtures("unsure")
async def test_the_model_is_asked_once_and_what_it_says_is_planned(tmp_path: Path) -> None:
    server = ScriptedModels({"general": [SPLIT]})
    plan = await _council(tmp_path, server, ask=True).plan(QUESTION)
    assert [step.expert for step in plan.steps] == ["stocks", "news"]
    assert len(server.requests) == 1


SPLIT = '{"1": 1, "2": 2}'


@pytest.mark.usefixtures("unsure")
async def test_the_call_is_told_with_those_of_the_run_and_counts_as_one(tmp_path: Path) -> None:
    server = ScriptedModels({"general": [SPLIT, "Up.", "None."]})
    made = _council(tmp_path, server, ask=True)
    events = [event async for event in made.stream(QUESTION)]
    assert [event.type for event in events[:3]] == ["plan_ready", "call_started", "call_done"]
    called = [event for event in events if event.type == "call_started"]
    assert [event.purpose for event in called] == ["split", "step", "step"]
    assert [event.call_id for event in called] == ["1", "2", "3"]
    assert fold(events).usage.calls == 3


@pytest.mark.usefixtures("unsure")
async def test_the_call_counts_against_the_budget(tmp_path: Path) -> None:
    server = ScriptedModels({"general": [SPLIT, "Up."]})
    answer = await _council(tmp_path, server, ask=True).ask(QUESTION, limits=Limits(max_calls=2))
    assert answer.usage.calls == 2
    assert [missing.code for missing in answer.missing] == ["budget_exceeded"]


@pytest.mark.usefixtures("unsure")
async def test_the_last_call_is_left_for_the_answer(tmp_path: Path) -> None:
    server = ScriptedModels({"general": ["All is well."]})
    answer = await _council(tmp_path, server, ask=True).ask(QUESTION, limits=Limits(max_calls=1))
    assert (answer.usage.calls, len(answer.parts)) == (1, 1)


@pytest.mark.usefixtures("unsure")
@pytest.mark.parametrize("ask", [Council.plan, Council.ask])
async def test_a_model_that_never_replies_is_waited_for_no_longer_than_the_deadline(
    tmp_path: Path, ask: Callable[[Council, str], Awaitable[object]]
) -> None:
    server = ScriptedModels({"general": [Stall(), "It is late."]})
    made = _council(tmp_path, server, ask=True, timeout_s=0.2)
    with anyio.fail_after(20), suppress(DeadlineExceeded):  # without a deadline it never ends
        await ask(made, QUESTION)
    assert server.closed_early == ["general"]


@pytest.mark.usefixtures("unsure")
async def test_without_the_wish_no_model_is_asked(tmp_path: Path) -> None:
    server = ScriptedModels()
    plan = await _council(tmp_path, server, ask=False).plan(QUESTION)
    assert len(plan.steps) == 1
    assert not server.requests


@pytest.mark.usefixtures("unsure")
async def test_a_model_that_says_one_task_leaves_the_question_whole(tmp_path: Path) -> None:
    server = ScriptedModels({"general": ['{"1": 1, "2": 1}']})
    plan = await _council(tmp_path, server, ask=True).plan(QUESTION)
    assert [step.task for step in plan.steps] == [QUESTION]
