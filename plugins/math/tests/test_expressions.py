from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import InvalidInput
from metier_math.expressions import MAX_DEPTH, MAX_NODES, read, read_name, read_number
from metier_math.notation import MAX_CHARS
from metier_math.rendering import exact_text

Written = tuple[str, Fraction | None]

NUMBERS = st.integers(0, 999).map(str) | st.decimals(0, 99, places=2).map(str)


def as_written(number: str) -> Written:
    return number, Fraction(number)


def negated(operand: Written) -> Written:
    text, value = operand
    return f"(-{text})", None if value is None else -value


def combined(parts: tuple[Written, str, Written]) -> Written:
    """The text of a calculation and its value; None where it divides by zero."""
    (left_text, left), operator, (right_text, right) = parts
    text = f"({left_text} {operator} {right_text})"
    if left is None or right is None:
        return text, None
    match operator:
        case "+":
            return text, left + right
        case "-":
            return text, left - right
        case "*":
            return text, left * right
        case _:
            return text, left / right if right else None


CALCULATIONS = st.recursive(
    NUMBERS.map(as_written),
    lambda part: part.map(negated) | st.tuples(part, st.sampled_from("+-*/"), part).map(combined),
    max_leaves=12,
)


@given(CALCULATIONS)
def test_arithmetic_has_the_value_that_fractions_give(calculation: Written) -> None:
    text, value = calculation
    if value is None:
        with pytest.raises(InvalidInput, match="division by zero"):
            read(text)
    else:
        assert read(text) == sympy.Rational(value)


@given(st.text(alphabet="0123456789xyei.+-*/^%()[],=!_ '\"\\:{}\n√½٣", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        read(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2x", "2*x"),
        ("2(x + 1)", "2*(x + 1)"),
        ("3 x^2", "3*x**2"),
        ("2×3÷4−1·5", "2*3/4 - 1*5"),
        ("√2", "sqrt(2)"),
        ("√(x + 1)", "sqrt(x + 1)"),
        ("x² + x³", "x**2 + x**3"),
        ("15%", "15/100"),
        ("15% of 80", "15/100 * 80"),
        ("80 * 15%", "80 * 15/100"),
        ("50 percent of 30", "15"),
        ("17 % 5", "2"),
        ("17 mod 5", "2"),
        ("x % 5", "mod(x, 5)"),
        ("1,250 + 1,000,000", "1001250"),
        ("$1,250.50", "1250.5"),
        ("1e3", "1000"),
        ("2.5e-3", "1/400"),
        ("2e", "2*e"),
        ("2exp(1)", "2*e"),
        ("5!", "120"),
        ("n!", "factorial(n)"),
        ("30°", "pi/6"),
        ("2π", "2*pi"),
        ("log2(8)", "3"),
        ("x2 + 1", "1 + x2"),
        ("gcd(12,345)", "3"),
        ("max([1, 2, 3])", "max(1, 2, 3)"),
        ("-2^2", "-4"),
        ("2^3^2", "512"),
        ("15 * 70 =", "1050"),
    ],
)
def test_what_people_write_is_understood(text: str, same: str) -> None:
    assert read(text) == read(same)


def test_decimals_stay_exact() -> None:
    assert read("0.1 + 0.2") == sympy.Rational(3, 10)


def test_a_python_keyword_can_be_a_variable() -> None:
    assert read("lambda + 1") == sympy.Symbol("lambda") + 1


def test_given_names_go_before_constants() -> None:
    assert read("e * i", names={"e": sympy.Integer(2), "i": sympy.Integer(3)}) == 6


@pytest.mark.parametrize(
    ("text", "names_the_reason"),
    [
        ("__import__('os').system('ls')", "'"),
        ("__import__(1)", "no function is called"),
        ("__class__", "underscore"),
        ("x.__class__", "attribute"),
        ("(1).real", "attribute"),
        ("lambda: 1", ":"),
        ("[x for x in y]", "not an expression"),
        ("mean(x for x in y)", "not an expression"),
        ("{1, 2}", "{"),
        ("x[0]", "index"),
        ("[1, 2] + 1", "a list cannot be calculated with"),
        ("[[1, 2], [3, 4]]", "a list cannot be calculated with"),
        ("1 | 2 | 3 | 4", "|"),
        ("1, 2", "brackets"),
        ("sum(*x)", "star"),
        ("log(8, base=2)", "="),
        ("log(**x)", "named argument"),
        ("f'{1}'", "'"),
        ("x := 3", ":"),
        ("1 < 2", "<"),
        ("x = 2", "="),
        ("1 if x else 2", "not an expression"),
        ("x; y", ";"),
        ("1 @ 2", "@"),
        ("1 | 2", "|"),
        ("~1", "~"),
        ("x\\\n+ 1", "\\"),
        ("eval(1)", "no function is called 'eval'"),
        ("sin", "arguments in brackets"),
        ("sin(1, 2)", "cannot take 2"),
        ("(1 + 2)(3)", "*"),
        ("isprime(7) + 1", "yes or no"),
        ("", "empty"),
        ("1 / 0", "division by zero"),
        ("5 // 0", "division by zero"),
        ("5 mod 0", "division by zero"),
        ("0^-1", "division by zero"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, names_the_reason: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read(text)
    assert names_the_reason in raised.value.message


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "10**10**10",
        "2^(10^9 + 1/2)",
        "sqrt(2)^(10^9)",
        "(2x)^(10^9)",
        "(1/9)^(9^9)",
        "(1 + i)^(10^20)",
        "exp(10^20)",
        "e^(10^20)",
        "100000!",
        "factorial(factorial(10))",
        "binomial(10^9, 5*10^8)",
        "1e999999999",
    ],
)
def test_a_number_that_would_be_huge_is_refused_before_it_is_computed(text: str) -> None:
    with pytest.raises(InvalidInput, match="too large"):
        read(text)


def test_the_largest_powers_that_fit_are_computed() -> None:
    assert read("10^9999") == 10**9999
    assert read("1^(10^20)") == 1
    assert read("x^(10^20)") == sympy.Symbol("x") ** 10**20


@pytest.mark.parametrize(
    "text",
    [
        "1" * 101,
        "x" * (MAX_CHARS + 1),
        "+".join(["1"] * (MAX_NODES // 2 + 2)),
        "(" * 240 + "1" + ")" * 240,
        "-" * (MAX_DEPTH + 1) + "1",
        "abs(" * MAX_DEPTH + "1" + ")" * MAX_DEPTH,
        "-" * MAX_CHARS,
        "(" * MAX_CHARS,
    ],
)
def test_text_beyond_the_limits_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read(text)


def test_a_long_sum_is_not_taken_for_a_deep_one() -> None:
    assert read("+".join(["1"] * (MAX_DEPTH * 2))) == MAX_DEPTH * 2


@pytest.mark.parametrize("text", ["", "2", "_x", "x.y", "x + 1"])
def test_a_variable_is_a_name(text: str) -> None:
    with pytest.raises(InvalidInput, match="not the name of a variable"):
        read_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "1/3",
        "2*x^2 - 3*x/4",
        "sqrt(2)/2 + pi",
        "e^x + ln(x)",
        "i*(1 + sqrt(3))",
        "abs(x) + ceil(x) + floor(x/2)",
        "sin(x)^2*atan(x)",
        "oo",
    ],
)
def test_an_exact_text_reads_as_the_value_it_was_made_from(text: str) -> None:
    value = read_number(text)
    assert read_number(exact_text(value)) == value
