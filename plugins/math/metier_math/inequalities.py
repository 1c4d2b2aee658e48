"""Solving inequalities over the real numbers, and checking the result at points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import sympy
from sympy import EmptySet, Expr, FiniteSet, Interval, Poly, Rational, S, Set, Symbol, Union
from sympy.functions.elementary.trigonometric import TrigonometricFunction

from metier.errors import InvalidInput
from metier_math.magnitudes import check_polynomial
from metier_math.program import Computed
from metier_math.ranges import described
from metier_math.relations import Relation, to_solve_for

_MAX_DEGREE = 20
_HOLDS = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (1, 0), "=": (0,), "!=": (-1, 1)}
_RELATION = {"<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SHOWN = {"<=": "≤", ">=": "≥"}
_UNSOLVED = "no way to solve this inequality is known"


def solve(found: Sequence[Relation], wanted: Sequence[Symbol]) -> Computed:
    """The real numbers for which all relations hold.

    Raises:
        InvalidInput: there is more than one unknown, or no way is known.
    """
    for relation in found:
        check_polynomial(relation.difference, most=_MAX_DEGREE)
    free = {symbol for relation in found for symbol in relation.difference.free_symbols}
    unknown = to_solve_for(free, wanted, 1)
    if len(unknown) > 1:
        raise InvalidInput("inequalities are solved for one unknown at a time")
    if len(free) > 1:
        return _isolated(found, unknown[0])
    symbol = unknown[0] if unknown else Symbol("x")
    period = _period(found, symbol)
    solution = _solution(found, symbol, period)
    _check(found, symbol, solution, period)
    return described(solution, symbol, repeats=period is not None)


def _solution(found: Sequence[Relation], symbol: Symbol, period: Expr | None) -> Set:
    domain = S.Reals if period is None else Interval.Ropen(0, period)
    return sympy.Intersection(domain, *(_holding(relation, symbol) for relation in found))


def _holding(relation: Relation, symbol: Symbol) -> Set:
    numerator, denominator = sympy.fraction(sympy.together(relation.difference))
    above, below = (part.as_poly(symbol) for part in (numerator, denominator))
    if above is not None and below is not None:
        return _by_signs(above, below, relation.sign)
    real = Symbol(symbol.name, real=True)
    difference = relation.difference.subs(symbol, real)
    if relation.sign not in _RELATION:
        zeros = sympy.solveset(difference, real, S.Reals)
        return zeros if relation.sign == "=" else S.Reals - zeros
    try:
        condition = _RELATION[relation.sign](difference, 0)
        return sympy.solve_univariate_inequality(condition, real, relational=False)
    except NotImplementedError as exc:
        raise InvalidInput(_UNSOLVED) from exc


def _by_signs(numerator: Poly, denominator: Poly, sign: str) -> Set:
    """From the sign between and at the roots, exactly: for rational functions."""
    zeros, poles = (_roots(part) for part in (numerator, denominator))
    places = sorted({*zeros, *poles})
    signs = _HOLDS[sign]
    pieces: list[Set] = [FiniteSet(*(p for p in places if p not in poles and 0 in signs))]
    for low, high in pairwise([-S.Infinity, *places, S.Infinity]):
        inside = _between(low, high)
        value = numerator.eval(inside) * denominator.eval(inside)
        if sympy.sign(value) in signs:
            pieces.append(Interval.open(low, high))
    return Union(*pieces)


def _roots(polynomial: Poly) -> list[Expr]:
    if polynomial.degree() < 1:
        return []
    try:
        return list(dict.fromkeys(polynomial.real_roots()))
    except NotImplementedError as exc:  # coefficients that are not rational
        raise InvalidInput(_UNSOLVED) from exc


def _between(low: Expr, high: Expr) -> Rational:
    """A rational number between two places."""
    if low.is_infinite and high.is_infinite:
        return S.Zero
    if low.is_infinite:
        return sympy.floor(high) - 1
    if high.is_infinite:
        return sympy.ceiling(low) + 1
    return Rational(str(sympy.N((low + high) / 2, 30)))


def _isolated(found: Sequence[Relation], symbol: Symbol) -> Computed:
    """`x < 5 - y`, where the other letters stay."""
    relation = found[0]
    line = relation.difference.as_poly(symbol)
    if len(found) > 1 or line is None or line.degree() != 1 or not line.LC().is_number:
        raise InvalidInput(_UNSOLVED)
    slope, rest = line.all_coeffs()
    sign = relation.sign if slope.is_positive else _TURNED.get(relation.sign, relation.sign)
    text = f"{symbol} {_SHOWN.get(sign, sign)} {sympy.expand(-rest / slope)}"
    return Computed(text=text.replace("**", "^"), exact="")


def _period(found: Sequence[Relation], symbol: Symbol) -> Expr | None:
    """How far apart the solutions repeat, where trigonometric functions make them repeat."""
    if not any(relation.difference.has(TrigonometricFunction) for relation in found):
        return None
    periods = {sympy.periodicity(relation.difference, symbol) for relation in found}
    if len(periods) > 1 or not (period := periods.pop()):
        raise InvalidInput(_UNSOLVED)
    return period


def _check(found: Sequence[Relation], symbol: Symbol, solution: Set, period: Expr | None) -> None:
    """Raise where a point of the solution does not fit, or one that fits lies outside of it."""
    for point in _points(solution, period):
        holds = all(_holds_at(relation, symbol, point) for relation in found)
        if solution.contains(point) != (S.true if holds else S.false):
            raise InvalidInput(f"a solution was found, but {symbol} = {point} does not fit it")


def _points(solution: Set, period: Expr | None) -> Iterator[Rational]:
    """Points between and around the places where the solution begins and ends."""
    ends = [end for end in solution.boundary if end.is_finite] if solution is not EmptySet else []
    places = sorted(Rational(str(sympy.N(end, 15))) for end in ends)
    low, high = (0, period) if period is not None else ((places or [0])[0] - 2, None)
    edges = [low, *places, high if high is not None else (places or [0])[-1] + 2]
    for left, right in pairwise(edges):
        if (width := Rational(str(sympy.N(right - left, 15)))) > 0:
            yield from (left + width * Rational(share, 1009) for share in (173, 557, 911))


def _holds_at(relation: Relation, symbol: Symbol, point: Rational) -> bool:
    value = sympy.N(relation.difference.subs(symbol, point), 20, maxn=100)
    if not value.is_real:
        return False
    return int(sympy.sign(value)) in _HOLDS[relation.sign]
