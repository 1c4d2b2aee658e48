"""Words in common as a share, and one score of it and of similarity."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.experts.knowledge.searching import WordIndex, fused

TEXTS = {
    3: "Warfarin and aspirin together raise the risk of bleeding.",
    5: "Aspirin lowers a fever.",
    8: "Insulin is kept in the fridge.",
}
WORDS = st.lists(st.sampled_from(["iron", "zinc", "dose", "fever", "Öl", "!", ""]), max_size=8)


def test_the_share_is_higher_the_more_and_the_rarer_the_words_in_common() -> None:
    shares = WordIndex(TEXTS).shares("warfarin with aspirin")
    assert list(shares) == [3, 5]
    assert 0 < shares[5] < shares[3] < 1


def test_words_that_no_text_has_do_not_count() -> None:
    index = WordIndex(TEXTS)
    assert index.shares("aspirin xylitol") == index.shares("aspirin")
    assert index.shares("xylitol") == index.shares("the?!") == {}


@given(st.lists(WORDS.map(" ".join), min_size=1, max_size=6), WORDS.map(" ".join))
def test_a_share_is_between_none_and_all(texts: list[str], query: str) -> None:
    shares = WordIndex(dict(enumerate(texts))).shares(query)
    assert all(0 < share <= 1 for share in shares.values())


def test_a_near_text_with_few_words_comes_before_a_far_one_with_more() -> None:
    near = {1: 0.9, 2: 0.2, 3: 0.5}
    scores = fused(near, {1: 0.1, 2: 0.6})
    assert list(scores) == [1, 2, 3]
    assert scores == pytest.approx({1: 1.0, 2: 0.8, 3: 0.5})
