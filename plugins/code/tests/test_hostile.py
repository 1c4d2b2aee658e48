"""No question and no reply keeps the expert busy, or gets an error of Python's parser out."""

from __future__ import annotations

import pytest
from hostile import processor_time, repeated

from metier_code.examples import examples

HEAD = "def f(n):\n    pass\n"
# Several times what it takes; a quadratic reader takes minutes.
LIMIT_S = 10.0


@pytest.mark.parametrize(
    "piece",
    ["f(", "f(a", "f(1) = ", "f(1) is a ", "for n = 1 ", "for n = it ", ">>> " + " " * 20_000],
)
def test_examples_are_found_in_linear_time(piece: str) -> None:
    with processor_time(LIMIT_S):
        assert examples(f"{HEAD}{repeated(piece, 300_000)}x") == ()


@pytest.mark.parametrize(
    "question",
    [
        ">>> # nothing\n1",
        ">>> a < b; c\n1",
        f"{HEAD}For n = 0x{'f' * 5_000} the output should be 3",
        f"{HEAD}For n = 1); g( the output should be 3",
    ],
)
def test_what_only_looks_like_an_example_is_none(question: str) -> None:
    assert examples(question) == ()
