"""Whether a merged model is kept, and how far it has moved."""

from __future__ import annotations

import math
from functools import partial

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import InvalidInput, StreamInterrupted
from metier.merging.acceptance import Exercise, GateReport, passed_gate
from metier.merging.divergence import Divergence, divergence
from metier.testing import ScriptedModels

QUESTIONS = ("one", "two", "three", "four")


def exercise(question: str) -> Exercise:
    async def is_right(text: str) -> bool:
        return text == question.upper()

    return Exercise(question=question, is_right=is_right)


def replies(right: int) -> list[str]:
    """Answers of which the first are right, each followed by the text that comes next."""
    answers = [q.upper() if n < right else "no" for n, q in enumerate(QUESTIONS)]
    return [*answers, *QUESTIONS]


def gate(*, a: int, b: int, child: int, margin: float = 0.02) -> GateReport:
    with ScriptedModels({"a": replies(a), "b": replies(b), "c": replies(child)}) as models:
        return anyio.run(
            partial(
                passed_gate,
                models,
                [exercise(question) for question in QUESTIONS],
                child=("child", "c"),
                parents=[("first", "a"), ("second", "b")],
                margin=margin,
            )
        )


def test_a_child_as_good_as_its_best_parent_is_kept() -> None:
    report = gate(a=1, b=3, child=3)
    assert report.passed
    assert (report.best, report.gain.value) == ("second", 0)
    assert [each.right.value for each in report.parents] == [0.25, 0.75]


def test_a_child_that_is_worse_by_more_than_the_margin_is_not() -> None:
    report = gate(a=1, b=3, child=2)
    assert not report.passed
    assert report.gain.value == -0.25
    assert gate(a=1, b=3, child=2, margin=0.25).passed


def test_a_question_without_an_answer_counts_as_wrong() -> None:
    broken = ["ONE", StreamInterrupted("it broke off"), *replies(4)[2:]]
    with ScriptedModels({"a": replies(4), "c": broken}) as models:

        async def run() -> GateReport:
            return await passed_gate(
                models,
                [exercise(question) for question in QUESTIONS],
                child=("child", "c"),
                parents=[("a", "a")],
                margin=0,
            )

        report = anyio.run(run)
    assert (report.child.errors, report.child.right.value) == (1, 0.75)
    assert not report.passed


def test_without_questions_nothing_is_evaluated() -> None:
    with ScriptedModels({}) as models, pytest.raises(InvalidInput, match="there are no questions"):
        anyio.run(
            partial(passed_gate, models, [], child=("child", "c"), parents=[("a", "a")], margin=0.0)
        )


probabilities = st.lists(st.floats(0.01, 1), min_size=2, max_size=6)


@given(probabilities, st.data())
def test_no_distribution_is_nearer_than_itself(sizes: list[float], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.floats(0.01, 1), min_size=len(sizes), max_size=len(sizes)))
    p, q = ({f"t{n}": s / sum(each) for n, s in enumerate(each)} for each in (sizes, others))
    assert divergence(p, p) == pytest.approx(0, abs=1e-9)
    assert divergence(p, q) >= -1e-9
    whole = sum(p[t] * math.log(p[t] / q[t]) for t in p)
    assert divergence(p, q) == pytest.approx(whole, abs=1e-6)
    # Seen through fewer tokens it is never more.
    seen = {token: share for token, share in p.items() if token != "t0"}
    assert divergence(seen, q) <= whole + 1e-6


def test_texts_after_which_the_server_tells_nothing_are_left_out() -> None:
    known = {"a": 0.5, "b": 0.5}
    found = Divergence.of("parent", [known, None, known], [known, known, None])
    assert found is not None
    assert (found.kl.n, found.kl.value) == (1, 0)
    assert Divergence.of("parent", [None], [known]) is None


def test_the_example_of_a_coin_that_was_bent() -> None:
    fair, bent = {"heads": 0.5, "tails": 0.5}, {"heads": 0.75, "tails": 0.25}
    assert divergence(fair, bent) == pytest.approx(0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(2))
