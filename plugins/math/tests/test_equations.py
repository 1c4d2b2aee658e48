from __future__ import annotations

import pytest

from metier.errors import InvalidInput
from metier_math.equations import solve


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
        ("2x + 3 = 1,003", "x", "x = 500"),
        ("|2x - 3| = 7", "x", "x = -2 or x = 5"),
        ("e^x = x + 5", "x", "x ≈ -4.9932 or x ≈ 1.9368"),
        (
            "sin(x) = 1/2",
            "x",
            "x = pi/6 ≈ 0.5236 or x = 5*pi/6 ≈ 2.618, and again in each period",
        ),
        (
            "(x^3 - 3x + 1) * (x - 5) = 0",
            "x",
            "x ≈ -1.8794 or x ≈ 0.3473 or x ≈ 1.5321 or x = 5",
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
        ("x^101 = 1", "degree above 100"),
        ("x^(10^20) = 3", "degree above 100"),
        ("(x + 1)^60 * (x - 1)^60 = 0", "degree above 100"),
        ("x^2 = 10^5000", "300 digits"),
        ("x = 1; " * 13, "more than 12"),
        ("x = y = 2", "has more"),
        ("a*x = b", "which of a, b, x"),
        ("", "no equation"),
    ],
)
def test_what_cannot_be_solved_says_why(equation: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        solve(equation)


@pytest.mark.parametrize(
    ("system", "variable", "result"),
    [
        ("x + y = 7; x - y = 1", "", "x = 4, y = 3"),
        ("x + y + z = 6, 2x - y = 0, z = 3y", "", "x = 2/3 ≈ 0.6667, y = 4/3 ≈ 1.3333, z = 4"),
        ("x + y = 1; x + y = 2", "", "no solution: the equations contradict each other"),
        ("x + y = 1; x - y = 0; x = 5", "", "no solution: the equations contradict each other"),
        ("x + y = 1; 2x + 2y = 2", "", "infinitely many solutions: x = 1 - y, for any y"),
        ("x + y = 1", "x, y", "infinitely many solutions: x = 1 - y, for any y"),
        (
            "x + y + z = 6, 2x - y = 0",
            "",
            "infinitely many solutions: x = 2 - z/3, y = 4 - 2*z/3, for any z",
        ),
        ("a*x + y = 3; x - y = 1", "x, y", "x = 4/(a + 1), y = (3 - a)/(a + 1)"),
    ],
)
def test_a_linear_system_has_one_solution_none_or_infinitely_many(
    system: str, variable: str, result: str
) -> None:
    assert solve(system, variable).text == result


@pytest.mark.parametrize(
    ("equation", "result"),
    [
        ("sqrt(x + 5) = x - 1", "x = 4 (x = -1 does not fit the equation, and is left out)"),
        ("sqrt(x) = -1", "no solution was found: x = 1 does not fit the equation"),
        ("1/(x - 1) = 2/(x^2 - 1)", "no solution was found: x = 1 does not fit the equation"),
        ("x/(x - 1) = 1/(x - 1)", "no solution was found: x = 1 does not fit the equation"),
    ],
)
def test_what_does_not_fit_the_equation_is_left_out_and_said(equation: str, result: str) -> None:
    assert solve(equation).text == result
