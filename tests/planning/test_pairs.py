"""Two needs in one request."""

from __future__ import annotations

import numpy as np
import pytest
from hostile import processor_time
from hypothesis import given
from hypothesis import strategies as st

from metier.planning.pairs import features, pair_of, phrases


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


@pytest.mark.parametrize(
    ("question", "pieces"),
    [
        ("Plan it. Book it", ("Plan it", "Book it")),
        ("Plan my trip or book this one", ("Plan my trip", "book this one")),
        ("Stocks as well as news", ("Stocks", "news")),
        ("News; news on Mars", ("News;", "news", "Mars")),
        ("Go. Look at it, or me", ("Look at it", "or me")),
        ("Look at 'this one', and that", ("Look at 'this one", "and that")),
        ("news for Ann", ()),
        (", ".join(f"part {n:02}" for n in range(20)), tuple(f"part {n:02}" for n in range(12))),
    ],
)
def test_short_and_later_pieces_are_left_out(question: str, pieces: tuple[str, ...]) -> None:
    assert phrases(question) == pieces


def test_how_two_experts_pull_is_measured() -> None:
    whole = np.array([0.1, 0.4, 0.2, 0.0])
    pieces = np.array([[0.3, 0.8, 0.2, 0.0], [0.1, 0.2, 0.6, 0.2]])
    # The means of the question and the nearest piece are 0.2, 0.6, 0.4 and 0.1.
    assert features(whole, pieces, cut=True) == pytest.approx([0.4, 0.2, 0.2, 0.25, 0.4, 1])
    assert features(whole[1:3], pieces[:, 1:3], cut=False) == pytest.approx(
        [0.4, 0.2, 0.4, 0.4, 0.4, 0]
    )


@pytest.mark.parametrize(
    ("experts", "threshold"), [(2, 0.444), (10, 0.444), (44, 0.599), (199, 0.756), (999, 0.756)]
)
def test_more_experts_need_a_surer_pair(experts: int, threshold: float) -> None:
    pair = pair_of(np.zeros(experts), np.zeros((2, experts)), cut=False)
    assert pair is not None
    assert pair.threshold == pytest.approx(threshold, abs=0.001)
