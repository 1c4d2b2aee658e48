"""The order of steps: every need first, and as few model loads as that permits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise, permutations

import pytest
from dags import dags
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.engine.ordering import EXACT_UP_TO, ordered
from metier.plan import Step

MODELS = ["a", "b", "c"]


@st.composite
def problems(
    draw: st.DrawFn, max_steps: int = 6
) -> tuple[list[Step], dict[str, str], list[str], str | None]:
    """Steps, the models of some of them, those in memory, and the one that comes last."""
    steps = draw(dags(max_steps))
    chosen = {step.id: draw(st.none() | st.sampled_from(MODELS)) for step in steps}
    return (
        steps,
        {step: model for step, model in chosen.items() if model is not None},
        draw(st.lists(st.sampled_from(MODELS), unique=True)),
        draw(st.none() | st.sampled_from(MODELS)),
    )


def loads(
    order: Sequence[Step],
    models: Mapping[str, str],
    loaded: Collection[str] = (),
    last: str | None = None,
) -> int:
    """How often another model has to be loaded; the first may be in memory already."""
    run = [models[step.id] for step in order if step.id in models]
    run += [last] if last else []
    changes = sum(one != other for one, other in pairwise(run))
    return changes + (1 if run and run[0] not in loaded else 0)


def respects_needs(order: Sequence[Step]) -> bool:
    done: set[str] = set()
    for step in order:
        if not done.issuperset(step.needs):
            return False
        done.add(step.id)
    return True


def valid_orders(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    return (order for order in permutations(steps) if respects_needs(order))


def by_id(steps: Sequence[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: step.id)


def independent(models: str) -> tuple[list[Step], dict[str, str]]:
    """A step for each letter, which names its model."""
    steps = [Step(id=str(n), task="do", expert="math") for n in range(len(models))]
    return steps, {step.id: model for step, model in zip(steps, models, strict=True)}


@settings(deadline=None)
@given(problems())
def test_an_order_holds_every_step_once_and_after_its_needs(
    problem: tuple[list[Step], dict[str, str], list[str], str | None],
) -> None:
    steps, models, loaded, last = problem
    order = ordered(steps, models, loaded=loaded, last=last)
    assert by_id(order) == by_id(steps)
    assert respects_needs(order)


@settings(deadline=None)
@given(problems())
def test_no_other_order_loads_models_less_often(
    problem: tuple[list[Step], dict[str, str], list[str], str | None],
) -> None:
    steps, models, loaded, last = problem
    order = ordered(steps, models, loaded=loaded, last=last)
    fewest = min(loads(other, models, loaded, last) for other in valid_orders(steps))
    assert loads(order, models, loaded, last) == fewest


@settings(deadline=None)
@given(problems())
def test_the_same_steps_get_the_same_order(
    problem: tuple[list[Step], dict[str, str], list[str], str | None],
) -> None:
    steps, models, loaded, last = problem
    first, second = (ordered(steps, models, loaded=loaded, last=last) for _ in range(2))
    assert first == second


@settings(deadline=None)
@given(problems(max_steps=3 * EXACT_UP_TO))
def test_a_plan_of_any_length_gets_a_valid_order(
    problem: tuple[list[Step], dict[str, str], list[str], str | None],
) -> None:
    steps, models, loaded, last = problem
    order = ordered(steps, models, loaded=loaded, last=last)
    assert by_id(order) == by_id(steps)
    assert respects_needs(order)


def test_a_long_plan_keeps_the_steps_of_a_model_together() -> None:
    steps, models = independent("ab" * EXACT_UP_TO)
    assert loads(ordered(steps, models), models) == 2


def test_a_long_plan_begins_with_a_model_in_memory() -> None:
    steps, models = independent("ab" * EXACT_UP_TO)
    assert models[ordered(steps, models, loaded=["b"])[0].id] == "b"


@pytest.mark.parametrize(
    ("models", "loaded", "last", "expected"),
    [
        ("aaa", [], None, "aaa"),
        ("aba", [], None, "aab"),
        ("ab", ["b"], None, "ba"),
        ("ab", [], "a", "ba"),
        ("aba", ["b"], "a", "baa"),
        ("abc", ["c"], "b", "cab"),
    ],
)
def test_steps_are_grouped_from_the_model_in_memory_to_the_one_that_comes_last(
    models: str, loaded: list[str], last: str | None, expected: str
) -> None:
    steps, named = independent(models)
    order = ordered(steps, named, loaded=loaded, last=last)
    assert "".join(named[step.id] for step in order) == expected


def test_steps_without_reason_to_move_stay_as_they_are() -> None:
    steps, models = independent("aaaa")
    assert ordered(steps, models) == steps
