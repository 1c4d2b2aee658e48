"""The probabilities of labels, from one token's alternatives."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.models.server import TokenProbability
from metier.strategies.choices.label_probabilities import label_probabilities


def token(**shares: float) -> TokenProbability:
    top = tuple((text, math.log(share)) for text, share in shares.items())
    return TokenProbability(token=top[0][0], logprob=top[0][1], top=top)


def test_the_ways_to_write_a_label_are_added_up() -> None:
    found = label_probabilities(token(**{"B": 0.4, " B": 0.2, "b": 0.2, "A": 0.2}), ["A", "B"])
    assert found == pytest.approx({"A": 0.2, "B": 0.8})


def test_the_beginning_of_a_label_counts_for_it() -> None:
    found = label_probabilities(token(may=0.5, yes=0.5), ["yes", "no", "maybe"])
    assert found["maybe"] == pytest.approx(0.5)


def test_a_beginning_of_several_labels_counts_for_none() -> None:
    found = label_probabilities(token(ma=0.9, yes=0.1), ["maybe", "many", "yes"])
    assert found["yes"] == pytest.approx(1.0)


def test_what_is_left_over_is_shared_among_the_labels_that_were_not_reported() -> None:
    found = label_probabilities(token(A=0.5, B=0.3), ["A", "B", "C", "D"])
    assert found == pytest.approx({"A": 0.5, "B": 0.3, "C": 0.1, "D": 0.1})


def test_a_label_that_was_not_reported_is_no_likelier_than_the_least_that_was() -> None:
    reported = {"The": 0.2, "A": 0.02, "I": 0.01}
    found = label_probabilities(token(**reported), ["A", "B", "C"])
    assert found == pytest.approx({"A": 0.5, "B": 0.25, "C": 0.25})


@given(
    st.dictionaries(st.sampled_from("ABCDxyz"), st.floats(1e-6, 0.14), min_size=1),
)
def test_no_unreported_label_beats_a_reported_one(shares: dict[str, float]) -> None:
    found = label_probabilities(token(**shares), list("ABCD"))
    inside = [found[label] for label in "ABCD" if label in shares]
    outside = [found[label] for label in "ABCD" if label not in shares]
    assert all(most <= least * (1 + 1e-9) for most in outside for least in inside)


def test_nothing_reported_is_nothing_known() -> None:
    assert label_probabilities(None, ["A", "B"]) == {"A": 0.5, "B": 0.5}


@given(st.dictionaries(st.sampled_from(["A", "B", " C", "D", "x", "The"]), st.floats(1e-6, 0.16)))
def test_the_shares_are_probabilities(shares: dict[str, float]) -> None:
    found = label_probabilities(token(**shares) if shares else None, ["A", "B", "C", "D"])
    assert sum(found.values()) == pytest.approx(1.0)
    assert all(share >= 0 for share in found.values())
