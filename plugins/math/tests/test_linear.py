"""No question and no model's text keeps the parent busy: it is read in linear time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hostile import processor_time, repeated

from metier.errors import InvalidInput
from metier_math.calculus import limit
from metier_math.doubts import numbers_used
from metier_math.reading import worked
from metier_math.summary import statistics

SPACES = repeated(" ", 100_000)
# Several times what it takes; a quadratic reader takes minutes.
LIMIT_S = 5.0


@pytest.mark.parametrize(
    "compute",
    [
        lambda: limit("x", "x", f"a{SPACES}b"),
        lambda: statistics(f"[a]{SPACES}x"),
    ],
    ids=["limit", "statistics"],
)
def test_what_cannot_be_read_is_refused_at_once(compute: Callable[[], object]) -> None:
    with processor_time(LIMIT_S), pytest.raises(InvalidInput):
        compute()


def test_the_numbers_of_a_long_question_are_compared_at_once() -> None:
    working = worked(f"x = sum({list(range(1_500))})")
    question = " ".join(str(n) for n in range(100_000))
    with processor_time(LIMIT_S):
        assert "1499" in numbers_used(question, working)
