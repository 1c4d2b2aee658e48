"""Kernel ridge regression to classes."""

from __future__ import annotations

import numpy as np
import pytest
from past_plans import vectors

from metier.planning.learning import kernel_ridge
from metier.planning.learning.kernel_ridge import KernelRidge

ROWS = vectors([f"text {n}" for n in range(60)])
LABELS = np.arange(60, dtype=np.int64) % 3


def test_each_row_scores_highest_in_its_own_class() -> None:
    scores = KernelRidge.fit(ROWS, LABELS, classes=3).scores(ROWS)
    assert scores.shape == (60, 3)
    assert scores.argmax(axis=1).tolist() == LABELS.tolist()


def test_it_solves_the_regression() -> None:
    kernel = np.exp(2 * (ROWS.astype(np.float64) @ ROWS.T - 1))
    weights = np.linalg.solve(kernel + 0.1 * np.eye(60), np.eye(3)[LABELS])
    scores = KernelRidge.fit(ROWS, LABELS, classes=3).scores(ROWS)
    np.testing.assert_allclose(scores, kernel @ weights, atol=1e-3)


def test_the_order_of_rows_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_ridge, "_CENTRES", 20)
    order = np.random.default_rng(3).permutation(60)
    one = KernelRidge.fit(ROWS, LABELS, classes=3)
    other = KernelRidge.fit(ROWS[order], LABELS[order], classes=3)
    np.testing.assert_array_equal(one.centres, other.centres)
    np.testing.assert_array_equal(one.weights, other.weights)


def test_rows_that_are_always_centres_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_ridge, "_CENTRES", 20)
    ridge = KernelRidge.fit(ROWS, LABELS, classes=3, always=5)
    assert len(ridge.centres) == 25
    np.testing.assert_array_equal(ridge.centres[-5:], ROWS[-5:])


def test_the_same_text_twice_is_no_problem() -> None:
    twice = np.concatenate([ROWS, ROWS])
    scores = KernelRidge.fit(twice, np.tile(LABELS, 2), classes=3).scores(ROWS)
    assert scores.argmax(axis=1).tolist() == LABELS.tolist()
