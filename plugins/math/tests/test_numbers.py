from __future__ import annotations

import math

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import InvalidInput
from metier_math import numbers
from metier_math.compute import evaluate


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("isprime(3571)", "yes"),
        ("nextprime(100)", "101"),
        ("prevprime(100)", "97"),
        ("prime(1000)", "7919"),
        ("divisors(28)", "1, 2, 4, 7, 14, 28"),
        ("divisors(1)", "1"),
        ("sum(divisors(28))", "56"),
        ("divisor_count(720)", "30"),
        ("totient(36)", "12"),
        ("factorint(-12)", "-3*2^2"),
        ("max(factorint(30031))", "509"),
        ("min(prime_factors(360))", "2"),
        ("sum(factorint(12))", "2^2*3"),
        ("lcm(factorint(12))", "2^2*3"),
        ("max(2*sqrt(3), 3)", "2*sqrt(3) ≈ 3.4641"),
        ("modinv(7, 26)", "15"),
        ("7^100 mod 13", "9"),
        ("3^(10^9) mod 7", "4"),
        ("powmod(2, -1, 9)", "5"),
        ("2^0.5 mod 1", "-1 + sqrt(2) ≈ 0.4142"),
        ("crt([2, 3], [3, 5])", "8"),
        ("fibonacci(10)", "55"),
        ("nCr(10, 3)", "120"),
        ("permutations(10, 3)", "720"),
        ("permutations(5)", "120"),
        ("permutations(3, 5)", "0"),
        ("6!/(2!*2!)", "180"),
    ],
)
def test_numbers_are_counted_and_taken_apart(text: str, result: str) -> None:
    assert evaluate(text).text == result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("modinv(6, 26)", "both have the factor 2"),
        ("powmod(2, 3, 0)", "division by zero"),
        ("prevprime(2)", "no prime below 2"),
        ("prime(0)", "first 100,000 primes"),
        ("divisors(0)", "every number divides 0"),
        ("divisors(10^60)", "has 3721 divisors"),
        ("crt([0, 1], [2, 4])", "no number leaves"),
        ("crt([1], [2, 4])", "a positive modulus for each"),
        ("crt(2, 4)", "needs a list"),
        ("permutations(-1, 2)", "not negative"),
        ("isprime(1/2)", "whole number"),
        ("isprime(10^1001)", "1,000 digits"),
        ("nextprime(10^301)", "300 digits"),
        ("powmod(3, 10^9000, 10^900)", "500 digits"),
        ("fibonacci(10^9)", "too large"),
        ("permutations(10^9)", "too large"),
    ],
)
def test_what_has_no_answer_says_why(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        evaluate(text)


def test_factoring_stops_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_FACTORING_S", 0.05)
    with pytest.raises(InvalidInput, match="of 79 digits without small factors"):
        evaluate("factorint((10^39 + 3) * (10^40 + 121))")


@given(st.integers(2, 10**9))
def test_prime_factors_are_prime_and_multiply_to_the_number(number: int) -> None:
    product = numbers.prime_factors(sympy.Integer(number))
    assert product.doit() == number
    bases = [factor.as_base_exp()[0] for factor in sympy.Mul.make_args(product)]
    assert all(map(sympy.isprime, bases))


@given(st.integers(-(10**6), 10**6), st.integers(2, 10**6))
def test_an_inverse_times_the_number_leaves_one(value: int, modulus: int) -> None:
    arguments = sympy.Integer(value), sympy.Integer(modulus)
    if math.gcd(value, modulus) > 1:
        with pytest.raises(InvalidInput, match="no inverse"):
            numbers.modular_inverse(*arguments)
    else:
        assert numbers.modular_inverse(*arguments) * value % modulus == 1
