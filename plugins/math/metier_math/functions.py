"""The functions that an expression may call. The table is closed: no other name is callable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import sympy
from sympy import Expr, Integer, Rational, Tuple

from metier.errors import InvalidInput, nearest
from metier_math import distributions, numbers, samples
from metier_math.magnitudes import check_power
from metier_math.powers import power, root, square_root
from metier_math.values import Value, as_number, parts, real, whole

_MAX_PLACES = 100


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the table.

    Attributes:
        least: how many arguments it needs.
        most: how many it takes; None for any number of them, of which some may be in a list.
        lists: how many of the arguments, from the first on, are lists.
    """

    call: Callable[..., Value]
    least: int = 1
    most: int | None = 1
    lists: int = 0

    def of(self, name: str, arguments: Sequence[Value]) -> Value:
        """The value for these arguments.

        Raises:
            InvalidInput: they are too few or too many, or lists where numbers are needed.
        """
        if self.most is None:
            arguments = [part for argument in arguments for part in parts(argument)]
            if len(arguments) == 1 and name in ("max", "min"):  # `max(factorint(n))`
                arguments = numbers.primes_in(as_number(arguments[0]))
        count = len(arguments)
        if count < self.least or (self.most is not None and count > self.most):
            raise InvalidInput(f"{name} cannot take {count} arguments")
        lists, numbers_ = arguments[: self.lists], arguments[self.lists :]
        if not all(isinstance(argument, Tuple) for argument in lists):
            raise InvalidInput(f"{name} needs a list, such as {name}([1, 2, 3]…)")
        return self.call(*lists, *map(as_number, numbers_))


def named(name: str) -> Function:
    """The function of this name, or of one that means the same.

    Raises:
        InvalidInput: there is none.
    """
    known = ALIASES.get(name, name)
    if known not in FUNCTIONS:
        raise InvalidInput(
            f"no function is called {name!r}{nearest(name, FUNCTIONS)}",
            hint=f"Known: {', '.join(sorted(FUNCTIONS))}",
        )
    return FUNCTIONS[known]


def remainder(dividend: Expr, divisor: Expr) -> Expr:
    """What a division leaves; it has the sign of the divisor."""
    if divisor.is_zero:
        raise InvalidInput("division by zero")
    return sympy.Mod(dividend, divisor)


def _round(value: Expr, places: Expr = sympy.S.Zero) -> Expr:
    """To the nearest, halves away from zero, as people round; Python rounds 2.5 to 2."""
    if abs(whole(places, "round")) > _MAX_PLACES:
        raise InvalidInput(f"round: {places} decimal places are more than {_MAX_PLACES}")
    scale = Integer(10) ** places
    amount, unit = _amount_and_unit(value)
    nearest_whole = sympy.floor(abs(real(amount)) * scale + Rational(1, 2))
    return sympy.sign(amount) * nearest_whole / scale * unit


def _floor(value: Expr) -> Expr:
    amount, unit = _amount_and_unit(value)
    return sympy.floor(amount) * unit


def _ceil(value: Expr) -> Expr:
    amount, unit = _amount_and_unit(value)
    return sympy.ceiling(amount) * unit


def _amount_and_unit(value: Expr) -> tuple[Expr, Expr]:
    """`2.3` and `mg`. Units are the symbols that are known to be positive."""
    units = [symbol for symbol in value.free_symbols if symbol.is_positive]
    if not units or value.is_Add:
        return value, sympy.S.One
    amount, unit = value.as_independent(*units, as_Add=False)
    return amount, unit


def _log(value: Expr, base: Expr = sympy.E) -> Expr:
    if base in (0, 1):
        raise InvalidInput(f"a logarithm cannot have the base {base}")
    return sympy.log(value, base)


def _bounded(function: Callable[[Expr], Expr], value: Expr) -> Expr:
    """A function that grows like a power of e."""
    check_power(sympy.E, value)
    return function(value)


def _erfinv(value: Expr) -> Expr:
    if value.is_number and not -1 <= real(value) <= 1:
        raise InvalidInput("erfinv is defined from -1 to 1")
    return sympy.erfinv(value)


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **{
            name: Function(getattr(sympy, name))
            for name in (
                *("ln", "sign", "erf"),
                *("sin", "cos", "tan", "sec", "csc", "cot", "asin", "acos", "atan"),
                "tanh",
            )
        },
        "abs": Function(sympy.Abs),
        "binomial": Function(numbers.binomial, 2, 2),
        "binomial_cdf": Function(distributions.binomial_cdf, 3, 3),
        "binomial_pmf": Function(distributions.binomial_pmf, 3, 3),
        "cbrt": Function(lambda value: root(value, Integer(3))),
        "ceil": Function(_ceil),
        "correlation": Function(samples.correlation, 2, 2, lists=2),
        "cosh": Function(lambda value: _bounded(sympy.cosh, value)),
        "covariance": Function(samples.covariance, 2, 2, lists=2),
        "crt": Function(numbers.chinese_remainder, 2, 2, lists=2),
        "divisor_count": Function(numbers.divisor_count),
        "divisors": Function(numbers.divisors),
        "erfinv": Function(_erfinv),
        "exp": Function(lambda value: _bounded(sympy.exp, value)),
        "factorial": Function(numbers.factorial),
        "factorint": Function(numbers.prime_factors),
        "fibonacci": Function(numbers.fibonacci),
        "floor": Function(_floor),
        "gcd": Function(numbers.gcd, 1, None),
        "gmean": Function(samples.geometric_mean, 1, None),
        "intercept": Function(samples.intercept, 2, 2, lists=2),
        "iqr": Function(samples.interquartile_range, 1, None),
        "isprime": Function(numbers.is_prime),
        "lcm": Function(numbers.lcm, 1, None),
        "log": Function(_log, 1, 2),
        "log10": Function(lambda value: sympy.log(value, 10)),
        "log2": Function(lambda value: sympy.log(value, 2)),
        "max": Function(sympy.Max, 1, None),
        "mean": Function(samples.mean, 1, None),
        "median": Function(samples.median, 1, None),
        "min": Function(sympy.Min, 1, None),
        "mod": Function(remainder, 2, 2),
        "mode": Function(samples.mode, 1, None),
        "modinv": Function(numbers.modular_inverse, 2, 2),
        "nextprime": Function(numbers.next_prime),
        "normal_cdf": Function(distributions.normal_cdf, 1, 3),
        "normal_quantile": Function(distributions.normal_quantile, 1, 3),
        "percentile": Function(samples.percentile, 2, 2, lists=1),
        "permutations": Function(numbers.permutations, 1, 2),
        "poisson_cdf": Function(distributions.poisson_cdf, 2, 2),
        "poisson_pmf": Function(distributions.poisson_pmf, 2, 2),
        "pow": Function(power, 2, 2),
        "powmod": Function(numbers.power_mod, 3, 3),
        "prevprime": Function(numbers.previous_prime),
        "prime": Function(numbers.nth_prime),
        "pstdev": Function(samples.population_deviation, 1, None),
        "pvariance": Function(samples.population_variance, 1, None),
        "quartiles": Function(samples.quartiles, 1, None),
        "range": Function(samples.spread, 1, None),
        "root": Function(root, 2, 2),
        "round": Function(_round, 1, 2),
        "sinh": Function(lambda value: _bounded(sympy.sinh, value)),
        "slope": Function(samples.slope, 2, 2, lists=2),
        "sqrt": Function(square_root),
        "stdev": Function(samples.deviation, 2, None),
        "sum": Function(sympy.Add, 0, None),
        "totient": Function(numbers.totient),
        "variance": Function(samples.variance, 2, None),
        "wmean": Function(samples.weighted_mean, 2, 2, lists=2),
        "zscore": Function(samples.z_score, 3, 3),
    }
)
# What small models write instead.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "arccos": "acos",
        "arcsin": "asin",
        "arctan": "atan",
        "average": "mean",
        "avg": "mean",
        "ceiling": "ceil",
        "choose": "binomial",
        "comb": "binomial",
        "combinations": "binomial",
        "factor_integer": "factorint",
        "inverse_mod": "modinv",
        "is_prime": "isprime",
        "nCr": "binomial",
        "nPr": "permutations",
        "next_prime": "nextprime",
        "perm": "permutations",
        "phi": "totient",
        "prime_factors": "factorint",
        "sd": "stdev",
        "std": "stdev",
        "var": "variance",
        "weighted_mean": "wmean",
        "z_score": "zscore",
    }
)
