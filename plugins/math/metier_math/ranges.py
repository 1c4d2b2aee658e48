"""Sets of real numbers in words: `x < -2 or x ≥ 5`."""

from __future__ import annotations

from collections.abc import Callable

import sympy
from sympy import CRootOf, Expr, FiniteSet, Interval, S, Set, Symbol, Union

from metier.errors import InvalidInput
from metier_math.program import Computed
from metier_math.rendering import approximated, exact_text, rendered

Shown = Callable[[Expr], str]


def described(numbers: Set, symbol: Symbol, *, repeats: bool = False) -> Computed:
    """A set of real numbers as a condition on a variable.

    Args:
        repeats: whether the set is what lies in one period.

    Raises:
        InvalidInput: it is no union of intervals and points.
    """
    if numbers is S.EmptySet:
        return Computed(text="no solution", exact="")
    if numbers == S.Reals:
        return Computed(text="every real number", exact="")
    exact = _condition(numbers, symbol, exact_text)
    text = _for_people(numbers, symbol)
    return Computed(text=text + (", and again in each period" if repeats else ""), exact=exact)


def _for_people(numbers: Set, symbol: Symbol) -> str:
    decimal = _condition(numbers, symbol, approximated)
    if numbers.has(CRootOf):
        return f"≈ {decimal}"
    shown = _condition(numbers, symbol, _number)
    return shown if shown == decimal else f"{shown} (≈ {decimal})"


def _number(value: Expr) -> str:
    """`2.5`, and exactly what has no short decimals."""
    text = rendered(value).text
    return exact_text(value) if "≈" in text else text


def _condition(numbers: Set, symbol: Symbol, shown: Shown) -> str:
    left_out = S.Reals - numbers
    if isinstance(left_out, FiniteSet):
        return " and ".join(f"{symbol} ≠ {shown(value)}" for value in sorted(left_out))
    parts = numbers.args if isinstance(numbers, Union) else (numbers,)
    pieces = [(piece.inf, _piece(piece, symbol, shown)) for piece in parts]
    return " or ".join(text for _, text in sorted(pieces, key=lambda piece: sympy.N(piece[0])))


def _piece(piece: Set, symbol: Symbol, shown: Shown) -> str:
    match piece:
        case FiniteSet():
            return " or ".join(f"{symbol} = {shown(value)}" for value in sorted(piece))
        case Interval():
            return _interval(piece, symbol, shown)
        case _:
            raise InvalidInput("the solution cannot be written in short")


def _interval(piece: Interval, symbol: Symbol, shown: Shown) -> str:
    below = "<" if piece.left_open else "≤"
    above = "<" if piece.right_open else "≤"
    if piece.start.is_infinite:
        return f"{symbol} {above} {shown(piece.end)}"
    if piece.end.is_infinite:
        return f"{symbol} {'>' if piece.left_open else '≥'} {shown(piece.start)}"
    return f"{shown(piece.start)} {below} {symbol} {above} {shown(piece.end)}"
