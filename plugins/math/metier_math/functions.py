"""The functions that an expression may call. The table is closed: no other name is callable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import sympy
from sympy import Expr, Integer, Rational
from sympy.logic.boolalg import Boolean

from metier.errors import InvalidInput, nearest
from metier_math.magnitudes import check_binomial, check_factorial, check_power

Value = Expr | Boolean

_MAX_PLACES = 100


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the table.

    Attributes:
        least: how many arguments it needs.
        most: how many it takes; None for any number of them, or one list.
    """

    call: Callable[..., Value]
    least: int = 1
    most: int | None = 1

    @property
    def takes_list(self) -> bool:
        """Whether `mean([1, 2])` is the same as `mean(1, 2)`."""
        return self.most is None

    def takes(self, count: int) -> bool:
        """Whether this number of arguments is right."""
        return self.least <= count and (self.most is None or count <= self.most)


def named(name: str) -> Function:
    """The function of this name.

    Raises:
        InvalidInput: there is none.
    """
    if name not in FUNCTIONS:
        raise InvalidInput(
            f"no function is called {name!r}{nearest(name, FUNCTIONS)}",
            hint=f"Known: {', '.join(sorted(FUNCTIONS))}",
        )
    return FUNCTIONS[name]


def prime_factors(value: Expr) -> Expr:
    """A whole number as the product of its prime factors, not multiplied out."""
    number = _whole("factorint", value)
    if abs(number) < 2:
        return number
    powers = [
        Integer(prime) if count == 1 else sympy.Pow(prime, count, evaluate=False)
        for prime, count in sympy.factorint(number).items()
    ]
    return powers[0] if len(powers) == 1 else sympy.Mul(*powers, evaluate=False)


def mean(*values: Expr) -> Expr:
    """The arithmetic mean."""
    return sympy.Add(*values) / len(values)


def median(*values: Expr) -> Expr:
    """The middle value, or the mean of the two in the middle."""
    ordered = sorted(map(_real, values))
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else mean(*ordered[middle - 1 : middle + 1])


def variance(*values: Expr) -> Expr:
    """The variance of a sample: divided by n - 1."""
    centre = mean(*values)
    return sympy.Add(*[(value - centre) ** 2 for value in values]) / (len(values) - 1)


def deviation(*values: Expr) -> Expr:
    """The standard deviation of a sample."""
    return sympy.sqrt(variance(*values))


def remainder(dividend: Expr, divisor: Expr) -> Expr:
    """What a division leaves; it has the sign of the divisor."""
    if divisor.is_zero:
        raise InvalidInput("division by zero")
    return sympy.Mod(dividend, divisor)


def _round(value: Expr, places: Expr = sympy.S.Zero) -> Expr:
    """To the nearest, halves away from zero, as people round; Python rounds 2.5 to 2."""
    if abs(_whole("round", places)) > _MAX_PLACES:
        raise InvalidInput(f"round: {places} decimal places are more than {_MAX_PLACES}")
    scale = Integer(10) ** places
    nearest_whole = sympy.floor(abs(_real(value)) * scale + Rational(1, 2))
    return sympy.sign(value) * nearest_whole / scale


def _cbrt(value: Expr) -> Expr:
    """The real root of a negative number, where SymPy's own `cbrt` takes a complex one."""
    return -sympy.cbrt(-value) if value.is_negative else sympy.cbrt(value)


def _log(value: Expr, base: Expr = sympy.E) -> Expr:
    if base in (0, 1):
        raise InvalidInput(f"a logarithm cannot have the base {base}")
    return sympy.log(value, base)


def _exp(value: Expr) -> Expr:
    check_power(sympy.E, value)
    return sympy.exp(value)


def _factorial(value: Expr) -> Expr:
    check_factorial(value)
    return sympy.factorial(value)


def _binomial(total: Expr, chosen: Expr) -> Expr:
    check_binomial(total, chosen)
    return sympy.binomial(total, chosen)


def _isprime(value: Expr) -> Boolean:
    return sympy.true if sympy.isprime(_whole("isprime", value)) else sympy.false


def _whole(function: str, value: Expr) -> Integer:
    if not isinstance(value, Integer):
        raise InvalidInput(f"{function} needs a whole number")
    return value


def _real(value: Expr) -> Expr:
    if not (value.is_number and value.is_real):
        raise InvalidInput(f"{value} is not a real number that could be compared or rounded")
    return value


FUNCTIONS: dict[str, Function] = {
    **{
        name: Function(getattr(sympy, name))
        for name in (
            *("sqrt", "ln", "sign"),
            *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
        )
    },
    "abs": Function(sympy.Abs),
    "binomial": Function(_binomial, 2, 2),
    "cbrt": Function(_cbrt),
    "ceil": Function(sympy.ceiling),
    "exp": Function(_exp),
    "factorial": Function(_factorial),
    "factorint": Function(prime_factors),
    "floor": Function(sympy.floor),
    "gcd": Function(lambda *values: reduce(sympy.gcd, values), 1, None),
    "isprime": Function(_isprime),
    "lcm": Function(lambda *values: reduce(sympy.lcm, values), 1, None),
    "log": Function(_log, 1, 2),
    "log10": Function(lambda value: sympy.log(value, 10)),
    "log2": Function(lambda value: sympy.log(value, 2)),
    "max": Function(sympy.Max, 1, None),
    "mean": Function(mean, 1, None),
    "median": Function(median, 1, None),
    "min": Function(sympy.Min, 1, None),
    "mod": Function(remainder, 2, 2),
    "round": Function(_round, 1, 2),
    "stdev": Function(deviation, 2, None),
    "sum": Function(sympy.Add, 0, None),
    "variance": Function(variance, 2, None),
}
