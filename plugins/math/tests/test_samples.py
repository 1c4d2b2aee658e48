from __future__ import annotations

import math
import statistics as python
from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from sympy import Rational

from metier.errors import InvalidInput
from metier_math import samples
from metier_math.compute import evaluate
from metier_math.summary import statistics

VALUES = st.lists(st.fractions(-100, 100, max_denominator=50), min_size=2, max_size=20)


def rationals(values: list[Fraction]) -> list[Rational]:
    return [Rational(value.numerator, value.denominator) for value in values]


def fraction(value: sympy.Expr) -> Fraction:
    return Fraction(int(value.p), int(value.q))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("mode(1, 2, 2, 3)", "2"),
        ("mode([1, 1, 2, 2])", "1, 2"),
        ("quartiles([3, 5, 8, 9, 13, 14, 20])", "6.5, 9, 13.5"),
        ("iqr([3, 5, 8, 9, 13, 14, 20])", "7"),
        ("range(3, 9, 1)", "8"),
        ("percentile([1, 2, 3, 4, 5], 90)", "4.6"),
        ("pvariance(10, 12, 14)", "8/3 ≈ 2.6667"),
        ("pstdev(2, 4, 4, 4, 5, 5, 7, 9)", "2"),
        ("gmean(2, 8)", "4"),
        ("wmean([80, 92], [3, 1])", "83"),
        ("zscore(130, 100, 15)", "2"),
        ("covariance([1, 2, 3], [2, 4, 6])", "2"),
        ("correlation([1, 2, 3, 4], [2, 4, 5, 9])", "11*sqrt(130)/130 ≈ 0.9648"),
        ("slope([1, 2, 3], [2, 3.9, 6.1])", "2.05"),
        ("intercept([1, 2, 3], [2, 3.9, 6.1])", "-0.1"),
        ("avg(1, 2) + std([1, 2, 3])", "2.5"),
        ("normal_cdf(130, 100, 15)", "erf(sqrt(2))/2 + 1/2 ≈ 0.9772"),
        ("normal_quantile(0.975)", "sqrt(2)*erfinv(19/20) ≈ 1.96"),
        ("binomial_pmf(3, 8, 0.25)", "1701/8192 ≈ 0.2076"),
        ("1 - binomial_cdf(2, 8, 0.25)", "≈ 0.3215"),
        ("binomial_pmf(9, 8, 0.25)", "0"),
        ("poisson_pmf(0, 2)", "exp(-2) ≈ 0.1353"),
        ("poisson_cdf(3, 2)", "19*exp(-2)/3 ≈ 0.8571"),
    ],
)
def test_a_figure_of_a_sample_is_computed(text: str, result: str) -> None:
    assert evaluate(text).text == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mode(1, 2)", "no mode"),
        ("percentile([1, 2], 101)", "from 0 to 1"),
        ("percentile(1, 2)", "needs a list"),
        ("wmean([1, 2], [1])", "do not pair up"),
        ("wmean([1, 2], [1, -1])", "add up to zero"),
        ("correlation([1, 1], [1, 2])", "all the same"),
        ("slope([1, 1], [1, 2])", "differ in x"),
        ("slope([1], [1])", "2 at least"),
        ("zscore(1, 2, 0)", "positive"),
        ("gmean(-1, 2)", "not negative"),
        ("stdev(1)", "cannot take 1"),
        ("mean([])", "cannot take 0"),
        ("binomial_pmf(1, 2, 1.5)", "from 0 to 1"),
        ("poisson_cdf(10^6, 2)", "too long"),
        ("normal_cdf(1, 0, 0)", "positive"),
        ("erfinv(2)", "from -1 to 1"),
        ("stdev(10^5000, 3)", "500 digits"),
    ],
)
def test_a_figure_that_does_not_exist_says_why(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        evaluate(text)


@given(VALUES)
def test_figures_are_those_of_pythons_own_statistics(values: list[Fraction]) -> None:
    numbers = rationals(values)
    assert fraction(samples.mean(*numbers)) == python.mean(values)
    assert fraction(samples.median(*numbers)) == python.median(values)
    assert fraction(samples.variance(*numbers)) == python.variance(values)
    assert fraction(samples.population_variance(*numbers)) == python.pvariance(values)
    quartiles = python.quantiles(values, n=4, method="inclusive")
    assert [fraction(value) for value in samples.quartiles(*numbers)] == quartiles


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=12))
def test_the_line_is_that_of_pythons_own_regression(points: list[tuple[int, int]]) -> None:
    xs, ys = (list(side) for side in zip(*points, strict=True))
    if len(set(xs)) < 2:
        return
    line = python.linear_regression(xs, ys)
    lists = sympy.Tuple(*xs), sympy.Tuple(*ys)
    assert math.isclose(samples.slope(*lists), line.slope, abs_tol=1e-9)
    assert math.isclose(samples.intercept(*lists), line.intercept, abs_tol=1e-9)


def test_statistics_name_their_figures() -> None:
    assert statistics("[2, 4, 9]").text == (
        "count = 3, sum = 15, mean = 5, median = 4, min = 2, max = 9, "
        "standard deviation (sample) = sqrt(13) ≈ 3.6056, variance (sample) = 13, "
        "standard deviation (population) = sqrt(78)/3 ≈ 2.9439, "
        "variance (population) = 26/3 ≈ 8.6667"
    )


def test_statistics_of_more_numbers_have_quartiles_and_modes() -> None:
    text = statistics("1, 1, 2, 2, 9").text
    assert "mode = 1 and 2" in text
    assert text.endswith("quartiles = 1 and 2 and 2")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (
            "[1, 2, 3]; [2, 3.9, 6.1]",
            "y = 2.05*x - 0.1, slope = 2.05, intercept = -0.1, "
            "r = 41*sqrt(421)/842 ≈ 0.9991, r² = 1681/1684 ≈ 0.9982, 3 pairs",
        ),
        ("[1, 2, 3], [4, 4, 4]", "y = 4, slope = 0, intercept = 4, 3 pairs"),
    ],
)
def test_two_lists_have_a_line_through_their_pairs(text: str, result: str) -> None:
    assert statistics(text).text == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "1 to 2000 numbers"),
        ("[]", "1 to 2000 numbers"),
        ("1, x", "'x' has no value"),
        ("1, sqrt(2) km", "'km' has no value"),
        (", ".join(["1"] * 2001), "1 to 2000 numbers"),
        ("[1, 2]; [3]", "do not pair up"),
    ],
)
def test_statistics_need_numbers(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        statistics(text)
