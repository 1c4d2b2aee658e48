"""What later steps are given of a calculation."""

from __future__ import annotations

import pytest
from scripted_context import CARD, writing, written

from metier.experts.expert import Task
from metier_math import Math
from metier_math.calculator import Calculator

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("text", "program", "values"),
    [
        (
            "Mean of 3, 5, 9 and 11?",
            written("statistics", "numbers: 3, 5, 9, 11"),
            {"answer": "7"},
        ),
        (
            "Mean and standard deviation of 3, 5, 9 and 11?",
            written("statistics", "numbers: 3, 5, 9, 11"),
            {"mean": "7", "sd": "2*sqrt(30)/3 ≈ 3.6515"},
        ),
        (
            "average and standard deviation of 3, 5, 9 and 11?",
            written("evaluate", "mean: mean(3, 5, 9, 11)", "answer: pstdev(3, 5, 9, 11 + 0*mean)"),
            {"mean": "7", "answer": "sqrt(10) ≈ 3.1623"},
        ),
        (
            "slope and intercept of the line through (2, 12.5) and (6, 26.5)?",
            written("statistics", "line: [2, 6], [12.5, 26.5]"),
            {"slope": "3.5", "intercept": "5.5"},
        ),
        # A step on the way is not asked for.
        (
            "How far are 3, 5 and 9 from each other?",
            written("evaluate", "mean: mean(3, 5, 9)", "answer: 9 - mean"),
            {"answer": "10/3 ≈ 3.3333"},
        ),
        # A figure on the way that the question names is not its answer.
        (
            "Twice the mean of 3, 5 and 10?",
            written("evaluate", "mean: mean(3, 5, 10)", "result: 2*mean"),
            {"mean": "6", "answer": "12"},
        ),
        (
            "The mean and the standard deviation of 3, 5, 9 and 11?",
            written("evaluate", "mean: mean(3, 5, 9, 11)", "std_dev: stdev(3, 5, 9, 11 + 0*mean)"),
            {"mean": "7", "std_dev": "2*sqrt(30)/3 ≈ 3.6515"},
        ),
        (
            "What is the mean of 3, 5 and 10?",
            written("evaluate", "mean: (3 + 5 + 10)/3", "answer: mean"),
            {"answer": "6"},
        ),
    ],
)
async def test_each_figure_that_the_question_names_is_given(
    calculator: Calculator, text: str, program: dict[str, object], values: dict[str, str]
) -> None:
    script = writing(program)
    await Math(CARD, calculator=calculator).answer(Task(text=text), script)
    assert script.values == values
