"""Figures of samples: middle, spread, and how two of them go together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sympy
from sympy import Expr, Integer, Tuple

from metier.errors import InvalidInput
from metier_math.powers import root, square_root
from metier_math.values import real


def mean(*values: Expr) -> Expr:
    """The arithmetic mean."""
    return sympy.Add(*values) / len(values)


def median(*values: Expr) -> Expr:
    """The middle value, or the mean of the two in the middle."""
    return quantile(values, sympy.S.Half)


def mode(*values: Expr) -> Expr | Tuple:
    """The most frequent value; a list where several are equally frequent.

    Raises:
        InvalidInput: no value occurs twice.
    """
    counts = Counter(values)
    most = max(counts.values())
    if most == 1 and len(values) > 1:
        raise InvalidInput("there is no mode: no value occurs more than once")
    modes = [value for value, count in counts.items() if count == most]
    return modes[0] if len(modes) == 1 else Tuple(*_ordered(modes))


def spread(*values: Expr) -> Expr:
    """The range: the largest less the smallest."""
    ordered = _ordered(values)
    return ordered[-1] - ordered[0]


def variance(*values: Expr) -> Expr:
    """The variance of a sample: divided by n - 1."""
    return _squares(values) / (len(values) - 1)


def population_variance(*values: Expr) -> Expr:
    """The variance of a whole population: divided by n."""
    return _squares(values) / len(values)


def deviation(*values: Expr) -> Expr:
    """The standard deviation of a sample."""
    return square_root(variance(*values))


def population_deviation(*values: Expr) -> Expr:
    """The standard deviation of a whole population."""
    return square_root(population_variance(*values))


def geometric_mean(*values: Expr) -> Expr:
    """The n-th root of the product of n values.

    Raises:
        InvalidInput: a value is negative.
    """
    if any(real(value) < 0 for value in values):
        raise InvalidInput("a geometric mean needs values that are not negative")
    return root(sympy.Mul(*values), Integer(len(values)))


def quantile(values: Sequence[Expr], share: Expr) -> Expr:
    """The value below which a share lies, by linear interpolation between neighbours.

    This is type 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), as NumPy
    and the PERCENTILE of spreadsheets compute it. Schools often take the medians of the halves,
    which differ from it a little.

    Raises:
        InvalidInput: the share is not from 0 to 1.
    """
    if not values or not 0 <= real(share) <= 1:
        raise InvalidInput("a quantile needs numbers, and a share of them from 0 to 1")
    ordered = _ordered(values)
    place = (len(ordered) - 1) * share
    below = int(sympy.floor(place))
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def percentile(values: Tuple, percent: Expr) -> Expr:
    """The value below which so many percent lie."""
    return quantile(values.args, percent / 100)


def quartiles(*values: Expr) -> Tuple:
    """The three values that part a sample into quarters."""
    return Tuple(*(quantile(values, Integer(quarter) / 4) for quarter in (1, 2, 3)))


def interquartile_range(*values: Expr) -> Expr:
    """The width of the middle half."""
    first, _, third = quartiles(*values)
    return third - first


def weighted_mean(values: Tuple, weights: Tuple) -> Expr:
    """The mean of values of which some count more.

    Raises:
        InvalidInput: there are not as many weights as values, or they add up to zero.
    """
    pairs = paired(values, weights, least=1)
    total = sympy.Add(*weights)
    if total.is_zero:
        raise InvalidInput("the weights add up to zero")
    return sympy.Add(*(value * weight for value, weight in pairs)) / total


def covariance(xs: Tuple, ys: Tuple) -> Expr:
    """The covariance of two samples: divided by n - 1."""
    return _products(xs, ys) / (len(paired(xs, ys)) - 1)


def correlation(xs: Tuple, ys: Tuple) -> Expr:
    """Pearson's correlation r of two samples.

    Raises:
        InvalidInput: one of them does not vary.
    """
    spreads = _products(xs, xs) * _products(ys, ys)
    if spreads.is_zero:
        raise InvalidInput("values that are all the same correlate with nothing")
    return _products(xs, ys) / square_root(spreads)


def slope(xs: Tuple, ys: Tuple) -> Expr:
    """The slope of the straight line through points, by least squares.

    Raises:
        InvalidInput: the points lie above each other.
    """
    width = _products(xs, xs)
    if width.is_zero:
        raise InvalidInput("a line through points needs two that differ in x")
    return _products(xs, ys) / width


def intercept(xs: Tuple, ys: Tuple) -> Expr:
    """Where the straight line through points, by least squares, meets the y axis."""
    return mean(*ys) - slope(xs, ys) * mean(*xs)


def z_score(value: Expr, centre: Expr, sd: Expr) -> Expr:
    """How many standard deviations a value lies above the mean.

    Raises:
        InvalidInput: the standard deviation is not positive.
    """
    if not real(sd) > 0:
        raise InvalidInput("a standard deviation is positive")
    return (value - centre) / sd


def paired(xs: Tuple, ys: Tuple, *, least: int = 2) -> list[tuple[Expr, Expr]]:
    """The values of two lists, side by side.

    Raises:
        InvalidInput: one list is longer, or they are shorter than `least`.
    """
    if len(xs) != len(ys):
        raise InvalidInput(f"lists of {len(xs)} and {len(ys)} numbers do not pair up")
    if len(xs) < least:
        raise InvalidInput(f"pairs of numbers are needed, {least} at least")
    return list(zip(xs, ys, strict=True))


def _products(xs: Tuple, ys: Tuple) -> Expr:
    pairs = paired(xs, ys)
    x_mean, y_mean = mean(*xs), mean(*ys)
    return sympy.Add(*((x - x_mean) * (y - y_mean) for x, y in pairs))


def _squares(values: Sequence[Expr]) -> Expr:
    centre = mean(*values)
    return sympy.Add(*((value - centre) ** 2 for value in values))


def _ordered(values: Sequence[Expr]) -> list[Expr]:
    return sorted(map(real, values))
