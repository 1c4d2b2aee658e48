from __future__ import annotations

import pytest

from metier.errors import InvalidInput
from metier_math.compute import (
    differentiate,
    evaluate,
    expand,
    factor,
    integrate,
    limit,
    run,
    simplify,
    statistics,
)
from metier_math.equations import solve
from metier_math.program import Assignment, Program


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


@pytest.mark.parametrize("text", ["x + 1", "3*h", "price * 2", "5 apples * 3"])
def test_a_name_without_a_value_is_an_error_and_no_guess(text: str) -> None:
    with pytest.raises(InvalidInput, match="has no value"):
        evaluate(text)


@pytest.mark.parametrize("text", ["oo - oo", "exp(exp(exp(5)))"])
def test_what_cannot_be_written_as_a_number_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInput):
        evaluate(text)


@pytest.mark.parametrize(
    ("equation", "variable", "result"),
    [
        ("2*x + 3 = 11", "x", "x = 4"),
        ("2x + 3 == 11", "", "x = 4"),
        ("x^2 - 5x + 6 = 0", "x", "x = 2 or x = 3"),
        ("x^2 - 5x + 6", "x", "x = 2 or x = 3"),
        ("x^2 = 2", "x", "x = -sqrt(2) ≈ -1.4142 or x = sqrt(2) ≈ 1.4142"),
        ("x^2 = -1", "x", "x = -i or x = i"),
        ("x^3 - 3x + 1 = 0", "x", "x ≈ -1.8794 or x ≈ 0.3473 or x ≈ 1.5321"),
        ("a*x + b = 0", "x", "x = -b/a"),
        ("0.05x + 100 = 150", "x", "x = 1000"),
        ("abs(x - 3) = 2", "x", "x = 1 or x = 5"),
        ("2^x = 8", "x", "x = 3"),
        ("lambda^2 = 4", "lambda", "lambda = -2 or lambda = 2"),
        ("2y = 8", "x", "y = 4"),
        ("x + y = 10, x - y = 2", "x, y", "x = 6, y = 4"),
        ("x + y = 7; x^2 + y^2 = 25", "", "x = 3, y = 4 or x = 4, y = 3"),
        ("x = x", "x", "every number is a solution"),
        ("x = x + 1", "x", "no solution"),
        ("x + y = 1; x + y = 2", "", "no solution"),
        ("sqrt(x) = -1", "x", "no solution was found"),
        (
            "sin(x) = 1/2",
            "x",
            "x = pi/6 ≈ 0.5236 or x = 5*pi/6 ≈ 2.618, and again in each period",
        ),
        ("cos(x) = x", "x", "x ≈ 0.7391 (found by searching; there may be others)"),
    ],
)
def test_an_equation_is_solved(equation: str, variable: str, result: str) -> None:
    assert solve(equation, variable).text == result


def test_roots_without_a_closed_form_are_not_left_out() -> None:
    assert solve("x^5 - x - 1 = 0", "x").text.count("x ≈") == 5


@pytest.mark.parametrize(
    ("equation", "reason"),
    [
        ("x < 5", "only equations"),
        ("x != 5", "only equations"),
        ("x = y = 2", "has more"),
        ("a*x = b", "which of a, b, x"),
        ("", "no equation"),
    ],
)
def test_what_cannot_be_solved_says_why(equation: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        solve(equation)


@pytest.mark.parametrize(
    ("text", "variable", "result"),
    [
        ("x^2", "", "2*x"),
        ("x*sin(x)", "x", "x*cos(x) + sin(x)"),
        ("e^(2x)", "x", "2*exp(2*x)"),
        ("ln(t)", "t", "1/t"),
        ("x^3", "x, x", "6*x"),
        ("x^2*y^3", "x, y", "6*x*y^2"),
        ("7", "x", "0"),
    ],
)
def test_a_derivative_is_computed(text: str, variable: str, result: str) -> None:
    assert differentiate(text, variable).text == result


@pytest.mark.parametrize(
    ("text", "bounds", "result"),
    [
        ("x^2", "", "x^3/3 + C"),
        ("1/x", "", "ln(x) + C"),
        ("cos(x)", "", "sin(x) + C"),
        ("x^n", "", "(x^(n + 1)/(n + 1) if n ≠ -1, else ln(x)) + C"),
        ("x^2", "0, 1", "1/3 ≈ 0.3333"),
        ("sin(x)", "0 to pi", "2"),
        ("exp(-x^2)", "-oo, oo", "sqrt(pi) ≈ 1.7725"),
        ("exp(sin(x))", "0, 1", "≈ 1.6319"),
        ("1/x", "0, 1", "∞"),
    ],
)
def test_an_integral_is_computed(text: str, bounds: str, result: str) -> None:
    assert integrate(text, "x", bounds=bounds).text == result


def test_an_integral_without_closed_form_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="no antiderivative"):
        integrate("x^x", "x")


def test_bounds_are_two() -> None:
    with pytest.raises(InvalidInput, match="not two bounds"):
        integrate("x", "x", bounds="1")


@pytest.mark.parametrize(
    ("text", "to", "result"),
    [
        ("sin(x)/x", "0", "1"),
        ("(1 + 1/x)^x", "oo", "e ≈ 2.7183"),
        ("(x^2 - 1)/(x - 1)", "1", "2"),
        ("1/x", "0+", "∞"),
        ("1/x", "0-", "-∞"),
        ("1/x", "0", "there is no limit: -∞ from below, ∞ from above"),
        ("sin(x)", "oo", "there is no limit: it goes back and forth"),
    ],
)
def test_a_limit_is_computed(text: str, to: str, result: str) -> None:
    assert limit(text, "x", to).text == result


def test_an_expression_is_rewritten() -> None:
    assert simplify("sin(x)^2 + cos(x)^2").text == "1"
    assert simplify("(x^2 - 1)/(x - 1)").text == "x + 1"
    assert factor("x^2 - 5x + 6").text == "(x - 3)*(x - 2)"
    assert factor("360").text == "2^3*3^2*5"
    assert expand("(x + 1)^3").text == "x^3 + 3*x^2 + 3*x + 1"


def test_statistics_name_their_figures() -> None:
    assert statistics("[2, 4, 9]").text == (
        "count = 3, sum = 15, mean = 5, median = 4, min = 2, max = 9, "
        "standard deviation (sample) = sqrt(13) ≈ 3.6056"
    )


@pytest.mark.parametrize("text", ["", "1, x", "[]", ", ".join(["1"] * 2001)])
def test_statistics_need_numbers(text: str) -> None:
    with pytest.raises(InvalidInput):
        statistics(text)


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
