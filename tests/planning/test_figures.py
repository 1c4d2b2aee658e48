"""Whose requests bring numbers along."""

from __future__ import annotations

import numpy as np

from metier.planning.figures import Figures, has_number

SUMS = ("what is 2 plus 2", "half of 18", "solve 3x = 9", "how many are left?")
FACTS = ("how many keys does a piano have", "who was Mozart", "how tall is the tower")


def test_a_number_speaks_for_whom_they_are_brought_to() -> None:
    without, with_one = Figures({"math": SUMS, "general": FACTS}).log_odds(["math", "general"])
    assert with_one[0] > 0 > with_one[1]
    assert without[1] > 0 > without[0]


def test_of_an_expert_without_examples_nothing_is_known() -> None:
    figures = Figures({"math": SUMS, "general": FACTS, "new": ()})
    assert np.allclose(figures.log_odds(["new", "unheard of"]), 0.0)
    assert np.allclose(Figures().log_odds(["math"]), 0.0)


def test_figures_of_any_script_are_numbers() -> None:
    assert has_number("६ और ७")
    assert not has_number("six and seven")
