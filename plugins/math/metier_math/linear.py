"""Systems of linear equations: one solution, none, or infinitely many."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Expr, Symbol

from metier_math.program import Computed
from metier_math.rendering import exact_text, rendered
from metier_math.values import Value

Solution = dict[Symbol, Expr]


def is_linear(equation: Expr, unknown: Sequence[Symbol]) -> bool:
    """Whether no unknown has a power, or another unknown as its factor."""
    polynomial = equation.as_poly(*unknown)
    return polynomial is not None and polynomial.total_degree() <= 1


def solutions(equations: Sequence[Expr], unknown: Sequence[Symbol]) -> Solution | None:
    """The solution of a linear system, with those unknowns free that it has no value for.

    Returns:
        What each unknown equals; one that equals itself may be anything. None where the
        equations contradict each other.
    """
    found = sympy.linsolve(list(equations), *unknown)
    if found.is_empty:
        return None
    return dict(zip(unknown, next(iter(found)), strict=True))


def described(solution: Solution | None) -> Computed:
    """The solution of a linear system in words."""
    if solution is None:
        return Computed(text="no solution: the equations contradict each other", exact="")
    free = [str(symbol) for symbol, value in solution.items() if symbol == value]
    bound = {symbol: value for symbol, value in solution.items() if symbol != value}
    text = _equalities(bound, people=True)
    if free:
        chosen = f"for any {' and '.join(free)}"
        text = f"infinitely many solutions: {text}, {chosen}" if bound else f"any {', '.join(free)}"
    return Computed(text=text, exact=_equalities(bound, people=False))


def _equalities(solution: Solution, *, people: bool) -> str:
    return ", ".join(equality(name, value, people=people) for name, value in solution.items())


def equality(symbol: Symbol, value: Value, *, people: bool) -> str:
    """`x = 2`, or `x ≈ 1.4142` where the exact value is no use to people."""
    shown = rendered(value).text if people else exact_text(value)
    return f"{symbol} {shown}" if shown.startswith("≈") else f"{symbol} = {shown}"
