"""Equations and inequalities as text: their sides, their signs, and what is unknown."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sympy import Expr, Symbol

from metier.errors import InvalidInput
from metier_math.expressions import Names, read_name, read_number

MAX_RELATIONS = 12
_SIGN = re.compile(r"(<=|>=|=<|=>|!=|<>|<|>|≤|≥|≠|=+)")
_SPELLED = {"=<": "<=", "=>": ">=", "≤": "<=", "≥": ">=", "≠": "!=", "<>": "!="}
_THOUSANDS = re.compile(r"\d,\d{3}(?!\d)")
_BETWEEN = re.compile(r"[;\n]|\band\b")


@dataclass(frozen=True, slots=True)
class Relation:
    """`left sign right`; the sign is one of `=`, `<`, `<=`, `>`, `>=` and `!=`."""

    left: Expr
    sign: str
    right: Expr

    @property
    def difference(self) -> Expr:
        """What is compared with zero."""
        return self.left - self.right


def relations(text: str, names: Names) -> list[Relation]:
    """The relations in a text, with `;`, `and` or `,` between them.

    `1 < x < 5` is two of them, and an expression without a sign is set to zero.

    Raises:
        InvalidInput: a part is none, or there are more than `MAX_RELATIONS`.
    """
    parts = [part for part in _parts(text) if part.strip()]
    if not parts:
        raise InvalidInput("there is no equation to solve")
    if len(parts) > MAX_RELATIONS:
        raise InvalidInput(f"{len(parts)} equations are more than {MAX_RELATIONS}")
    return [relation for part in parts for relation in _chain(part, names)]


def has_sign(text: str) -> bool:
    """Whether a text is a relation, and no plain expression."""
    return bool(_SIGN.search(text))


def read_unknowns(text: str) -> list[Symbol]:
    """The names in `x, y`."""
    return [read_name(name) for name in re.split(r"[,\s]+", text.strip()) if name]


def to_solve_for(free: Collection[Symbol], wanted: Sequence[Symbol], most: int) -> list[Symbol]:
    """What to solve for: what was named, or else what can only be meant.

    Raises:
        InvalidInput: more than `most` are free, and none was named.
    """
    ordered = sorted(free, key=str)
    found = [symbol for symbol in wanted if symbol in ordered]
    if found or len(ordered) <= most:
        return found or ordered
    raise InvalidInput(f"it is not said which of {', '.join(map(str, ordered))} to solve for")


def _parts(text: str) -> list[str]:
    return [part for piece in _BETWEEN.split(text) for part in _outside_brackets(piece)]


def _outside_brackets(text: str) -> list[str]:
    """The parts between commas, but for the commas in brackets, which part arguments."""
    parts, depth, begin = [], 0, 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0 and not _THOUSANDS.match(text, place - 1):
            parts.append(text[begin:place])
            begin = place + 1
    return [*parts, text[begin:]]


def _chain(text: str, names: Names) -> list[Relation]:
    first, *rest = _SIGN.split(text)
    signs = [_SPELLED.get(sign, sign) for sign in rest[::2]]
    signs = ["=" if set(sign) == {"="} else sign for sign in signs]
    if len(signs) > 1 and "=" in signs:
        raise InvalidInput(f"an equation has one =, and {text.strip()!r} has more")
    sides = [read_number(side, names=names) for side in (first, *rest[1::2])]
    if not signs:
        return [Relation(sides[0], "=", read_number("0"))]
    return [Relation(a, sign, b) for a, sign, b in zip(sides, signs, sides[1:], strict=False)]
