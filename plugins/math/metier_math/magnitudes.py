"""How large a result would be, estimated before it is computed: `9**9**9` never starts."""

from __future__ import annotations

import math

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, Rational, Symbol

from metier.errors import InvalidInput

MAX_DIGITS = 10_000
_MAX_FACTORIAL = 3_248  # the last one with at most 10,000 digits
_MAX_ROOT_DIGITS = 500  # SymPy looks for factors to draw out: seconds for 2,000 digits
_MAX_COEFFICIENT_DIGITS = 300
_MAX_FIBONACCI = 47_846  # as well
_MAX_DEGREE = 300  # SymPy takes half a second for some of these, and a minute soon after
_MAX_TERMS = 1_000  # more could hardly be shown


def check_power(base: Expr, exponent: Expr) -> None:
    """Raise if a power has too many digits.

    SymPy multiplies the numbers of a power out even where the rest stays a symbol, as in
    `(2*x)**1000000` or `sqrt(2)**1000000`, so all rational parts count.

    Raises:
        InvalidInput: it would have more than 10,000 digits.
    """
    length = sum(digits(part) for part in base.atoms(Rational)) or _size(base)
    largest = max((abs(part) for part in exponent.atoms(Rational)), default=Rational(0))
    if exponent.is_number and not exponent.is_rational and (number := exponent.evalf(15)).is_Float:
        largest = max(largest, abs(number))
    # Compared before it is multiplied: a float cannot hold every exponent.
    if length and largest > MAX_DIGITS / length:
        raise _too_large(f"{_short(base)}**{_short(exponent)}")
    if length > _MAX_ROOT_DIGITS and any(part.q > 1 for part in exponent.atoms(Rational)):
        raise InvalidInput(f"a root of a number of more than {_MAX_ROOT_DIGITS} digits is too long")


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
    length = digits(total) if isinstance(total, Rational) else 1
    if factors > MAX_DIGITS or float(factors) * length > MAX_DIGITS:
        raise _too_large(f"binomial({_short(total)}, {_short(chosen)})")


def check_fibonacci(place: Expr) -> None:
    """Raise if a Fibonacci number has too many digits.

    Raises:
        InvalidInput: it would have more than 10,000 digits.
    """
    if isinstance(place, Rational) and abs(place) > _MAX_FIBONACCI:
        raise _too_large(f"fibonacci({_short(place)})")


def check_length(number: Expr, most: int) -> None:
    """Raise if a number has too many digits for what is to be found out about it.

    Raises:
        InvalidInput: it has more than `most`.
    """
    if isinstance(number, Rational) and digits(number) > most:
        raise InvalidInput(f"a number may have {most:,} digits here")


def check_polynomial(value: Expr, *, most: int = _MAX_DEGREE) -> None:
    """Raise if an expression multiplied out would have too many terms, or too high a degree.

    SymPy keeps a place for every power, so `x^1000000 - 1` alone is a million of them.

    Raises:
        InvalidInput: its degree would be above `most`, or its terms more than can be shown.
    """
    for number in value.atoms(Rational):
        check_length(number, _MAX_COEFFICIENT_DIGITS)
    if _degree(value) > most:
        raise InvalidInput(f"a degree above {most:,} is too high to work with")
    if terms(value) > _MAX_TERMS:
        raise InvalidInput("multiplied out, this would have too many terms")


def is_short(value: Expr, most_terms: int) -> bool:
    """Whether an expression is quickly rewritten: few terms, no long numbers."""
    longest = max(map(digits, value.atoms(Rational)), default=0)
    return longest <= _MAX_COEFFICIENT_DIGITS and terms(value) <= most_terms


def terms(value: Expr) -> float:
    """How many terms an expression has at most when it is multiplied out."""
    parts = [terms(part) for part in value.args if isinstance(part, Expr)]
    match value:
        case Add():
            return sum(parts)
        case Mul():
            return math.prod(parts)
        case Pow(base=base, exp=Integer() as exponent) if (count := terms(base)) > 1:
            # As many as there are ways to share the exponent among the terms of the base.
            power = min(abs(int(exponent)), 10**6)
            return math.exp(min(_log_binomial(power + count - 1, count - 1), 700))
        case _:
            return 1


def _log_binomial(total: float, chosen: float) -> float:
    rest = total - chosen
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(rest + 1)


def _degree(value: Expr) -> float:
    """The degree in all variables together, or a bound of it."""
    parts = [_degree(part) for part in value.args if isinstance(part, Expr)]
    match value:
        case Symbol():
            return 1
        case Mul():
            return min(sum(parts), math.inf)
        case Pow(base=base, exp=Rational() as exponent):
            # Compared as integers: a float cannot hold every exponent.
            return _degree(base) * float(min(max(abs(exponent.p), exponent.q), 10**9))
        case _:
            return max(parts, default=0)


def digits(number: Rational) -> float:
    """How many digits numerator and denominator have, as a logarithm."""
    return math.log10(abs(number.p) or 1) + math.log10(number.q)


def _size(value: Expr) -> float:
    """The digits before or after the point of `e` or `1 + i`; 0 where there is a variable."""
    number = abs(value.evalf(15)) if value.is_number else value
    return abs(float(sympy.log(number, 10))) if number.is_Float and number else 0.0


def _short(value: Expr) -> str:
    """The number itself where it is short: writing it out may be what must not happen."""
    long = any(digits(part) > 30 for part in value.atoms(Rational))
    if long:
        return "(…)"
    return f"{value}" if value.is_Atom else f"({value})"


def _too_large(what: str) -> InvalidInput:
    return InvalidInput(f"{what} is too large: a number may have {MAX_DIGITS:,} digits here")
