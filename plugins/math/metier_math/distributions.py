"""Probabilities of the distributions that questions are about."""

from __future__ import annotations

import sympy
from sympy import Expr, Integer

from metier.errors import InvalidInput
from metier_math.magnitudes import check_binomial, check_factorial, check_power
from metier_math.values import real, whole

_MOST_TERMS = 1_000


def normal_cdf(value: Expr, centre: Expr = sympy.S.Zero, sd: Expr = sympy.S.One) -> Expr:
    """P(X <= value) of a normal distribution."""
    return (1 + sympy.erf((value - centre) / (_positive(sd) * sympy.sqrt(2)))) / 2


def normal_quantile(share: Expr, centre: Expr = sympy.S.Zero, sd: Expr = sympy.S.One) -> Expr:
    """The value that a share of a normal distribution lies below; 1.96 for 0.975."""
    return centre + _positive(sd) * sympy.sqrt(2) * sympy.erfinv(2 * _probability(share) - 1)


def binomial_pmf(hits: Expr, trials: Expr, chance: Expr) -> Expr:
    """P(X = hits) in trials that succeed with a chance each."""
    k, n = _count(hits), _count(trials)
    chance = _probability(chance)
    if k > n:
        return sympy.S.Zero
    check_binomial(trials, hits)
    for base, exponent in ((chance, hits), (1 - chance, trials - hits)):
        check_power(base, exponent)
    return sympy.binomial(n, k) * chance**k * (1 - chance) ** (n - k)


def binomial_cdf(hits: Expr, trials: Expr, chance: Expr) -> Expr:
    """P(X <= hits) in trials that succeed with a chance each."""
    return sympy.Add(*(binomial_pmf(Integer(k), trials, chance) for k in _up_to(hits)))


def poisson_pmf(count: Expr, expected: Expr) -> Expr:
    """P(X = count) where so many are expected."""
    check_factorial(count)
    check_power(_positive(expected), count)
    return sympy.exp(-expected) * expected**count / sympy.factorial(_count(count))


def poisson_cdf(count: Expr, expected: Expr) -> Expr:
    """P(X <= count) where so many are expected."""
    return sympy.Add(*(poisson_pmf(Integer(k), expected) for k in _up_to(count)))


def _up_to(most: Expr) -> range:
    if (count := _count(most)) >= _MOST_TERMS:
        raise InvalidInput(f"a sum of more than {_MOST_TERMS} probabilities is too long")
    return range(count + 1)


def _count(value: Expr) -> int:
    if (count := whole(value, "a probability of a count")) < 0:
        raise InvalidInput("a count is not negative")
    return count


def _probability(value: Expr) -> Expr:
    if not 0 <= real(value) <= 1:
        raise InvalidInput(f"a probability is from 0 to 1, not {value}")
    return value


def _positive(value: Expr) -> Expr:
    if not real(value) > 0:
        raise InvalidInput(f"{value} should be positive in a distribution")
    return value
