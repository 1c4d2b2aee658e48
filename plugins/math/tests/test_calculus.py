from __future__ import annotations

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Symbol

from metier.errors import InvalidInput
from metier_math import calculus
from metier_math.calculus import differentiate, gradient, integrate, limit, series
from metier_math.checks import agree, confirms_limit, is_derivative
from metier_math.expressions import read_number

X = Symbol("x")


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
        ("x^4 - 3x^2", "x, x, x", "24*x"),
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
        ("x^x", "0, 1", "≈ 0.7834"),
        ("floor(x)", "0, 3", "≈ 3"),
        ("abs(x - 1)", "0, 3", "2.5"),
        ("1/(1 + x^4)", "0, infinity", "sqrt(2)*pi/4 ≈ 1.1107"),
        ("a*x", "0, 1", "a/2"),
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
        ("1/x", "0 from the left", "-∞"),
        ("floor(x)", "2 from above", "2"),
        ("ln(x)/x", "infinity", "0"),
        ("e^x", "-oo", "0"),
        ("abs(x)/x", "0", "there is no limit: -1 from below, 1 from above"),
        ("1/x", "0", "there is no limit: -∞ from below, ∞ from above"),
        ("sin(x)", "oo", "there is no limit: it goes back and forth"),
    ],
)
def test_a_limit_is_computed(text: str, to: str, result: str) -> None:
    assert limit(text, "x", to).text == result


@pytest.mark.parametrize(
    ("text", "variable", "at", "result"),
    [
        ("5x^2 - x", "", "1", "10*x - 1; at x = 1: 9"),
        ("5x^2 - x", "x", "x = 1/2", "10*x - 1; at x = 1/2: 4"),
        ("x^2*y^3", "x, y", "x = 1, y = 2", "6*x*y^2; at x = 1, y = 2: 24"),
        ("x^3", "x, x", "2", "6*x; at x = 2: 12"),
        ("x^3", "x", "x", "3*x^2"),
    ],
)
def test_a_derivative_has_a_value_at_a_point(
    text: str, variable: str, at: str, result: str
) -> None:
    assert differentiate(text, variable, at=at).text == result


def test_a_point_names_every_variable() -> None:
    with pytest.raises(InvalidInput, match="is no point"):
        differentiate("x*y", "x, y", at="2")


@pytest.mark.parametrize(
    ("text", "variables", "at", "result"),
    [
        ("x*e^(x*y)", "", "", "∂/∂x = x*y*exp(x*y) + exp(x*y), ∂/∂y = x^2*exp(x*y)"),
        ("x^2 + 3y", "y, x", "", "∂/∂y = 3, ∂/∂x = 2*x"),
        (
            "x^2*y",
            "",
            "1, 2",
            "∂/∂x = 2*x*y; at x = 1, y = 2: 4, ∂/∂y = x^2; at x = 1, y = 2: 1",
        ),
    ],
)
def test_a_gradient_has_a_part_for_each_variable(
    text: str, variables: str, at: str, result: str
) -> None:
    assert gradient(text, variables, at=at).text == result


@pytest.mark.parametrize(
    ("text", "to", "result"),
    [
        ("cos(x)", "0, 6", "-x^6/720 + x^4/24 - x^2/2 + 1 + …"),
        ("e^(2x)", "0, 3", "4*x^3/3 + 2*x^2 + 2*x + 1 + …"),
        ("x^3 + 1", "", "x^3 + 1"),
    ],
)
def test_a_series_is_computed(text: str, to: str, result: str) -> None:
    assert series(text, to=to).text == result


@pytest.mark.parametrize("to", ["0, 21", "0, x", "0, 1, 2", "0, -1"])
def test_a_series_has_a_point_and_an_order(to: str) -> None:
    with pytest.raises(InvalidInput, match="a point and an order"):
        series("cos(x)", to=to)


@pytest.mark.parametrize(
    ("text", "bounds", "reason"),
    [
        ("1/x", "-1, 1", "not defined"),
        ("tan(x)", "0, pi", "not defined"),
        ("sin(x)", "0, oo", "back and forth"),
    ],
)
def test_an_integral_without_a_value_says_why(text: str, bounds: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        integrate(text, "x", bounds=bounds)


def test_an_integral_that_is_exact_too_late_is_numerical(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calculus, "_EXACT_S", 0.01)
    assert integrate("exp(-x^2)*sin(x^3)/(1 + ln(x))", "x", bounds="1, 2").text == "≈ 0.06819"


def test_an_antiderivative_that_fails_its_check_is_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sympy, "integrate", lambda *_: X**2)
    with pytest.raises(InvalidInput, match="failed its check"):
        integrate("cos(x)", "x")


def test_an_antiderivative_of_half_the_numbers_is_one() -> None:
    found, integrand = read_number("1/(sqrt(x - 1)*sqrt(x + 1))"), read_number("1/sqrt(x^2 - 1)")
    assert agree(found, integrand) is False
    assert is_derivative(found, integrand) is True


def test_an_exact_integral_that_a_numerical_one_denies_says_so() -> None:
    text = integrate("exp(-10000*(x - 0.3)^2)", "x", bounds="-100, 1000").text
    assert "(but a numerical integration gives ≈ " in text


def test_a_limit_that_values_nearby_deny_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sympy, "limit", lambda *_: sympy.Integer(5))
    assert limit("sin(x)/x", "x", "0").text == "5 (values nearby do not confirm it)"


POLYNOMIALS = st.lists(st.integers(-9, 9), min_size=1, max_size=5).map(
    lambda numbers: " + ".join(f"({n})*x^{power}" for power, n in enumerate(numbers))
)


@settings(max_examples=25)
@given(POLYNOMIALS)
def test_the_derivative_of_an_antiderivative_is_the_integrand(text: str) -> None:
    found = read_number(integrate(text, "x").exact)
    assert sympy.expand(sympy.diff(found, X) - read_number(text)) == 0


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        ("(x + 1)^2", "x^2 + 2x + 1", True),
        ("sin(x)^2 + cos(x)^2", "1", True),
        ("x^2", "x^2 + 1/10^6", False),
        ("x*y", "x + y", False),
        ("oo", "1", None),
    ],
)
def test_values_at_points_tell_whether_two_forms_agree(
    left: str, right: str, verdict: bool | None
) -> None:
    assert agree(read_number(left), read_number(right)) is verdict


def test_an_unbounded_limit_is_beyond_the_check() -> None:
    assert confirms_limit(1 / X, X, sympy.Integer(0), "+", sympy.oo) is None
