"""Past plans: what is refused, what a plan becomes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from metier.plan import Candidate, Plan, Step
from metier.planning.learning.past import PastPlan, PastStep


def step(capability: str, *needs: int) -> PastStep:
    return PastStep(expert="e", capability=capability, needs=needs)


@pytest.mark.parametrize("need", [-1, 1, 2])
def test_a_step_needs_only_earlier_ones(need: int) -> None:
    with pytest.raises(ValidationError, match="may only need steps before it"):
        PastPlan(request="r", steps=(step("a"), step("b", need)))


def test_a_chain_has_each_capability_once_where_it_came_first() -> None:
    plan = PastPlan(request="r", steps=(step("a"), step("b", 0), step("a"), step("c", 1)))
    assert plan.chain == (("e", "a"), ("e", "b"), ("e", "c"))
    assert plan.links == {(("e", "a"), ("e", "b")), (("e", "b"), ("e", "c"))}


def test_a_plan_that_was_run_becomes_a_past_plan_in_its_order() -> None:
    def planned(name: str, capability: str | None, *needs: str) -> Step:
        chosen = Candidate(expert="math", score=1, probability=1, capability=capability)
        return Step(id=name, task=f"do {name}", expert="math", needs=needs, candidates=(chosen,))

    plan = Plan(question="q", steps=(planned("b", "use", "a"), planned("a", "give")))
    past = PastPlan.of(plan)
    assert past is not None
    assert [(s.capability, s.task, s.needs) for s in past.steps] == [
        ("give", "do a", ()),
        ("use", "do b", (0,)),
    ]
    assert PastPlan.of(Plan(question="q", steps=(planned("a", None),))) is None
