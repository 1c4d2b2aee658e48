"""The operations, each from text to a `Computed`. They run in the worker process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import assert_never

import sympy
from sympy import Expr, Integer, Integral, Symbol
from sympy.calculus.accumulationbounds import AccumulationBounds

from metier.errors import InvalidInput
from metier_math.equations import solve
from metier_math.expressions import NO_NAMES, read, read_name, read_number
from metier_math.functions import Value, deviation, mean, median, prime_factors
from metier_math.program import Computed, Program
from metier_math.rendering import approximated, exact_text, rendered
from metier_math.units import convert, in_units, mentions_unit, unit_symbol

MAX_NUMBERS = 2_000
_ARITHMETIC = ("evaluate", "convert", "statistics")

Names = Mapping[str, Value]


def run(program: Program) -> tuple[Computed, ...]:
    """Every step of a program, one result each; the operation works on the last.

    Raises:
        InvalidInput: the message says which part cannot be computed, and why.
    """
    if not program.steps:
        raise InvalidInput("there is nothing to compute")
    if program.operation == "solve":
        return (_solved(program),)
    *before, last = program.steps
    names: dict[str, Value] = {}
    results: list[Computed] = []
    for step in before:
        value = _assigned(program, step.term, names)
        names[step.name] = value
        results.append(_shown(value))
    return (*results, _operated(program, last.term, names))


def evaluate(text: str, *, unit: str = "", names: Names = NO_NAMES) -> Computed:
    """The value of an expression without variables; units are calculated with.

    Args:
        text: the expression.
        unit: of the result. One that the expression has is converted; a plain number gets it
            as its label.
        names: what names stand for.
    """
    value = _evaluated(text, names)
    if value == 0 and unit.strip() and mentions_unit(text):
        return convert(text, unit, names=names)  # 0 °C has lost its unit, and is not 0 °F
    if isinstance(value, Expr) and value.is_number and not value.is_rational:
        value = sympy.simplify(value)
    return _shown(value, unit)


def differentiate(text: str, variable: str = "", *, names: Names = NO_NAMES) -> Computed:
    """The derivative; `x, x` gives the second one, `x, y` a mixed one."""
    variables = [read_name(name) for name in variable.split(",")] if variable.strip() else []
    function = _function(text, names, variables)
    return rendered(sympy.diff(function, *(variables or [_only_variable(function)])))


def integrate(
    text: str, variable: str = "", *, bounds: str = "", names: Names = NO_NAMES
) -> Computed:
    """The antiderivative, or the integral between two bounds: `0, pi`."""
    variables = [read_name(variable)] if variable.strip() else []
    function = _function(text, names, variables)
    (symbol,) = variables or [_only_variable(function)]
    if bounds.strip():
        return _definite(sympy.integrate(function, (symbol, *_bounds(bounds, names))))
    result = sympy.integrate(function, symbol)
    if result.has(Integral):
        raise InvalidInput(f"no antiderivative of {text} was found")
    shown = exact_text(result)
    return Computed(text=f"{shown} + C", exact=shown)


def limit(text: str, variable: str, to: str, *, names: Names = NO_NAMES) -> Computed:
    """The limit at a point, from both sides; `0+` and `0-` are the sides of 0."""
    variables = [read_name(variable)] if variable.strip() else []
    function = _function(text, names, variables)
    (symbol,) = variables or [_only_variable(function)]
    side = to.strip()[-1:]
    point = read_number(to.strip().rstrip("+-"), names=names)
    if side in ("+", "-"):
        return _limit(sympy.limit(function, symbol, point, side))
    above = sympy.limit(function, symbol, point, "+")
    below = sympy.limit(function, symbol, point, "-")
    if above == below or sympy.simplify(above - below) == 0:
        return _limit(above)
    sides = f"{exact_text(below)} from below, {exact_text(above)} from above"
    return Computed(text=f"there is no limit: {sides}", exact="")


def simplify(text: str, *, names: Names = NO_NAMES) -> Computed:
    """A simpler form of an expression."""
    return rendered(sympy.simplify(read_number(text, names=names)))


def factor(text: str, *, names: Names = NO_NAMES) -> Computed:
    """An expression as a product, a whole number as the product of its primes."""
    value = read_number(text, names=names)
    if isinstance(value, Integer):
        shown = exact_text(prime_factors(value))
        return Computed(text=shown, exact=shown)
    return rendered(sympy.factor(value))


def expand(text: str, *, names: Names = NO_NAMES) -> Computed:
    """An expression multiplied out."""
    return rendered(sympy.expand(read_number(text, names=names)))


def statistics(text: str, *, names: Names = NO_NAMES) -> Computed:
    """Count, sum, mean, median, range and the sample's standard deviation of numbers."""
    written = [part for part in re.split(r"[,;\s]+", text.strip().strip("[]()")) if part]
    if not 1 <= len(written) <= MAX_NUMBERS:
        raise InvalidInput(f"statistics needs 1 to {MAX_NUMBERS} numbers, not {len(written)}")
    numbers = [read_number(part, names=names, unit=_without_value) for part in written]
    figures = {
        "sum": sympy.Add(*numbers),
        "mean": mean(*numbers),
        "median": median(*numbers),
        "min": sympy.Min(*numbers),
        "max": sympy.Max(*numbers),
    }
    if len(numbers) > 1:
        figures["standard deviation (sample)"] = deviation(*numbers)
    shown = [f"{name} = {rendered(value).text}" for name, value in figures.items()]
    return Computed(text=", ".join([f"count = {len(numbers)}", *shown]), exact="")


_FORMS = {"simplify": simplify, "factor": factor, "expand": expand}


def _solved(program: Program) -> Computed:
    """The steps of a system: those with a `=` are its equations, a lone name is assigned."""
    names: dict[str, Value] = {}
    *before, last = program.steps
    equations = [last.expression]
    for step in before:
        if "=" in step.expression:
            equations.append(step.expression)
        else:
            names[step.name] = read(step.expression, names=names)
    return solve(";".join(equations), program.variable, names=names)


def _operated(program: Program, text: str, names: Names) -> Computed:
    variable = program.variable
    match program.operation:
        case "evaluate":
            return evaluate(text, unit=program.unit, names=names)
        case "convert":
            return convert(text, program.unit or program.to, names=names)
        case "differentiate":
            return differentiate(text, variable, names=names)
        case "integrate":
            return integrate(text, variable, bounds=program.to, names=names)
        case "limit":
            return limit(text, variable, program.to, names=names)
        case "simplify" | "factor" | "expand" as form:
            return _FORMS[form](text, names=names)
        case "statistics":
            return statistics(text, names=names)
        case "solve":
            return solve(text, variable, names=names)
        case _:
            assert_never(program.operation)


def _assigned(program: Program, text: str, names: Names) -> Value:
    return _evaluated(text, names) if program.operation in _ARITHMETIC else read(text, names=names)


def _evaluated(text: str, names: Names) -> Value:
    return read(text, names=names, unit=unit_symbol if mentions_unit(text) else _without_value)


def _without_value(name: str) -> Symbol:
    raise InvalidInput(f"{name!r} has no value")


def _shown(value: Value, unit: str = "") -> Computed:
    if isinstance(value, Expr) and value.free_symbols:
        return in_units(value, unit)
    shown = rendered(value)
    return shown.model_copy(update={"text": _labelled(shown.text, unit.strip())})


def _labelled(text: str, unit: str) -> str:
    if unit in ("$", "€", "£"):
        return f"{unit}{text}"
    return f"{text}{unit}" if unit == "%" else f"{text} {unit}".strip()


def _function(text: str, names: Names, variables: list[Symbol]) -> Expr:
    """The expression with its variables free, also where a step has the name of one."""
    return read_number(text, names={**names, **{symbol.name: symbol for symbol in variables}})


def _only_variable(function: Expr) -> Symbol:
    symbols = sorted(function.free_symbols, key=str)
    if len(symbols) > 1:
        raise InvalidInput(f"it is not said by which of {', '.join(map(str, symbols))}")
    return symbols[0] if symbols else Symbol("x")


def _bounds(text: str, names: Names) -> tuple[Expr, Expr]:
    parts = re.split(r"\s+to\s+|\.\.|[,;]", text.strip().strip("[]()"))
    if len(parts) != 2:
        raise InvalidInput(f"{text!r} are not two bounds")
    lower, upper = (read_number(part, names=names) for part in parts)
    return lower, upper


def _definite(value: Expr) -> Computed:
    if not value.has(Integral):
        return rendered(value)
    number = value.evalf()
    if not number.is_Float:
        raise InvalidInput("no value of this integral was found")
    return Computed(text=f"≈ {approximated(number)}", exact="", approx=approximated(number))


def _limit(value: Expr) -> Computed:
    if isinstance(value, AccumulationBounds):
        return Computed(text="there is no limit: it goes back and forth", exact="")
    return rendered(value)
