"""A function at many points: where it has values, where it breaks off, how much of it to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sympy
from sympy import Expr, Float, Symbol

from metier.errors import InvalidInput
from metier_math.calculus import bounds_in, of_one
from metier_math.expressions import NO_NAMES, Names
from metier_math.patience import OutOfTime, within
from metier_math.rendering import exact_text
from metier_math.values import real

BOUNDS = "-10, 10"
_POINTS = 256
_DRAWING_S = 3.0
# Each halves the distance to where a sign changes.
_HALVINGS = 12
# How far beyond the middle nine tenths of its values a curve is shown, in heights of these: less
# where it has a pole, beside which all else would be flat.
_BEYOND, _BEYOND_AT_POLE = 20, 1

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A function between two ends.

    Attributes:
        title: what is drawn: `y = x^2, x from -3 to 3`.
        function: in the notation that expressions are read in.
        low: the left end.
        high: the right end.
        bottom: the smallest value that is shown.
        top: the largest value that is shown.
        pieces: points from left to right; a new piece begins behind each pole or gap.
    """

    title: str
    function: str
    low: float
    high: float
    bottom: float
    top: float
    pieces: tuple[tuple[Point, ...], ...]


def curve(text: str, variable: str = "", *, bounds: str = "", names: Names = NO_NAMES) -> Curve:
    """The curve of a function of one variable.

    Args:
        bounds: the ends of the variable, `BOUNDS` where empty.

    Raises:
        InvalidInput: it has no real values there, or computing them takes too long.
    """
    function, symbol = of_one(text, variable, names)
    if others := function.free_symbols - {symbol}:
        unknown = ", ".join(sorted(map(str, others)))
        raise InvalidInput(f"the value of {unknown} is not said, so it cannot be drawn")
    lower, upper = bounds_in(bounds.strip() or BOUNDS, names)
    low, high = float(real(lower)), float(real(upper))
    if not low < high:
        raise InvalidInput(f"a drawing goes from left to right, not from {lower} to {upper}")
    try:
        with within(_DRAWING_S):
            pieces = tuple(_pieces(_valued(function, symbol), low, high))
    except OutOfTime as exc:
        raise InvalidInput("drawing this takes too long") from exc
    ends = f"{symbol} from {exact_text(lower)} to {exact_text(upper)}"
    if not pieces:
        raise InvalidInput(f"{text} has no real values for {ends}")
    bottom, top = _shown(pieces)
    shown = exact_text(function)
    return Curve(
        title=f"y = {shown}, {ends}",
        function=shown,
        low=low,
        high=high,
        bottom=bottom,
        top=top,
        pieces=pieces,
    )


def _valued(function: Expr, symbol: Symbol) -> Callable[[float], float | None]:
    """The function's value at a point; None where it has no real one."""

    def value(x: float) -> float | None:
        # Put in first: `evalf(subs=…)`, which is faster, gives 1e135 for 1/(x^2 - 1) at 1.
        found = sympy.N(function.subs(symbol, Float(x)), 15)
        return float(found) if found.is_number and found.is_real and found.is_finite else None

    return value


def _pieces(
    value: Callable[[float], float | None], low: float, high: float
) -> Iterator[tuple[Point, ...]]:
    piece: list[Point] = []
    for number in range(_POINTS):
        x = low + (high - low) * number / (_POINTS - 1)
        y = value(x)
        if piece and (y is None or _is_pole(value, piece[-1], (x, y))):
            yield tuple(piece)
            piece = []
        if y is not None:
            piece.append((x, y))
    if piece:
        yield tuple(piece)


def _is_pole(value: Callable[[float], float | None], left: Point, right: Point) -> bool:
    """Whether the sign changes through infinity, not through zero: nearer to it values grow."""
    if left[1] * right[1] >= 0:
        return False
    most = max(abs(left[1]), abs(right[1]))
    for _ in range(_HALVINGS):
        x = (left[0] + right[0]) / 2
        y = value(x)
        if y is None or y == 0:
            return y is None
        left, right = ((x, y), right) if left[1] * y > 0 else (left, (x, y))
    return max(abs(left[1]), abs(right[1])) > most


def _shown(pieces: Sequence[Sequence[Point]]) -> tuple[float, float]:
    """The smallest and the largest value that are shown."""
    values = sorted(y for piece in pieces for _, y in piece)
    few = len(values) // 20
    low, high = values[few], values[-1 - few]
    beyond = (high - low) * (_BEYOND if len(pieces) == 1 else _BEYOND_AT_POLE)
    bottom, top = max(values[0], low - beyond), min(values[-1], high + beyond)
    return (bottom, top) if bottom < top else (bottom - 1, top + 1)
