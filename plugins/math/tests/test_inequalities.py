from __future__ import annotations

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.errors import InvalidInput
from metier_math import inequalities
from metier_math.equations import solve


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("4x - 5 > 11", "x > 4"),
        ("-2x + 3 <= 7", "x ≥ -2"),
        ("0.1x < 0.25", "x < 2.5"),
        ("2x^2 < 18", "-3 < x < 3"),
        ("x^2 - 4 ≤ 0", "-2 ≤ x ≤ 2"),
        ("x^2 < 2", "-sqrt(2) < x < sqrt(2) (≈ -1.4142 < x < 1.4142)"),
        ("x^2 >= 0", "every real number"),
        ("x^2 < 0", "no solution"),
        ("x^2 <= 0", "x = 0"),
        ("x != 5", "x ≠ 5"),
        ("x^2 ≠ 4", "x ≠ -2 and x ≠ 2"),
        ("1 < x <= 5", "1 < x ≤ 5"),
        ("2x > 6; x < 10", "3 < x < 10"),
        ("x^2 > 4 and x > 0", "x > 2"),
        ("x^2 = 4; x > 0", "x = 2"),
        ("x > 2; x < 1", "no solution"),
        ("1/x > 2", "0 < x < 0.5"),
        ("(x - 1)/(x + 2) >= 0", "x < -2 or x ≥ 1"),
        ("x^3 - 3x + 1 > 0", "≈ -1.8794 < x < 0.3473 or x > 1.5321"),
        ("|x - 3| > 2", "x < 1 or x > 5"),
        ("sqrt(x) > x - 1", "0 ≤ x < sqrt(5)/2 + 3/2 (≈ 0 ≤ x < 2.618)"),
        ("e^x > 5", "x > ln(5) (≈ x > 1.6094)"),
        ("ln(x) < 2", "0 < x < exp(2) (≈ 0 < x < 7.3891)"),
        (
            "sin(x) > 1/2",
            "pi/6 < x < 5*pi/6 (≈ 0.5236 < x < 2.618), and again in each period",
        ),
        ("5 > 3", "every real number"),
    ],
)
def test_an_inequality_is_solved(text: str, result: str) -> None:
    assert solve(text).text == result


@pytest.mark.parametrize(
    ("text", "result"), [("x + 2y < 6", "x < 6 - 2*y"), ("6 - 2x <= y", "x ≥ 3 - y/2")]
)
def test_other_letters_stay_where_the_unknown_is_named(text: str, result: str) -> None:
    assert solve(text, "x").text == result


@pytest.mark.parametrize(
    ("text", "variable", "reason"),
    [
        ("x*e^x > 1", "", "no way to solve"),
        ("x + y < 5", "", "which of x, y"),
        ("x + y < 5", "x, y", "one unknown"),
        ("x*y < 5", "x", "no way to solve"),
        ("x^21 > 1", "", "degree above 20"),
        ("1 < x = 5", "", "one ="),
        ("x <", "", "empty"),
    ],
)
def test_what_cannot_be_solved_says_why(text: str, variable: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        solve(text, variable)


def test_a_solution_that_a_point_denies_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inequalities, "_solution", lambda *_: sympy.Interval.open(0, 1))
    with pytest.raises(InvalidInput, match="does not fit"):
        solve("x > 0")


ROOTS = st.lists(st.integers(-9, 9), min_size=1, max_size=4)


@settings(max_examples=25)
@given(ROOTS, st.sampled_from(["<", "<=", ">", ">="]))
def test_points_between_the_roots_are_in_the_solution_if_they_fit(
    roots: list[int], sign: str
) -> None:
    text = " * ".join(f"(x - ({root}))" for root in roots)
    solved = solve(f"{text} {sign} 0")
    condition = solved.exact or solved.text
    for twice in range(-21, 22):
        value = sympy.prod([sympy.Rational(twice, 2) - root for root in roots])
        holds = {"<": value < 0, "<=": value <= 0, ">": value > 0, ">=": value >= 0}[sign]
        assert contains(condition, twice / 2) == bool(holds)


def contains(condition: str, x: float) -> bool:
    """Whether a condition such as `x < -2 or 1 ≤ x < 5` holds, read by the words alone."""
    if condition in ("no solution", "every real number"):
        return condition == "every real number"
    if "≠" in condition:
        return all(x != float(part.split("≠")[1]) for part in condition.split(" and "))
    return any(_holds(part.split(), x) for part in condition.split(" or "))


def _holds(words: list[str], x: float) -> bool:
    sides = [x if word == "x" else float(word) for word in words[::2]]
    compared = zip(sides, words[1::2], sides[1:], strict=False)
    return all(
        {"<": a < b, "≤": a <= b, ">": a > b, "≥": a >= b, "=": a == b}[sign]
        for a, sign, b in compared
    )
