"""How large a result would be, estimated before it is computed: `9**9**9` never starts."""

from __future__ import annotations

import math

import sympy
from sympy import Expr, Rational

from metier.errors import InvalidInput

MAX_DIGITS = 10_000
_MAX_FACTORIAL = 3_248  # the last one with at most 10,000 digits


def check_power(base: Expr, exponent: Expr) -> None:
    """Raise if a power has too many digits.

    SymPy multiplies the numbers of a power out even where the rest stays a symbol, as in
    `(2*x)**1000000` or `sqrt(2)**1000000`, so all rational parts count.

    Raises:
        InvalidInput: it would have more than 10,000 digits.
    """
    digits = sum(_digits(part) for part in base.atoms(Rational)) or _size(base)
    largest = max((abs(part) for part in exponent.atoms(Rational)), default=Rational(0))
    # Compared before it is multiplied: a float cannot hold every exponent.
    if digits and (largest > MAX_DIGITS / digits):
        raise _too_large(f"{_short(base)}**{_short(exponent)}")


def check_factorial(number: Expr) -> None:
    """Raise if a factorial has too many digits.

    Raises:
        InvalidInput: it would have more than 10,000 digits.
    """
    if isinstance(number, Rational) and number > _MAX_FACTORIAL:
        raise _too_large(f"{_short(number)}!")


def check_binomial(total: Expr, chosen: Expr) -> None:
    """Raise if a binomial coefficient has too many digits, or too many factors.

    Raises:
        InvalidInput: it would have more than 10,000 digits.
    """
    if not isinstance(chosen, Rational):
        return
    factors = abs(chosen)
    if total.is_Integer and 0 <= chosen <= total:
        factors = min(chosen, total - chosen)
    digits = _digits(total) if isinstance(total, Rational) else 1
    if factors > MAX_DIGITS or float(factors) * digits > MAX_DIGITS:
        raise _too_large(f"binomial({_short(total)}, {_short(chosen)})")


def _digits(number: Rational) -> float:
    return math.log10(abs(number.p) or 1) + math.log10(number.q)


def _size(value: Expr) -> float:
    """The digits before or after the point of `e` or `1 + i`; 0 where there is a variable."""
    number = abs(value.evalf(15)) if value.is_number else value
    return abs(float(sympy.log(number, 10))) if number.is_Float and number else 0.0


def _short(value: Expr) -> str:
    """The number itself where it is short: writing it out may be what must not happen."""
    long = any(_digits(part) > 30 for part in value.atoms(Rational))
    if long:
        return "(…)"
    return f"{value}" if value.is_Atom else f"({value})"


def _too_large(what: str) -> InvalidInput:
    return InvalidInput(f"{what} is too large: a number may have {MAX_DIGITS:,} digits here")
