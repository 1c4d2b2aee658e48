"""Which step needs which."""

from __future__ import annotations

import pytest

from metier.capability import Capability
from metier.planning.linking import links


def needs(*tasks: str) -> list[list[int]]:
    return [list(found) for found in links(tasks, [None] * len(tasks))]


@pytest.mark.parametrize(
    ("second", "needed"),
    [
        ("Write a function for that dose.", [0]),
        ("Then explain it to a child.", [0]),
        ("Convert the result to grams.", [0]),
        ("Write a function that gives the dose for any weight.", [0]),
        ("Write a function that adds two numbers.", []),
        ("Is that a fever?", [0]),
        ("Prove that 2 is even.", []),
        ("The trouble is that Rome fell. Why?", []),
        ("Who wrote Hamlet?", []),
        ("say when paracetamol must not be given", []),
    ],
)
def test_a_link_stands_where_the_words_point_back(second: str, needed: list[int]) -> None:
    assert needs("What is one dose in mg for 70 kg?", second) == [[], needed]


def test_the_first_step_needs_nothing() -> None:
    assert needs("What is it?") == [[]]


def test_a_noun_points_to_the_step_that_brought_it() -> None:
    tasks = ("Compute the area of the garden.", "Who wrote Hamlet?", "Round the area.")
    assert needs(*tasks)[2] == [0]


def test_links_only_go_back() -> None:
    tasks = ("it and the dose", "it and the dose", "it and the dose")
    assert all(m < n for n, found in enumerate(needs(*tasks)) for m in found)


def test_a_kind_that_cannot_be_used_is_no_link() -> None:
    gives_code = Capability(name="write", description="code", output="code")
    takes_numbers = Capability(name="sum", description="sums", inputs=("number",))
    assert links(("Write code.", "Sum it."), (gives_code, takes_numbers)) == ((), ())
