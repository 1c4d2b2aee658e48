"""Is it right? Results put to the test with numbers, apart from how they were found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import mpmath
import sympy
from sympy import Expr, Float, Symbol

from metier_math.patience import OutOfTime, within

_DIGITS = 20
_NEAR = 1e-9
_TINY = 1e-12
_CHECK_S = 1.0
# Points without a meaning of their own: neither whole, nor a root of anything likely. They are
# floats, as an exact x^(10^20) would fill the memory.
_POINTS = tuple(Float(p, 30) / 1009 for p in (373, 1613, 2713, 5323, -829, 977, 3989, -2411))

Verdict = bool | None


def solves(equations: Iterable[Expr], solution: dict[Symbol, Expr]) -> Verdict:
    """Whether a solution, put into the equations, makes all of them zero; None where unclear."""
    try:
        with within(_CHECK_S):
            verdicts = [_is_zero(equation, solution) for equation in equations]
    except OutOfTime:
        return None
    if False in verdicts:
        return False
    return None if None in verdicts else True


def agree(left: Expr, right: Expr) -> Verdict:
    """Whether two expressions have the same value wherever both have one; None where unclear."""
    matches = _compared(left, right)
    return all(matches) if matches else None


def is_derivative(found: Expr, integrand: Expr) -> Verdict:
    """Whether they agree at several points; None where unclear.

    At some points they may differ: the antiderivative of 1/sqrt(x^2 - 1) is one for x > 1 only.
    """
    matches = _compared(found, integrand)
    return sum(matches) > 1 or all(matches) if matches else None


def confirms_limit(function: Expr, symbol: Symbol, point: Expr, side: str, value: Expr) -> Verdict:
    """Whether values close to a point are close to a finite limit; None where unclear.

    Some limits are reached very slowly, so close means the same first digit.
    """
    if not value.is_number or value.is_infinite or function.free_symbols - {symbol}:
        return None
    step = Float(10, 30) ** -8
    near = point + (step if side == "+" else -step)
    if point.is_infinite:
        near = sympy.sign(point) / step
    try:
        with within(_CHECK_S):
            found = _at(function.subs(symbol, near), (), 0)
    except OutOfTime:
        return None
    return None if found is None else abs(found - complex(value)) <= 0.1 * (1 + abs(complex(value)))


def quadrature(function: Expr, symbol: Symbol, lower: Expr, upper: Expr) -> Expr | None:
    """An integral by numbers alone, with 15 digits; None where it does not settle."""
    if function.free_symbols - {symbol} or not (lower.is_number and upper.is_number):
        return None
    ends = [_bound(lower), _bound(upper)]
    try:
        with within(_CHECK_S):
            value, error = mpmath.quad(lambda at: _real_at(function, symbol, at), ends, error=True)
    except (OutOfTime, TypeError, ValueError, ArithmeticError, NotImplementedError):
        return None
    if not mpmath.isfinite(value) or error > 1e-8 * max(1, abs(value)):
        return None
    return Float(value)


def _real_at(function: Expr, symbol: Symbol, at: mpmath.mpf) -> float:
    value = complex(function.evalf(15, subs={symbol: Float(at)}))
    if abs(value.imag) > _NEAR * abs(value):
        raise ValueError(f"no real number at {at}")
    return value.real


def _bound(end: Expr) -> mpmath.mpf:
    return mpmath.mpf(str(sympy.N(end, 15)).replace("oo", "inf"))


def _compared(left: Expr, right: Expr) -> list[bool]:
    """For each point where both have a value, whether it is the same; as many as time permits."""
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    matches: list[bool] = []
    with suppress(OutOfTime), within(_CHECK_S):
        for shift in range(len(_POINTS)):
            one, other = (_at(side, symbols, shift) for side in (left, right))
            if one is not None and other is not None:
                matches.append(_near(one, other))
    return matches


def _is_zero(equation: Expr, solution: dict[Symbol, Expr]) -> Verdict:
    symbols = sorted(equation.subs(solution).free_symbols, key=str)
    verdicts = {_is_zero_at(equation, solution, symbols, s) for s in range(3 if symbols else 1)}
    if symbols:
        # A parameter may lie where nothing is defined; then the other points decide.
        verdicts -= {None}
    return verdicts.pop() if len(verdicts) == 1 else None


def _is_zero_at(
    equation: Expr, solution: dict[Symbol, Expr], symbols: Sequence[Symbol], shift: int
) -> Verdict:
    """By comparison with the size of its terms, as rounding leaves a little of each."""
    sizes = []
    total = 0j
    for term in sympy.Add.make_args(equation):
        value = _at(term.subs(solution), symbols, shift)
        if value is None:
            return None if symbols or not _undefined(term.subs(solution)) else False
        total += value
        sizes.append(abs(value))
    if abs(total) <= _NEAR * max(sizes):
        return True
    # A product is as small as its value: that says nothing.
    return None if abs(total) < _TINY else False


def _undefined(value: Expr) -> bool:
    return bool(value.has(sympy.zoo, sympy.nan))


def _at(value: Expr, symbols: Sequence[Symbol], shift: int) -> complex | None:
    """The value at a point; None where it has none."""
    point = {
        symbol: _POINTS[(place + shift) % len(_POINTS)] for place, symbol in enumerate(symbols)
    }
    try:
        number = sympy.N(value.subs(point), _DIGITS, maxn=200)
        found = complex(number)
    except (TypeError, ValueError, ArithmeticError, NotImplementedError, AttributeError):
        return None
    return found if abs(found) < 1e300 else None  # neither inf nor nan


def _near(left: complex, right: complex) -> bool:
    return abs(left - right) <= _NEAR * max(1.0, abs(left), abs(right))
