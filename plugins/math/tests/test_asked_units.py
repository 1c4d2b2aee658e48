"""The unit that a question asks for, which a result without one keeps."""

from __future__ import annotations

import pytest
from scripted_context import CARD, writing, written

from metier.experts.expert import Task
from metier_math import Math
from metier_math.asked_units import asked_unit
from metier_math.calculator import Calculator


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("What is one dose in mg?", "mg"),
        ("¿Cuánto es en grados Celsius?", "Celsius"),
        ("Was ist das in Grad Fahrenheit?", "Fahrenheit"),
        ("Convertis en mg/dl (x18)", "mg/dL"),
        ("the dose IN MG please", "mg"),
        ("¿Cuánto es en grados Celsius y qué significa eso?", "Celsius"),
        ("How many grams in 24 h", "grams"),
        ("Wie viel Gramm Salz sind das (mal 2,5)?", "grams"),
        ("Combien de grammes ?", "grams"),
        ("¿Cuántos gramos son?", "grams"),
        ("Quante ore dorme?", "hours"),
    ],
)
def test_the_unit_that_a_question_asks_for(text: str, unit: str) -> None:
    assert asked_unit(text) == unit


@pytest.mark.parametrize(
    "text",
    [
        "How many km per hour is that?",
        "How many mL does she get, and what is it in mg?",
        "How many hours did he work and how much does he earn?",
        "What percentage is lost, and how many grams?",
        "How many minutes a week is that and what % is it of 150?",
        "I run in mid winter. How fast am I?",
        "The pain in my back: how many tablets?",
        "Is 5 in 10 a lot?",
        "",
    ],
)
def test_no_unit_is_named_if_another_one_may_be_meant(text: str) -> None:
    assert asked_unit(text) == ""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "expression", "result"),
    [
        ("El termómetro marca 103,1 grados. ¿Cuánto en grados Celsius?", "(103.1-32)*5/9", "39.5"),
        ("Wie viel Gramm Salz sind das (mal 2,5)?", "3.9 * 2.5", "9.75"),
    ],
)
async def test_a_result_without_a_unit_keeps_the_one_that_was_asked_for(
    calculator: Calculator, text: str, expression: str, result: str
) -> None:
    script = writing(written("evaluate", f"answer: {expression}"))
    answer = await Math(CARD, calculator=calculator).answer(Task(text=text), script)
    assert answer.endswith(f"**Result: {result} {asked_unit(text)}**")
    assert script.values["answer"] == f"{result} {asked_unit(text)}"
