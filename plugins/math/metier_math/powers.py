"""Powers and roots whose size is known before they are computed."""

from __future__ import annotations

import sympy
from sympy import Expr, Rational

from metier.errors import InvalidInput
from metier_math.magnitudes import check_power
from metier_math.values import whole


def power(base: Expr, exponent: Expr) -> Expr:
    """A power.

    Raises:
        InvalidInput: it would be too large, or divides by zero.
    """
    check_power(base, exponent)
    if base.is_zero and exponent.is_negative:
        raise InvalidInput("division by zero")
    return base**exponent


def square_root(value: Expr) -> Expr:
    """The square root; SymPy's own never ends for some numbers of 10,000 digits."""
    return power(value, sympy.S.Half)


def root(value: Expr, degree: Expr) -> Expr:
    """The real root where there is one: -2 for `root(-8, 3)`, where a power is complex."""
    if (number := whole(degree, "root")) == 0:
        raise InvalidInput("there is no root of degree 0")
    if value.is_negative and degree.is_odd:
        return -power(-value, Rational(1, number))
    return power(value, Rational(1, number))
