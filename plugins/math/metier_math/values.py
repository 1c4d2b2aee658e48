"""What an expression can stand for: a number or term, a yes or no, a list of numbers."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Integer, Tuple
from sympy.logic.boolalg import Boolean

from metier.errors import InvalidInput

Value = Expr | Boolean | Tuple


def as_number(value: Value) -> Expr:
    """The value, where it is one that can be calculated with.

    Raises:
        InvalidInput: it is a yes or no, or a list.
    """
    if isinstance(value, Expr):
        return value
    what = "a list" if isinstance(value, Tuple) else "a yes or no"
    raise InvalidInput(f"{what} cannot be calculated with")


def parts(value: Value) -> Sequence[Value]:
    """The elements of a list, or the value alone."""
    return value.args if isinstance(value, Tuple) else (value,)


def whole(value: Expr, function: str) -> int:
    """The value of an argument that must be a whole number.

    Raises:
        InvalidInput: it is none; the message names the function.
    """
    if not isinstance(value, Integer):
        raise InvalidInput(f"{function} needs a whole number")
    return int(value)


def real(value: Expr) -> Expr:
    """A number that can be compared and rounded.

    Raises:
        InvalidInput: it has a variable or a unit, or is complex.
    """
    if not (value.is_number and value.is_real):
        raise InvalidInput(f"{value} is not a real number that could be compared or rounded")
    return value
