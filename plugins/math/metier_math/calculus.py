"""Derivatives, integrals, limits and series."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sympy
from sympy import Expr, Integral, Limit, Order, Symbol
from sympy.calculus.accumulationbounds import AccumulationBounds

from metier.errors import InvalidInput
from metier_math.checks import confirms_limit, is_derivative, quadrature
from metier_math.expressions import NO_NAMES, Names, read_name, read_number
from metier_math.magnitudes import check_polynomial
from metier_math.patience import OutOfTime, within
from metier_math.program import Computed
from metier_math.rendering import approximated, exact_text, rendered

MAX_SERIES_ORDER = 20
_MAX_ORDER = 20
_EXACT_S = 1.0
_NEAR = 1e-6
_SIDES = {"right": "+", "above": "+", "left": "-", "below": "-"}
_SIDE = re.compile(r"([+-])$|\bfrom\s++(?:the\s++)?(right|left|above|below)$")


def differentiate(
    text: str, variable: str = "", *, at: str = "", names: Names = NO_NAMES
) -> Computed:
    """The derivative; `x, x` gives the second one, `x, y` a mixed one.

    Args:
        at: where its value is wanted, too: `2`, or `x = 2, y = 3`.
    """
    variables = _names(variable)
    if len(variables) > _MAX_ORDER:
        raise InvalidInput(f"derivatives are computed up to the order {_MAX_ORDER}")
    function = _function(text, names, variables)
    variables = variables or [_only_variable(function)]
    derivative = sympy.diff(function, *variables)
    return _with_value(derivative, _point(at, variables, names))


def gradient(text: str, variables: str = "", *, at: str = "", names: Names = NO_NAMES) -> Computed:
    """The derivative by each variable, in the order of their names where none are given."""
    wanted = _names(variables)
    function = _function(text, names, wanted)
    wanted = wanted or sorted(function.free_symbols, key=str) or [Symbol("x")]
    point = _point(at, wanted, names)
    parts = [(symbol, _with_value(sympy.diff(function, symbol), point)) for symbol in wanted]
    shown = ", ".join(f"∂/∂{symbol} = {part.text}" for symbol, part in parts)
    return Computed(text=shown, exact=f"[{', '.join(part.exact for _, part in parts)}]")


def integrate(
    text: str, variable: str = "", *, bounds: str = "", names: Names = NO_NAMES
) -> Computed:
    """The antiderivative, or the integral between two bounds: `0, pi`.

    An antiderivative is checked: its derivative has the value of the integrand. An integral
    between bounds is compared with a numerical one: the text says where they differ, and gives
    the numerical one, with ≈, where no exact one is found in time.

    Raises:
        InvalidInput: none is found, or the check fails.
    """
    function, symbol = of_one(text, variable, names)
    if bounds.strip():
        return _definite(function, symbol, *bounds_in(bounds, names))
    result = sympy.integrate(function, symbol)
    if result.has(Integral):
        raise InvalidInput(f"no antiderivative of {text} was found")
    if is_derivative(sympy.diff(result, symbol), function) is False:
        raise InvalidInput(f"an antiderivative of {text} was found, but failed its check")
    shown = exact_text(result)
    return Computed(text=f"{shown} + C", exact=shown)


def limit(text: str, variable: str, to: str, *, names: Names = NO_NAMES) -> Computed:
    """The limit at a point, from both sides; `0+` and `0-` are the sides of 0."""
    function, symbol = of_one(text, variable, names)
    to = to.strip()
    ending = _SIDE.search(to)
    point = read_number(to[: ending.start()] if ending else to, names=names)
    side = (ending[1] or _SIDES[ending[2]]) if ending else ""
    if side or point.is_infinite:
        return _limit(function, symbol, point, side or "+")
    above, below = (sympy.limit(function, symbol, point, side) for side in "+-")
    if above == below or sympy.simplify(above - below) == 0:
        return _limit(function, symbol, point, "+")
    sides = f"{exact_text(below)} from below, {exact_text(above)} from above"
    return Computed(text=f"there is no limit: {sides}", exact="")


def series(text: str, variable: str = "", *, to: str = "", names: Names = NO_NAMES) -> Computed:
    """The Taylor series: `0, 6` in `to` is around 0, up to the power of 6.

    Raises:
        InvalidInput: there is none, or its order is above `MAX_SERIES_ORDER`.
    """
    function, symbol = of_one(text, variable, names)
    parts = [read_number(part, names=names) for part in to.split(",") if part.strip()]
    point, order = [*parts, *(sympy.S.Zero, sympy.Integer(5))[len(parts) :]][:2]
    if len(parts) > 2 or not order.is_Integer or not 0 <= order <= MAX_SERIES_ORDER:
        raise InvalidInput(f"a series has a point and an order up to {MAX_SERIES_ORDER}: 0, 6")
    try:
        with within(_EXACT_S):
            found = sympy.series(function, symbol, point, int(order) + 1)
    except OutOfTime as exc:
        raise InvalidInput("this series takes too long; ask for a lower order") from exc
    polynomial = found.removeO()
    shown = exact_text(polynomial)
    return Computed(text=f"{shown} + …" if found.has(Order) else shown, exact=shown)


def _names(text: str) -> list[Symbol]:
    return [read_name(name) for name in text.split(",")] if text.strip() else []


def of_one(text: str, variable: str, names: Names) -> tuple[Expr, Symbol]:
    """A function and its only variable, small enough to work with."""
    variables = [read_name(variable)] if variable.strip() else []
    function = _function(text, names, variables)
    check_polynomial(function)
    return function, (variables or [_only_variable(function)])[0]


def _function(text: str, names: Names, variables: Sequence[Symbol]) -> Expr:
    """The expression with its variables free, also where a step has the name of one."""
    return read_number(text, names={**names, **{symbol.name: symbol for symbol in variables}})


def _only_variable(function: Expr) -> Symbol:
    symbols = sorted(function.free_symbols, key=str)
    if len(symbols) > 1:
        raise InvalidInput(f"it is not said by which of {', '.join(map(str, symbols))}")
    return symbols[0] if symbols else Symbol("x")


def _point(text: str, variables: Sequence[Symbol], names: Names) -> dict[Symbol, Expr]:
    """`2` for the only variable, or `x = 2, y = 3`; no point where the text has none."""
    parts = [part.split("=") for part in text.split(",") if part.strip()]
    if not parts or text.strip() in map(str, variables):
        return {}
    unique = list(dict.fromkeys(variables))
    if all(len(part) == 1 for part in parts) and len(parts) == len(unique):
        parts = [[str(symbol), *part] for symbol, part in zip(unique, parts, strict=True)]
    if any(len(part) != 2 for part in parts):
        raise InvalidInput(f"{text!r} is no point: write x = 2, y = 3")
    return {read_name(name): read_number(value, names=names) for name, value in parts}


def _with_value(derivative: Expr, point: dict[Symbol, Expr]) -> Computed:
    """A derivative, and its value at a point where one is given."""
    shown = rendered(derivative)
    if not point:
        return shown
    value = rendered(derivative.subs(point))
    where = ", ".join(f"{symbol} = {exact_text(number)}" for symbol, number in point.items())
    text = f"{shown.text}; at {where}: {value.text}"
    return Computed(text=text, exact=value.exact, approx=value.approx)


def bounds_in(text: str, names: Names) -> tuple[Expr, Expr]:
    """Two bounds: `0, pi`, `0 to pi`, `[0; pi]`, `0..pi`.

    Raises:
        InvalidInput: these are not two, or one cannot be read.
    """
    parts = re.split(r"(?<!\s)\s++to\s+|\.\.|[,;]", text.strip().strip("[]()"))
    if len(parts) != 2:
        raise InvalidInput(f"{text!r} are not two bounds")
    lower, upper = (read_number(part, names=names) for part in parts)
    return lower, upper


def _definite(function: Expr, symbol: Symbol, lower: Expr, upper: Expr) -> Computed:
    try:
        with within(_EXACT_S):
            exact = sympy.integrate(function, (symbol, lower, upper))
    except OutOfTime:
        exact = None
    if exact is not None and exact.has(AccumulationBounds):
        raise InvalidInput("this integral has no value: it goes back and forth")
    if exact is not None and exact.has(sympy.nan, sympy.zoo):
        raise InvalidInput("this integral is not defined: there is a pole between the bounds")
    number = quadrature(function, symbol, lower, upper)
    if exact is not None and not exact.has(Integral, Limit):
        return _compared(rendered(exact), exact, number)
    if number is None:
        raise InvalidInput("no value of this integral was found")
    approx = approximated(number)
    return Computed(text=f"≈ {approx}", exact="", approx=approx)


def _compared(shown: Computed, exact: Expr, number: Expr | None) -> Computed:
    """An exact integral, and the numerical one where that is another: both can be wrong."""
    if number is None or not exact.is_number or exact.is_infinite:
        return shown
    value = sympy.N(exact, 15)
    if abs(value - number) <= _NEAR * max(1, abs(value)):
        return shown
    text = f"{shown.text} (but a numerical integration gives ≈ {approximated(number)})"
    return Computed(text=text, exact="", approx=shown.approx)


def _limit(function: Expr, symbol: Symbol, point: Expr, side: str) -> Computed:
    value = sympy.limit(function, symbol, point, side)
    if isinstance(value, AccumulationBounds):
        return Computed(text="there is no limit: it goes back and forth", exact="")
    if value.has(Limit):
        raise InvalidInput("no limit was found")
    shown = rendered(value)
    if confirms_limit(function, symbol, point, side, value) is False:
        return Computed(text=f"{shown.text} (values nearby do not confirm it)", exact="")
    return shown
