"""Number theory and counting."""

from __future__ import annotations

import math
from functools import reduce

import sympy
from sympy import Expr, Integer, Tuple
from sympy.logic.boolalg import Boolean
from sympy.ntheory.modular import crt

from metier.errors import InvalidInput
from metier_math.magnitudes import (
    check_binomial,
    check_factorial,
    check_fibonacci,
    check_length,
    digits,
)
from metier_math.patience import OutOfTime, within
from metier_math.values import whole

MAX_DIVISORS = 500
_MAX_PRIME_PLACE = 100_000
_FACTORING_S = 0.6
_MODULUS_DIGITS = 500
_TESTED_DIGITS = 1_000  # a third of a second
_SEARCHED_DIGITS = 300  # the next prime is some hundred tests away


def gcd(*values: Expr) -> Expr:
    """The greatest common divisor."""
    return reduce(sympy.gcd, values)


def lcm(*values: Expr) -> Expr:
    """The least common multiple."""
    return reduce(sympy.lcm, values)


def is_prime(value: Expr) -> Boolean:
    """Whether a whole number is prime."""
    check_length(value, _TESTED_DIGITS)
    return sympy.true if sympy.isprime(whole(value, "isprime")) else sympy.false


def next_prime(value: Expr) -> Expr:
    """The smallest prime above a whole number."""
    check_length(value, _SEARCHED_DIGITS)
    return Integer(sympy.nextprime(whole(value, "nextprime")))


def previous_prime(value: Expr) -> Expr:
    """The largest prime below a whole number.

    Raises:
        InvalidInput: there is none.
    """
    check_length(value, _SEARCHED_DIGITS)
    if (number := whole(value, "prevprime")) < 3:
        raise InvalidInput(f"there is no prime below {number}")
    return Integer(sympy.prevprime(number))


def nth_prime(place: Expr) -> Expr:
    """The n-th prime; the first is 2."""
    if not 1 <= (number := whole(place, "prime")) <= _MAX_PRIME_PLACE:
        raise InvalidInput(f"prime knows the first {_MAX_PRIME_PLACE:,} primes")
    return Integer(sympy.prime(number))


def prime_factors(value: Expr) -> Expr:
    """A whole number as the product of its prime factors, not multiplied out."""
    if abs(number := whole(value, "factorint")) < 2:
        return Integer(number)
    powers = [
        Integer(prime) if count == 1 else sympy.Pow(prime, count, evaluate=False)
        for prime, count in _factored(abs(number)).items()
    ]
    product = powers[0] if len(powers) == 1 else sympy.Mul(*powers, evaluate=False)
    return product if number > 0 else sympy.Mul(-1, product, evaluate=False)


def primes_in(product: Expr) -> tuple[Expr, ...]:
    """The primes of a product that `prime_factors` left as it is; any other value alone."""
    factors = [each.as_base_exp() for each in sympy.Mul.make_args(product)]
    is_written_out = not product.is_Integer and all(
        base.is_Integer and power.is_Integer for base, power in factors
    )
    return tuple(base for base, _ in factors) if is_written_out else (product,)


def divisors(value: Expr) -> Tuple:
    """The positive divisors of a whole number, in their order.

    Raises:
        InvalidInput: it is zero, or has more than `MAX_DIVISORS`.
    """
    if (count := divisor_count(value)) > MAX_DIVISORS:
        raise InvalidInput(f"it has {count} divisors; {MAX_DIVISORS} can be listed")
    found = [1]
    for prime, power in _positive_factors(value, "divisors").items():
        found = [divisor * prime**exponent for divisor in found for exponent in range(power + 1)]
    return Tuple(*sorted(found))


def divisor_count(value: Expr) -> Expr:
    """How many positive divisors a whole number has."""
    powers = _positive_factors(value, "divisors").values()
    return Integer(math.prod(power + 1 for power in powers))


def totient(value: Expr) -> Expr:
    """Euler's phi: how many of 1 to n have no factor in common with n."""
    factors = _positive_factors(value, "totient").items()
    return Integer(math.prod((prime - 1) * prime ** (power - 1) for prime, power in factors))


def power_mod(base: Expr, exponent: Expr, modulus: Expr) -> Expr:
    """A power modulo a number, without computing the power.

    Raises:
        InvalidInput: the modulus is zero, or the exponent negative and there is no inverse.
    """
    whole_base, power, divisor = (whole(value, "powmod") for value in (base, exponent, modulus))
    check_length(modulus, _MODULUS_DIGITS)
    if divisor == 0:
        raise InvalidInput("division by zero")
    try:
        return Integer(pow(whole_base, power, divisor))
    except ValueError as exc:
        raise _no_inverse(whole_base, divisor) from exc


def modular_inverse(value: Expr, modulus: Expr) -> Expr:
    """What times the value leaves 1 modulo a number.

    Raises:
        InvalidInput: the two have a common factor: there is no inverse.
    """
    return power_mod(value, sympy.S.NegativeOne, modulus)


def chinese_remainder(remainders: Tuple, moduli: Tuple) -> Expr:
    """The smallest number that leaves these remainders.

    Raises:
        InvalidInput: there is none, or the lists do not fit each other.
    """
    if len(remainders) != len(moduli) or not moduli or any(whole(m, "crt") < 1 for m in moduli):
        raise InvalidInput("crt needs a positive modulus for each remainder")
    found = crt([int(m) for m in moduli], [whole(r, "crt") for r in remainders])
    if found is None:
        raise InvalidInput("no number leaves all these remainders")
    return Integer(found[0])


def fibonacci(place: Expr) -> Expr:
    """The n-th Fibonacci number: 0, 1, 1, 2, 3, …, counted from 0."""
    check_fibonacci(place)
    return sympy.fibonacci(whole(place, "fibonacci"))


def factorial(value: Expr) -> Expr:
    """The product of 1 to n."""
    check_factorial(value)
    return sympy.factorial(value)


def binomial(total: Expr, chosen: Expr) -> Expr:
    """In how many ways some of n can be chosen, where their order does not count."""
    check_binomial(total, chosen)
    return sympy.binomial(total, chosen)


def permutations(total: Expr, chosen: Expr | None = None) -> Expr:
    """In how many ways n, or some of n, can be put in order.

    Raises:
        InvalidInput: a number is negative.
    """
    n = whole(total, "permutations")
    k = n if chosen is None else whole(chosen, "permutations")
    if n < 0 or k < 0:
        raise InvalidInput("permutations needs numbers that are not negative")
    return binomial(Integer(n), Integer(k)) * factorial(Integer(k)) if k <= n else sympy.S.Zero


def _positive_factors(value: Expr, function: str) -> dict[int, int]:
    if (number := whole(value, function)) == 0:
        raise InvalidInput(f"{function}: every number divides 0")
    return _factored(abs(number)) if abs(number) > 1 else {}


def _factored(number: int) -> dict[int, int]:
    try:
        with within(_FACTORING_S):
            factors: dict[int, int] = sympy.factorint(number)
    except OutOfTime as exc:
        length = round(digits(Integer(number)))
        raise InvalidInput(
            f"a number of {length} digits without small factors takes too long to be factored"
        ) from exc
    return factors


def _no_inverse(value: int, modulus: int) -> InvalidInput:
    common = sympy.igcd(value, modulus)
    return InvalidInput(f"there is no inverse: both have the factor {common}")
