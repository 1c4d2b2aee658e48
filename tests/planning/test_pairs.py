"""Two needs in one request."""

from __future__ import annotations

import numpy as np
import pytest
from hostile import processor_time
from hypothesis import given
from hypothesis import strategies as st

from metier.planning.pairs import pair_of, phrases


def test_a_request_that_joins_nothing_has_no_pieces() -> None:
    assert phrases("What is the derivative of x^3?") == ()


def test_pieces_stand_between_the_joints() -> None:
    assert phrases("Give me trending stocks and recent news about them.") == (
        "Give me trending stocks",
        "recent news",
        "them",
    )


@given(st.text(max_size=300))
def test_there_are_few_pieces_and_none_is_alone(text: str) -> None:
    found = phrases(text)
    assert len(found) != 1
    assert len(found) <= 12


@pytest.mark.parametrize("text", ["and " * 25_000, ", " * 50_000, "a. " * 30_000, " " * 100_000])
def test_hostile_text_takes_no_time(text: str) -> None:
    with processor_time(0.5):
        phrases(text)


def test_pieces_that_pull_apart_are_two_needs() -> None:
    whole = np.array([0.45, 0.4, 0.1, 0.1])
    apart = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]])
    alike = np.array([[0.7, 0.2, 0.1, 0.1], [0.6, 0.2, 0.1, 0.1]])
    two, one = pair_of(whole, apart, cut=True), pair_of(whole, alike, cut=False)
    assert two is not None
    assert one is not None
    assert {two.first, two.second} == {0, 1}
    assert two.probability > two.threshold
    assert one.probability < one.threshold


@given(st.permutations(range(5)))
def test_the_order_of_the_experts_does_not_matter(order: list[int]) -> None:
    dice = np.random.default_rng(3)
    whole, pieces = dice.uniform(0, 0.6, 5), dice.uniform(0, 0.6, (3, 5))
    first = pair_of(whole, pieces, cut=False)
    second = pair_of(whole[order], pieces[:, order], cut=False)
    assert first is not None
    assert second is not None
    assert {first.first, first.second} == {order[second.first], order[second.second]}
    assert second.probability == pytest.approx(first.probability)


def test_one_expert_makes_no_pair() -> None:
    assert pair_of(np.array([0.5]), np.array([[0.5], [0.4]]), cut=True) is None
    assert pair_of(np.array([0.5, 0.4]), np.zeros((0, 2)), cut=True) is None


def test_two_experts_can_make_one() -> None:
    pair = pair_of(np.array([0.5, 0.5]), np.array([[0.8, 0.1], [0.1, 0.8]]), cut=True)
    assert pair is not None
    assert 0 < pair.probability < 1
