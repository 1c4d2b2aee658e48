"""The units of a question find a result that is off by a thousand."""

from __future__ import annotations

import pytest
from scripted_context import CARD, writing, written

from metier.experts.expert import Result, Task
from metier_math import Math
from metier_math.calculator import Calculator

CHILD = "She weighs 21 kg and gets 10 mg/kg. How much is one dose?"
BEER = "3 beers of 0.5 l with 5% alcohol, 0.8 g per ml: how many grams of alcohol?"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("question", "steps", "unit", "result"),
    [
        (CHILD, ("answer: 21 * 10/1000",), "mg", "210 mg"),
        (CHILD, ("answer: 21 * 10",), "mg", "210 mg"),
        (CHILD, ("answer: 21 * 10/1000",), "g", "0.21 g"),
        (
            BEER,
            (
                "drunk: 3 * 0.5",
                "answer: drunk * 5/100 * 0.8",
            ),
            "g",
            "60 g",
        ),
        ("2 boxes of 1000 g, in kg?", ("answer: 2 * 1000/1000",), "kg", "2 kg"),
    ],
)
async def test_a_factor_that_the_units_contradict_is_left_out(
    calculator: Calculator, question: str, steps: tuple[str, ...], unit: str, result: str
) -> None:
    script = writing(written("evaluate", *steps, unit=unit))
    text = await Math(CARD, calculator=calculator).answer(Task(text=question), script)
    assert text.endswith(f"**Result: {result}**")


@pytest.mark.anyio
async def test_a_count_of_tablets_is_not_off_by_a_thousand(calculator: Calculator) -> None:
    dose = Result(step_id="1", expert="medical", task="?", text="1.2 g", values={"d": "1.2 g"})
    script = writing(written("evaluate", "answer: 1.2 / 400", unit="pills"))
    task = Task(text="How many 400 mg pills is that?", inputs=(dose,))
    text = await Math(CARD, calculator=calculator).answer(task, script)
    assert text.endswith("**Result: 3**")
