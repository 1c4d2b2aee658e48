"""Intervals, and folds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.evaluating.estimate import Estimate, folds, mcnemar


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(176, 195, 0.853, 0.937), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (1, 2, 0.095, 0.905)],
)
def test_a_share_has_wilson_s_interval(right: int, n: int, low: float, high: float) -> None:
    found = Estimate.share(np.arange(n) < right)
    assert (found.value, found.n) == (right / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-4)


def test_nothing_observed_is_nothing_known() -> None:
    assert Estimate.share(np.zeros(0, bool)) == Estimate(value=0, low=0, high=1, n=0)


def test_a_mean_has_an_interval_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(1).normal(size=400)
    found = Estimate.mean(values)
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_what_never_varies_has_no_width() -> None:
    assert Estimate.mean(np.full(9, 0.5)) == Estimate(value=0.5, low=0.5, high=0.5, n=9)


@given(st.lists(st.tuples(st.sampled_from("abcdefghijkl"), st.integers(0, 2)), min_size=1))
def test_equal_texts_are_in_one_fold(rows: list[tuple[str, int]]) -> None:
    found = folds([text for text, _ in rows], np.array([group for _, group in rows])).tolist()
    of = dict(zip((text for text, _ in rows), found, strict=True))
    assert [of[text] for text, _ in rows] == found
    assert set(found) <= set(range(5))


def test_a_group_is_spread_over_the_folds() -> None:
    groups = np.repeat([0, 1], [40, 10])
    found = folds([str(n) for n in range(50)], groups)
    for group, each in ((0, 8), (1, 2)):
        assert np.bincount(found[groups == group]).tolist() == [each] * 5


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (10, 2, 158 / 4096), (2, 10, 158 / 4096)],
)
def test_mcnemar_counts_only_where_the_two_differ(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p)


def test_there_is_no_mean_of_nothing() -> None:
    with pytest.raises(ValueError, match="no mean of nothing"):
        Estimate.mean(np.zeros(0))
