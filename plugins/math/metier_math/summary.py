"""What a list of numbers is like, and how two lists go together."""

from __future__ import annotations

import re

import sympy
from sympy import Expr, Symbol, Tuple

from metier.errors import InvalidInput
from metier_math import samples
from metier_math.expressions import NO_NAMES, Names, read
from metier_math.program import Computed
from metier_math.rendering import approximated, exact_text, rendered
from metier_math.values import Value, as_number, parts

MAX_NUMBERS = 2_000
_LISTS = re.compile(r"\s*+\[([^\[\]]*+)\]\s*+[,;]?\s*+\[([^\[\]]*+)\]\s*+")


def statistics(text: str, *, names: Names = NO_NAMES) -> Computed:
    """The figures of a list of numbers; of two lists in brackets, the line through the pairs.

    Raises:
        InvalidInput: there are no numbers, or more than `MAX_NUMBERS`.
    """
    if lists := _LISTS.fullmatch(text):
        xs, ys = (Tuple(*_numbers(part, names)) for part in lists.groups())
        return _line(xs, ys)
    return _figures(_numbers(text.strip().strip("[]()"), names))


def no_value(name: str) -> Symbol:
    """What to do about a name in arithmetic: refuse it.

    Raises:
        InvalidInput: always.
    """
    raise InvalidInput(f"{name!r} has no value")


def _figures(numbers: list[Expr]) -> Computed:
    figures: dict[str, Value] = {
        "sum": sympy.Add(*numbers),
        "mean": samples.mean(*numbers),
        "median": samples.median(*numbers),
        "min": sympy.Min(*numbers),
        "max": sympy.Max(*numbers),
    }
    if len(numbers) > len(set(numbers)):
        figures["mode"] = samples.mode(*numbers)
    if len(numbers) > 1:
        figures |= {
            "standard deviation (sample)": samples.deviation(*numbers),
            "variance (sample)": samples.variance(*numbers),
            "standard deviation (population)": samples.population_deviation(*numbers),
            "variance (population)": samples.population_variance(*numbers),
        }
    shown = [f"{name} = {_shown(value)}" for name, value in figures.items()]
    if len(numbers) > 3:
        shown.append(f"quartiles = {_shown(samples.quartiles(*numbers))}")
    return Computed(text=", ".join([f"count = {len(numbers)}", *shown]), exact="")


def _line(xs: Tuple, ys: Tuple) -> Computed:
    """The straight line by least squares, and how well it fits."""
    slope, intercept = samples.slope(xs, ys), samples.intercept(xs, ys)
    figures: dict[str, Value] = {"slope": slope, "intercept": intercept}
    if samples.variance(*ys) != 0:
        r = samples.correlation(xs, ys)
        figures |= {"r": r, "r²": r**2}
    shown = [f"{name} = {rendered(value).text}" for name, value in figures.items()]
    line = _decimal_line(slope, intercept)
    exact = exact_text(slope * Symbol("x") + intercept)
    return Computed(text=", ".join([line, *shown, f"{len(xs)} pairs"]), exact=exact)


def _numbers(text: str, names: Names) -> list[Expr]:
    written = [part for part in re.split(r"[,;\s]+", text.strip()) if part]
    values = [read(part, names=names, unit=no_value) for part in written[: MAX_NUMBERS + 1]]
    numbers = [as_number(part) for value in values for part in parts(value)]
    if not 1 <= len(numbers) <= MAX_NUMBERS:
        raise InvalidInput(f"statistics needs 1 to {MAX_NUMBERS} numbers, not {len(written)}")
    return numbers


def _shown(value: Value) -> str:
    return " and ".join(rendered(part).text for part in parts(value))


def _decimal_line(slope: Expr, intercept: Expr) -> str:
    """`y = 2.05*x - 0.1`: nobody reads a line off fractions."""
    sign = "-" if intercept.is_negative else "+"
    if not slope:
        return f"y = {approximated(intercept)}"
    rest = f" {sign} {approximated(abs(intercept))}" if intercept else ""
    return f"y = {approximated(slope)}*x{rest}"
