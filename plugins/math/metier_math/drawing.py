"""A curve drawn in characters, which any terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from metier_math.curves import Curve, Point

_COLUMNS, _ROWS = 64, 16
# A character of Unicode's braille block has two columns and four rows of dots, a bit each.
_BRAILLE = 0x2800
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_ACROSS, _DOWN = 2 * _COLUMNS - 1, 4 * _ROWS - 1


def drawn(curve: Curve) -> str:
    """The curve with its axes, in lines of text."""
    cells = [[0] * _COLUMNS for _ in range(_ROWS)]
    for piece in curve.pieces:
        for left, right in pairwise((piece[0], *piece)):
            _connect(cells, _placed(curve, left), _placed(curve, right))
    labels = _labels(curve)
    width = max(map(len, labels.values()))
    zero = _dot(0.0, curve.low, curve.high, _ACROSS) // 2 if curve.low < 0 < curve.high else None
    lines = [
        f"{labels.get(row, ''):>{width}} ┤{_row(bits, labels.get(row) == '0', zero)}".rstrip()
        for row, bits in enumerate(cells)
    ]
    indent = " " * (width + 2)
    return "\n".join(
        [*lines, f"{indent[:-1]}└{'─' * _COLUMNS}", f"{indent}{_under(curve, zero)}".rstrip()]
    )


def _placed(curve: Curve, point: Point) -> tuple[int, int]:
    """The dot of a point, whose row may lie above or below all rows."""
    x, y = point
    across = _dot(x, curve.low, curve.high, _ACROSS)
    return across, _DOWN - _dot(y, curve.bottom, curve.top, _DOWN)


def _dot(value: float, low: float, high: float, last: int) -> int:
    # Far beyond is as good as just beyond, and takes fewer steps.
    return round(min(max((value - low) / (high - low), -1.0), 2.0) * last)


def _connect(cells: Sequence[list[int]], start: tuple[int, int], end: tuple[int, int]) -> None:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(steps + 1):
        x, y = (
            first + round((last - first) * step / steps)
            for first, last in zip(start, end, strict=True)
        )
        if 0 <= y <= _DOWN:
            cells[y // 4][x // 2] |= _BITS[y % 4][x % 2]


def _labels(curve: Curve) -> dict[int, str]:
    """What stands beside rows: the ends, and zero where it lies between them."""
    ends = {0: _number(curve.top), _ROWS - 1: _number(curve.bottom)}
    if not curve.bottom < 0 < curve.top:
        return ends
    row = (_DOWN - _dot(0.0, curve.bottom, curve.top, _DOWN)) // 4
    return {row: "0", **ends}


def _row(bits: Sequence[int], is_axis: bool, zero: int | None) -> str:
    across = "┈" if is_axis else " "
    down = "┼" if is_axis else "┊"
    return "".join(
        chr(_BRAILLE + each) if each else (down if column == zero else across)
        for column, each in enumerate(bits)
    )


def _under(curve: Curve, zero: int | None) -> str:
    """What stands below: the ends, and zero where there is room for it."""
    low, high = _number(curve.low), _number(curve.high)
    line = f"{low}{high:>{_COLUMNS - len(low)}}"
    if zero is None or line[zero - 1 : zero + 2].strip():
        return line
    return f"{line[:zero]}0{line[zero + 1 :]}"


def _number(value: float) -> str:
    return f"{value:.4g}"
