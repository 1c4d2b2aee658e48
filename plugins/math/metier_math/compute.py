"""The operations, each from text to a `Computed`. They run in the worker process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy
from sympy import Expr, Integer

from metier.errors import InvalidInput
from metier_math.calculus import differentiate, gradient, integrate, limit, series
from metier_math.checks import agree
from metier_math.curves import curve
from metier_math.dimensions import described_dimension
from metier_math.drawing import drawn
from metier_math.equations import solve
from metier_math.expressions import NO_NAMES, Names, read, read_number
from metier_math.magnitudes import check_polynomial, is_short
from metier_math.notation import MAX_CHARS
from metier_math.numbers import prime_factors
from metier_math.program import Computed, Operation, Program
from metier_math.relations import has_sign
from metier_math.rendering import approximated, exact_text, rendered
from metier_math.summary import no_value, statistics
from metier_math.units import convert, evaluated_units, in_units, mentions_unit, unit_symbol
from metier_math.values import Value

_ARITHMETIC = ("evaluate", "convert", "statistics", "dimensions")
_MONEY = ("$", "€", "£")
_MAX_LIST_CHARS = 100_000
_MAX_SIMPLIFIED_TERMS = 200


def run(program: Program) -> tuple[Computed, ...]:
    """Every step of a program, one result each; the operation works on the last.

    Raises:
        InvalidInput: the message says which part cannot be computed, and why.
    """
    _check_size(program)
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
        value = _shorter(value)
    return _shown(value, unit)


def simplify(text: str, *, names: Names = NO_NAMES) -> Computed:
    """A simpler form of an expression."""
    return _rewritten(_small(text, names), sympy.simplify)


def factor(text: str, *, names: Names = NO_NAMES) -> Computed:
    """An expression as a product, a whole number as the product of its primes."""
    value = _small(text, names)
    if isinstance(value, Integer):
        shown = exact_text(prime_factors(value))
        return Computed(text=shown, exact=shown)
    return _rewritten(value, sympy.factor)


def expand(text: str, *, names: Names = NO_NAMES) -> Computed:
    """An expression multiplied out."""
    return _rewritten(_small(text, names), sympy.expand)


def plot(text: str, variable: str = "", *, bounds: str = "", names: Names = NO_NAMES) -> Computed:
    """A function drawn, from `curves.BOUNDS` where no others are given, as Markdown."""
    found = curve(text, variable, bounds=bounds, names=names)
    return Computed(text=f"{found.title}\n\n```text\n{drawn(found)}\n```", exact=found.function)


_OPERATIONS: Mapping[Operation, Callable[[str, Program, Names], Computed]] = {
    "evaluate": lambda text, p, names: evaluate(text, unit=p.unit, names=names),
    "convert": lambda text, p, names: convert(text, p.unit or p.to, names=names),
    "dimensions": lambda text, p, names: described_dimension(text, p.unit, names=names),
    "solve": lambda text, p, names: solve(text, p.variable, names=names),
    "differentiate": lambda text, p, names: differentiate(text, p.variable, at=p.to, names=names),
    "gradient": lambda text, p, names: gradient(text, p.variable, at=p.to, names=names),
    "integrate": lambda text, p, names: integrate(text, p.variable, bounds=p.to, names=names),
    "limit": lambda text, p, names: limit(text, p.variable, p.to, names=names),
    "series": lambda text, p, names: series(text, p.variable, to=p.to, names=names),
    "simplify": lambda text, _, names: simplify(text, names=names),
    "factor": lambda text, _, names: factor(text, names=names),
    "expand": lambda text, _, names: expand(text, names=names),
    "statistics": lambda text, _, names: statistics(text, names=names),
    "plot": lambda text, p, names: plot(text, p.variable, bounds=p.to, names=names),
}


def _check_size(program: Program) -> None:
    """Raise where a text is longer than any that is read: already looking at it takes time."""
    if not program.steps:
        raise InvalidInput("there is nothing to compute")
    most = {"statistics": _MAX_LIST_CHARS, "solve": 4 * MAX_CHARS}.get(program.operation, MAX_CHARS)
    texts = [step.expression for step in program.steps]
    longest = max(map(len, texts))
    if longest > most:
        raise InvalidInput(f"an expression may have {most} characters, not {longest}")
    if max(len(program.variable), len(program.to), len(program.unit)) > MAX_CHARS:
        raise InvalidInput(f"variable, to and unit may have {MAX_CHARS} characters")


def _rewritten(value: Expr, form: Callable[[Expr], Expr]) -> Computed:
    """The other form, where both have the same values at points."""
    result = form(value)
    if agree(value, result) is False:
        raise InvalidInput("another form was found, but it does not have the same values")
    return rendered(result)


def _shorter(value: Expr) -> Expr:
    """A number such as `(sqrt(2) + 1)*(sqrt(2) - 1)` in short, where that does not take long."""
    return sympy.simplify(value) if is_short(value, _MAX_SIMPLIFIED_TERMS) else value


def _small(text: str, names: Names) -> Expr:
    value = read_number(text, names=names)
    check_polynomial(value)
    return value


def _solved(program: Program) -> Computed:
    """The steps of a system: those with a `=` are its equations, a lone name is assigned."""
    names: dict[str, Value] = {}
    *before, last = program.steps
    equations = [last.expression]
    for step in before:
        if has_sign(step.expression):
            equations.append(step.expression)
        else:
            names[step.name] = read(step.expression, names=names)
    return solve(";".join(equations), program.variable, names=names)


def _operated(program: Program, text: str, names: Names) -> Computed:
    return _OPERATIONS[program.operation](text, program, names)


def _assigned(program: Program, text: str, names: Names) -> Value:
    return _evaluated(text, names) if program.operation in _ARITHMETIC else read(text, names=names)


def _evaluated(text: str, names: Names) -> Value:
    if not mentions_unit(text):
        return read(text, names=names, unit=no_value)
    value = read(text, names=names, unit=unit_symbol)
    return evaluated_units(value, text, names=names) if isinstance(value, Expr) else value


def _shown(value: Value, unit: str = "") -> Computed:
    if isinstance(value, Expr) and value.free_symbols:
        return in_units(value, unit)
    shown = rendered(value)
    return shown.model_copy(update={"text": _labelled(shown, unit.strip())})


def _labelled(shown: Computed, unit: str) -> str:
    if unit in _MONEY:
        return _price(shown, unit)
    return f"{shown.text}{unit}" if unit == "%" else f"{shown.text} {unit}".strip()


def _price(shown: Computed, sign: str) -> str:
    """`$2.5`, and whole cents where there is no end of decimals: `≈ $0.33`."""
    if "≈" not in shown.text:
        return f"{sign}{shown.text}"
    return f"≈ {sign}{approximated(read_number(shown.approx), places=2)}"
