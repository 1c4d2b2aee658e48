"""The stand-in for an expert's context."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import Any

import pytest
from pydantic import BaseModel

from metier import Message
from metier.answer import Source
from metier.errors import InvalidOutput, ModelServerBusy
from metier.models.server import Sampling
from metier.testing import ScriptedContext, UnexpectedCall

pytestmark = pytest.mark.anyio

ASKED = (Message(role="user", content="What is 2 + 2?"),)


class Sum(BaseModel):
    total: int


async def test_the_model_gives_its_replies_in_order() -> None:
    context = ScriptedContext(["4", {"total": 4}, '{"total": 5}', {"yes": 0.75}])
    assert await context.complete(ASKED) == "4"
    assert await context.structured(ASKED, Sum) == Sum(total=4)
    assert await context.structured(ASKED, Sum) == Sum(total=5)
    assert await context.probe(ASKED, ["yes", "no"]) == {"yes": 0.75, "no": 0.0}
    assert [call.kind for call in context.calls] == ["complete", *["structured"] * 2, "probe"]
    assert all(call.messages == ASKED for call in context.calls)


async def test_replies_come_in_rounds() -> None:
    context = ScriptedContext(repeat("4"), at_once=2)
    rounds = [each async for each in context.replies(ASKED, [Sampling(seed=n) for n in range(3)])]
    assert rounds == [["4", "4"], ["4"]]
    assert [call.sampling.seed for call in context.calls] == [0, 1, 2]


@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ([], UnexpectedCall),
        ([ModelServerBusy("the queue is full")], ModelServerBusy),
        ([{"sum": 4}], InvalidOutput),
        (["4, I think"], InvalidOutput),
    ],
    ids=["no reply left", "an error", "another shape", "no JSON"],
)
async def test_what_a_script_cannot_give_is_an_error(
    replies: list[str | Mapping[str, Any] | Exception], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await ScriptedContext(replies).structured(ASKED, Sum)


def test_what_an_expert_says_of_its_answer_is_kept() -> None:
    context = ScriptedContext()
    context.cite(source := Source(name="leaflet.txt"))
    context.warn("Ask a doctor.")
    context.give("dose", "5 mg")
    context.mark_checked(True)
    context.set_confidence(0.75, abstain=True)
    assert (context.sources, context.warnings) == ([source], ["Ask a doctor."])
    assert (context.values, context.checked) == ({"dose": "5 mg"}, True)
    assert (context.confidence, context.abstained) == (0.75, True)


def test_the_old_name_of_set_confidence_still_works_and_warns() -> None:
    context = ScriptedContext()
    with pytest.warns(DeprecationWarning, match="'Context.set_confidence'"):
        context.rate(0.75, abstain=True)
    assert (context.confidence, context.abstained) == (0.75, True)
