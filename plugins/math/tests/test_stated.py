"""Calculations that a question states in full: computed without a model."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_context import CARD, kinds, saying

from metier.experts.expert import Task
from metier_math import Math, compute
from metier_math.calculator import Calculator
from metier_math.stated import stated_in


@pytest.mark.parametrize(
    ("task", "result"),
    [
        ("What is 347 * 29?", "10063"),
        ("what's 2+2", "4"),
        ("12.5% of 840", "105"),
        ("What do I get if I multiply 58 by 416?", "24128"),
        ("subtract 5 from 12", "7"),
        ("7/9 minus 1/6, as a fraction please", "11/18 ≈ 0.6111"),
        ("what is 1,250 + 3,400", "4650"),
        ("what is 3 x 7", "21"),
        ("sqrt(144) + 3 =", "15"),
        ("Berechne 17 % von 460", "78.2"),
        ("Was ist 12,5 * 3?", "37.5"),
        ("combien font 7 fois 8 ?", "56"),
        ("¿Cuánto es 7 por 8?", "56"),
        ("quanto fa 12 diviso 4", "3"),
        ("¿Cuánto es 12 dividido por 4?", "3"),
        ("divide 12 by 4", "3"),
        ("lcm of 4 and 6", "12"),
        ("average of 17, 22, 30 and 31", "25"),
        ("What is the median of 1,2 and 9?", "2"),
        ("highest common factor of 84 and 126", "42"),
        ("Solve 4x - 9 = 15.", "x = 6"),
        ("9x - 4 = 6x + 17", "x = 7"),
        ("p + q = 20, 3p - 2q = 5", "p = 9, q = 11"),
        ("Löse 3x + 5 = 20 nach x", "x = 5"),
        ("Halla x si 6x + 5 = 41", "x = 6"),
        ("What is the derivative of x^3 + 2x?", "3*x^2 + 2"),
        ("differentiate f(x) = e^x with respect to x", "exp(x)"),
        ("Ableitung von x^2", "2*x"),
        ("slope of f(x) = 5x^2 - x at x = 1", "10*x - 1; at x = 1: 9"),
        ("integral of sin(x) from 0 to pi", "2"),
        ("integrate 2x dx", "x^2 + C"),
        ("What does (x^2 - 4)/(x - 2) approach as x tends to 2?", "4"),
        ("factor x^2 - 5x + 6", "(x - 3)*(x - 2)"),
        ("expand (x+1)^2", "x^2 + 2*x + 1"),
    ],
)
def test_what_is_stated_in_full_is_read(task: str, result: str) -> None:
    program = stated_in(Task(text=task))
    assert program is not None
    assert compute.run(program)[-1].text == result


@pytest.mark.parametrize(
    "task",
    [
        "",
        "What is 24/7?",
        "What is 9/11?",
        "2024-12-01",
        "555-1234",
        "10-20",
        "50 + 10%",
        "20% off 50",
        "What is 15 mg * 70?",
        "Was ist 1.250 * 3?",
        "what is 5!",
        "What is 12 per 4?",
        "subtract 5 by 12",
        "divide 10 from 2",
        "median of 1.250 and 3, por favor",
        "x = 5",
        "y = x^2",
        "E = mc^2",
        "F = ma",
        "2 + 2 = 4",
        "Solve 4x - 9 = 15 and explain each step",
        "What is 347 * 29 in words?",
        "average of 3 and 5 kg",
        "derivative of x^2 and x^3",
        "derivative of x*y",
        "A pen costs 2 + 3 dollars",
        "solve x^2 = 4 for y",
        "integral of i*x",
        "(((((",
        "+ - *",
    ],
)
def test_anything_else_is_left_to_the_model(task: str) -> None:
    assert stated_in(Task(text=task)) is None


@pytest.mark.anyio
async def test_it_is_answered_without_a_call_and_checked(calculator: Calculator) -> None:
    script = saying("none")
    text = await Math(CARD, calculator=calculator).answer(Task(text="What is 347 * 29?"), script)
    assert text == "347 * 29 = 10063\n\n**Result: 10063**"
    assert kinds(script) == []
    assert script.checked is True


@pytest.mark.anyio
async def test_what_cannot_be_computed_goes_to_the_model(calculator: Calculator) -> None:
    script = saying("Nobody can divide by zero.")
    await Math(CARD, calculator=calculator).answer(Task(text="What is (5 + 2) / 0?"), script)
    assert kinds(script) != []


@pytest.mark.anyio
async def test_what_takes_too_long_is_answered_in_words_and_says_so() -> None:
    script, slow = saying("About one."), Calculator(deadline_s=0.5)
    try:
        text = await Math(CARD, calculator=slow).answer(
            Task(text="integrate exp(-x^2)*sin(x^3)/(1 + ln(x))"), script
        )
    finally:
        await slow.aclose()
    assert text.startswith("About one.")
    assert "longer than 0.5 s" in text
    assert script.checked is False


@given(st.text(alphabet="0123456789 +-*/^()=,.%xyesin²√", max_size=200))
def test_no_text_takes_long_or_fails(text: str) -> None:
    started = time.perf_counter()
    stated_in(Task(text=text))
    assert time.perf_counter() - started < 0.2
