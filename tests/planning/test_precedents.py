"""Parts for the experts that such questions needed in past plans."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from metier.experts.card import Capability, Card
from metier.planning.cutting import Piece, Sign
from metier.planning.index import synchronised
from metier.planning.learning.chains import PlanPredictor
from metier.planning.learning.past import PastPlan, PastStep
from metier.planning.parts import Asked, Part
from metier.planning.precedents import Needs, chained
from metier.planning.selecting import Selector
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio

DOES = {
    ("math", "sum"): "add the numbers",
    ("math", "round"): "round the total",
    ("code", "write"): "write the program",
    ("general", "tell"): "tell a story",
}
QUESTION = "add the numbers, write the program"


def cards() -> dict[str, Card]:
    return {
        expert: Card(
            id=expert,
            description=expert,
            capabilities=tuple(
                Capability(name=name, description=text, examples=(text,))
                for (owner, name), text in DOES.items()
                if owner == expert
            ),
        )
        for expert in ("math", "code", "general")
    }


async def planned(
    *steps: tuple[str, str, tuple[int, ...]],
    question: str = QUESTION,
    only: Sequence[str] | None = None,
    known: dict[str, Card] | None = None,
) -> tuple[list[Part], Needs]:
    """What is planned after a past plan with these steps: expert, capability, needs."""
    embedder, known = FixedEmbedder(), known or cards()
    index, _ = await synchronised(None, cards().values(), embedder)
    past = PastPlan(
        request=QUESTION,
        steps=tuple(PastStep(expert=e, capability=c, needs=needs) for e, c, needs in steps),
    )
    chains = PlanPredictor.fit(
        [past],
        await embedder.embed([QUESTION]),
        keys=list(DOES),
        descriptions=await embedder.embed(list(DOES.values())),
    )
    texts = question.split(", ")
    pieces = tuple(Piece(text=text, start=0, end=0, sign=Sign.COMMA) for text in texts)
    vectors = await embedder.embed([question, *texts])
    asked = Asked(
        question=question,
        pieces=pieces,
        looked_at=len(pieces),
        phrases=(),
        aspects=(),
        together=(),
        vectors=vectors,
    )
    return chained(chains, asked, Selector(index, cards()), known, only=only)


SUM, ROUND, WRITE = ("math", "sum", ()), ("math", "round", (0,)), ("code", "write", (0,))


async def test_each_expert_gets_its_pieces_and_needs_whom_it_needed() -> None:
    parts, needs = await planned(SUM, WRITE)
    assert [(part.choice.expert, part.text) for part in parts] == [
        ("math", "add the numbers"),
        ("code", "write the program"),
    ]
    assert needs == ((), (0,))
    (evidence,) = parts[0].choice.candidates
    assert (evidence.capability, evidence.score) == ("sum", 1.0)
    assert "in past plans (similarity 1.00)" in (parts[0].choice.reason or "")


async def test_neighbours_with_one_expert_are_one_part_that_does_not_need_itself() -> None:
    parts, needs = await planned(SUM, ROUND, ("code", "write", (1,)))
    assert [part.choice.expert for part in parts] == ["math", "code"]
    assert needs == ((), (0,))


async def test_the_general_expert_is_left_out() -> None:
    parts, needs = await planned(
        ("general", "tell", ()), ("math", "sum", (0,)), ("code", "write", (1,))
    )
    assert [part.choice.expert for part in parts] == ["math", "code"]
    assert needs == ((), (0,))


async def test_nothing_is_planned_for_one_expert_an_unlike_question_or_one_who_is_gone() -> None:
    assert await planned(SUM, ROUND) == ([], ())
    assert await planned(SUM, WRITE, question="zyx wvu, tsr") == ([], ())
    assert await planned(SUM, WRITE, only=["math"]) == ([], ())
    gone = {name: card for name, card in cards().items() if name != "code"}
    assert await planned(SUM, WRITE, known=gone) == ([], ())
    other = cards()
    other["code"] = other["code"].model_copy(update={"capabilities": ()})
    assert await planned(SUM, WRITE, known=other) == ([], ())


async def test_only_those_that_may_be_chosen_are_planned() -> None:
    parts, _ = await planned(SUM, WRITE, only=["math", "code"])
    assert len(parts) == 2
