from __future__ import annotations

from typing import get_args

import pytest
import sympy

from metier.errors import InvalidInput
from metier_math.compute import evaluate, expand, factor, run, simplify
from metier_math.program import Assignment, Operation, Program


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("347 * 29", "10063"),
        ("2^15 - 3^7", "30581"),
        ("(18 + 7) * 4 - 36 / 9", "96"),
        ("1/3", "1/3 ≈ 0.3333"),
        ("37/2", "18.5"),
        ("0.1 + 0.2", "0.3"),
        ("3/8 + 5/12", "19/24 ≈ 0.7917"),
        ("1/3000", "1/3000 ≈ 0.0003333"),
        ("10^20/3", "100000000000000000000/3 ≈ 3.333e+19"),
        ("-7 // 2", "-4"),
        ("12.5% of 840", "105"),
        ("100 * (1 - 15%)", "85"),
        ("sqrt(1764)", "42"),
        ("sqrt(8)", "2*sqrt(2) ≈ 2.8284"),
        ("(sqrt(2) + 1)*(sqrt(2) - 1)", "1"),
        ("sqrt(-4)", "2*i"),
        ("cbrt(-8)", "-2"),
        ("pi", "pi ≈ 3.1416"),
        ("exp(i*pi)", "-1"),
        ("sin(30 degrees) + cos(60°)", "1"),
        ("log2(4096)", "12"),
        ("log(1000, 10)", "3"),
        ("ln(e^5)", "5"),
        ("5!", "120"),
        ("binomial(49, 6)", "13983816"),
        ("gcd(84, 36)", "12"),
        ("lcm([4, 6, 10])", "60"),
        ("mod(-7, 3)", "2"),
        ("floor(2.7) + ceil(2.1)", "5"),
        ("round(2.5)", "3"),
        ("round(-3.14159 * 6.2^2, 2)", "-120.76"),
        ("min(3, 1/2) + max([2, 5])", "5.5"),
        ("sum([1, 2, 3.5])", "6.5"),
        ("mean(1, 2, 3, 4)", "2.5"),
        ("median([3, 1, 2])", "2"),
        ("variance(2, 4, 9)", "13"),
        ("stdev([2, 4, 4, 4, 5, 5, 7, 9])", "4*sqrt(14)/7 ≈ 2.1381"),
        ("isprime(97)", "yes"),
        ("isprime(91)", "no"),
        ("factorint(360)", "2^3*3^2*5"),
        ("root(-27, 3)", "-3"),
        ("pow(2, 10)", "1024"),
        ("|3 - 5| * 2", "4"),
        ("sinh(0) + cosh(0) + sec(0)", "2"),
        ("arctan(1) * 4", "pi ≈ 3.1416"),
        ("exp(-60)", "exp(-60) ≈ 8.757e-27"),
        ("5000 * (1 + 3.2%)^6", "≈ 6040.1565"),
        ("12000 * (5%/12) / (1 - (1 + 5%/12)^(-48))", "≈ 276.3515"),
        ("1000 * e^(0.05 * 10)", "1000*exp(1/2) ≈ 1648.7213"),
        ("[1, 1/2, 3]", "1, 0.5, 3"),
        ("2^5000", "≈ 1.412e+1505"),
        ("oo", "∞"),
    ],
)
def test_an_expression_is_evaluated(text: str, result: str) -> None:
    assert evaluate(text).text == result


@pytest.mark.parametrize(
    ("unit", "result"), [("mg", "1050 mg"), ("apples", "1050 apples"), ("$", "$1050"), ("", "1050")]
)
def test_a_plain_number_gets_the_unit_as_its_label(unit: str, result: str) -> None:
    assert evaluate("15 * 70", unit=unit).text == result


@pytest.mark.parametrize(
    ("text", "unit", "result"),
    [
        ("10 / 4", "$", "$2.5"),
        ("1/3", "$", "≈ $0.33"),
        ("5000 * (1 + 3.2%)^6", "€", "≈ €6040.16"),
    ],
)
def test_money_has_whole_cents_where_its_decimals_do_not_end(
    text: str, unit: str, result: str
) -> None:
    assert evaluate(text, unit=unit).text == result


@pytest.mark.parametrize("text", ["x + 1", "3*h", "price * 2", "5 apples * 3"])
def test_a_name_without_a_value_is_an_error_and_no_guess(text: str) -> None:
    with pytest.raises(InvalidInput, match="has no value"):
        evaluate(text)


@pytest.mark.parametrize("text", ["oo - oo", "exp(exp(exp(5)))"])
def test_what_cannot_be_written_as_a_number_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInput):
        evaluate(text)


def test_an_expression_is_rewritten() -> None:
    assert simplify("sin(x)^2 + cos(x)^2").text == "1"
    assert simplify("(x^2 - 1)/(x - 1)").text == "x + 1"
    assert factor("x^2 - 5x + 6").text == "(x - 3)*(x - 2)"
    assert factor("360").text == "2^3*3^2*5"
    assert expand("(x + 1)^3").text == "x^3 + 3*x^2 + 3*x + 1"


def test_later_steps_use_the_names_of_earlier_ones() -> None:
    program = Program(
        operation="evaluate",
        steps=(
            Assignment(name="boxes", expression="boxes = 3 * 20 = 61"),
            Assignment(name="pens", expression="5 * 2"),
            Assignment(name="class", expression="boxes + pens"),
            Assignment(name="price", expression="class * (1 - 10%)"),
        ),
        unit="$",
    )
    assert [result.text for result in run(program)] == ["60", "10", "70", "$63"]


def test_units_live_through_the_steps() -> None:
    program = Program(
        operation="evaluate",
        steps=(
            Assignment(name="dose", expression="15 mg/kg * 70 kg"),
            Assignment(name="volume", expression="dose / (50 mg/mL)"),
        ),
        unit="mL",
    )
    assert [result.text for result in run(program)] == ["1050 mg", "21 mL"]


def test_a_system_may_come_as_steps() -> None:
    program = Program(
        operation="solve",
        steps=(
            Assignment(name="total", expression="30"),
            Assignment(name="first", expression="x + y = total"),
            Assignment(name="second", expression="x = 2*y"),
        ),
        variable="x, y",
    )
    assert [result.text for result in run(program)] == ["x = 20, y = 10"]


def test_a_program_without_steps_has_nothing_to_compute() -> None:
    with pytest.raises(InvalidInput, match="nothing to compute"):
        run(Program(operation="evaluate", steps=()))


def test_a_list_may_be_a_step() -> None:
    steps = (
        Assignment(name="data", expression="[3, 5, 10]"),
        Assignment(name="answer", expression="mean(data) + max(data)"),
    )
    assert run(Program(operation="evaluate", steps=steps))[-1].text == "16"


def test_a_form_with_other_values_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sympy, "simplify", lambda value: value + 1)
    with pytest.raises(InvalidInput, match="does not have the same values"):
        simplify("x^2 + x")


@pytest.mark.parametrize("operation", get_args(Operation))
def test_every_operation_computes_something(operation: Operation) -> None:
    step = Assignment(expression="x = 4" if operation == "solve" else "4")
    to = "0, 2" if operation in ("integrate", "series", "plot") else "2"
    unit = "km" if operation == "convert" else ""
    if operation == "convert":
        step = Assignment(expression="4 m")
    program = Program(operation=operation, steps=(step,), variable="x", to=to, unit=unit)
    assert run(program)[-1].text
