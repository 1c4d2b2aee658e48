"""Several replies to the same messages: rounds, and what the budget and a failure leave of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from metier import Answer, Card, Context, Council, Expert, Limits, Plan, Settings, Task
from metier.errors import BudgetExceeded, ContextOverflow
from metier.experts.card import Capability
from metier.experts.expert import messages_for
from metier.plan import Step
from metier.testing import FixedEmbedder, ScriptedModels
from metier.testing.models import Reply

pytestmark = pytest.mark.anyio


class Several(Expert):
    """Asks for so many replies, and tells what each round brought."""

    wanted = 5
    rounds = 99

    async def answer(self, task: Task, context: Context) -> str:
        samplings = [replace(context.sampling, seed=seed) for seed in range(self.wanted)]
        told: list[str] = []
        with suppress(BudgetExceeded):
            async for replies in context.replies(messages_for(self.card, task), samplings):
                told.append("+".join(replies))
                if len(told) == self.rounds:
                    break
        return " | ".join(told)


async def asked(
    expert: Expert, replies: Sequence[Reply], tmp_path: Path, *, concurrency: int, calls: int = 16
) -> tuple[Answer, ScriptedModels]:
    general = Expert(Card(id="general", description="general", models=("small",)))
    plan = Plan(question="Say it.", steps=(Step(id="1", task="Say it.", expert="math"),))
    with ScriptedModels({"small": replies}, concurrency=concurrency) as models:
        council = Council.of(
            (general, expert),
            settings=Settings(cache_dir=tmp_path),
            server=models,
            embedder=FixedEmbedder(),
        )
        return await council.run(plan, limits=Limits(max_calls=calls)), models


@pytest.fixture
def expert() -> Several:
    capability = Capability(name="all", description="everything")
    return Several(
        Card(id="math", description="math", models=("small",), capabilities=(capability,))
    )


@pytest.mark.parametrize(
    ("concurrency", "told"), [(1, "a | b | c | d | e"), (2, "a+b | c+d | e"), (8, "a+b+c+d+e")]
)
async def test_a_round_has_as_many_as_there_is_room_for(
    concurrency: int, told: str, expert: Several, tmp_path: Path
) -> None:
    answer, models = await asked(expert, list("abcde"), tmp_path, concurrency=concurrency)
    assert answer.text == told
    assert [request.sampling.seed for request in models.requests] == [0, 1, 2, 3, 4]


async def test_who_stops_reading_asks_for_no_more(expert: Several, tmp_path: Path) -> None:
    expert.rounds = 1
    answer, _ = await asked(expert, ["a", "b"], tmp_path, concurrency=2)
    assert answer.text == "a+b"
    assert answer.usage.calls == 2


async def test_a_round_is_no_longer_than_the_budget(expert: Several, tmp_path: Path) -> None:
    answer, _ = await asked(expert, ["a", "b", "c"], tmp_path, concurrency=2, calls=3)
    assert answer.text == "a+b | c"
    assert answer.usage.calls == 3


async def test_one_that_fails_is_left_out(expert: Several, tmp_path: Path) -> None:
    replies: list[Reply] = ["a", ContextOverflow("small", num_ctx=4096), "c", "d", "e"]
    answer, _ = await asked(expert, replies, tmp_path, concurrency=3)
    assert answer.text == "a+c | d+e"


async def test_where_all_fail_the_first_error_is_raised(expert: Several, tmp_path: Path) -> None:
    replies: list[Reply] = [ContextOverflow("small", num_ctx=4096)] * 2
    with pytest.raises(ContextOverflow):
        await asked(expert, replies, tmp_path, concurrency=2)
