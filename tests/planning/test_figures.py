"""Whose requests bring numbers along, or name a function."""

from __future__ import annotations

import numpy as np
import pytest

from metier.planning.cutting import cut
from metier.planning.figures import Figures, kind_of
from metier.planning.observing import kinds_of
from metier.planning.openings import Openings

SUMS = ("what is 2 plus 2", "half of 18", "solve 3x = 9", "how many are left?")
FACTS = ("how many keys does a piano have", "who was Mozart", "how tall is the tower")


def test_a_number_speaks_for_whom_they_are_brought_to() -> None:
    without, with_one, _ = Figures({"math": SUMS, "general": FACTS}).log_odds(["math", "general"])
    assert with_one[0] > 0 > with_one[1]
    assert without[1] > 0 > without[0]


def test_of_an_expert_without_examples_nothing_is_known() -> None:
    figures = Figures({"math": SUMS, "general": FACTS, "new": ()})
    assert np.allclose(figures.log_odds(["new", "unheard of"]), 0.0)
    assert np.allclose(Figures().log_odds(["math"]), 0.0)


def test_figures_of_any_script_are_numbers() -> None:
    assert kind_of("६ और ७") == 1
    assert kind_of("six and seven") == 0


PROGRAMS = ("write is_even(n) in Python", "a function slug(title)", "sort a list in Rust")


def test_a_function_that_is_named_speaks_for_who_writes_programs() -> None:
    experts = ["math", "code"]
    *_, with_a_name = Figures({"math": SUMS, "code": PROGRAMS}).log_odds(experts)
    assert with_a_name[1] > 0 > with_a_name[0]


@pytest.mark.parametrize(
    "text",
    [
        "f(x) = 3x, the function's zeros",
        "derivative of the function sin(x)",
        "teeth (adults) in all",
        "When do I have to return the book(s)?",
        "what returns the bus(es) make",
    ],
)
def test_a_function_of_mathematics_and_an_aside_and_a_plural_are_no_names(text: str) -> None:
    assert kind_of(text) < 2


@pytest.mark.parametrize("text", ["a function reverse(s)", "is_over(fee) returns True above 9"])
def test_the_name_of_a_function_may_have_any_argument(text: str) -> None:
    assert kind_of(text) == 2


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("half of 9, then over(n) in Python, True if n is above that", [1, 2, 2]),
        ("Python: over(n), True above that. What is half of 9?", [0, 2, 2, 1]),
        ("over(n) in Python, and what is half of 9?", [2, 1]),
    ],
)
def test_what_a_function_does_goes_with_its_name(text: str, kinds: list[int]) -> None:
    assert kinds_of(text, cut(text, Openings())).tolist() == kinds
