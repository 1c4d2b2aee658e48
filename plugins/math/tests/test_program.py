from __future__ import annotations

import pytest
from pydantic import ValidationError

from metier_math.program import MAX_READ_STEPS, Assignment, Program


@pytest.mark.parametrize(
    ("expression", "term"),
    [
        ("15 * 70", "15 * 70"),
        ("dose = 15 * 70", "15 * 70"),
        ("dose = 15 * 70 = 1051", "15 * 70"),
        ("15 * 70 = 1051", "15 * 70"),
        ("sqrt(16) = 5", "sqrt(16)"),
        ("f(x) = x^2", "x^2"),
        ("15 * 70 =", "15 * 70"),
    ],
)
def test_a_result_that_the_model_claims_is_not_computed_with(expression: str, term: str) -> None:
    assert Assignment(expression=expression).term == term


@pytest.mark.parametrize(
    ("written", "name"),
    [("dose", "dose"), ("Total cost ($)", "total_cost"), ("", "result"), ("x2", "x2")],
)
def test_what_a_step_is_called_becomes_a_name(written: str, name: str) -> None:
    assert Assignment(name=written, expression="1").name == name


def test_a_program_has_few_steps() -> None:
    steps = (Assignment(expression="1"),) * (MAX_READ_STEPS + 1)
    with pytest.raises(ValidationError):
        Program(operation="evaluate", steps=steps)
