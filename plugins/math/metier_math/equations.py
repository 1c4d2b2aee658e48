"""Solving equations and systems of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import sympy
from sympy import Expr, Symbol
from sympy.functions.elementary.trigonometric import TrigonometricFunction

from metier.errors import InvalidInput
from metier_math.expressions import NO_NAMES, read_name, read_number
from metier_math.functions import Value
from metier_math.program import Computed
from metier_math.rendering import approximated, exact_text, rendered

Solution = dict[Symbol, Expr]

_INEQUALITY = re.compile(r"!=|<|>|≤|≥|≠")
_BETWEEN = re.compile(r"[;\n]|\band\b|,(?![^(\[]*[)\]])")
_STARTS = (1, 0.1, -1, 10, 100)


def solve(text: str, variable: str = "", *, names: Mapping[str, Value] = NO_NAMES) -> Computed:
    """The solutions of an equation, or of a system with `;` or `,` between its equations.

    An expression without `=` is set to zero. Where SymPy finds no closed form, one solution is
    searched for numerically, and the text says so.

    Raises:
        InvalidInput: it is no equation, or nothing was found.
    """
    wanted = [read_name(name) for name in re.split(r"[,\s]+", variable.strip()) if name]
    known = {**names, **{symbol.name: symbol for symbol in wanted}}
    equations = [_difference(part, known) for part in _BETWEEN.split(text) if part.strip()]
    if not equations:
        raise InvalidInput("there is no equation to solve")
    unknown = _unknown(equations, wanted)
    if all(sympy.simplify(equation) == 0 for equation in equations):
        return Computed(text="every number is a solution", exact="")
    if not unknown:
        return Computed(text="no solution", exact="")
    return _solved(equations, unknown)


def _solved(equations: Sequence[Expr], unknown: Sequence[Symbol]) -> Computed:
    try:
        solutions = _solutions(equations, unknown)
    except NotImplementedError:
        return _searched(equations, unknown)
    if not solutions:
        # Of equations that are not linear, SymPy may miss solutions without saying so.
        certain = all(_is_linear(equation, unknown) for equation in equations)
        return Computed(text="no solution" if certain else "no solution was found", exact="")
    solutions.sort(key=_place)
    text = _alternatives(solutions, lambda value: rendered(value).text)
    if any(equation.has(TrigonometricFunction) for equation in equations):
        # SymPy's list has the solutions of one period; leaving that out would be wrong.
        text += ", and again in each period"
    return Computed(text=text, exact=_alternatives(solutions, exact_text))


def _solutions(equations: Sequence[Expr], unknown: Sequence[Symbol]) -> list[Solution]:
    if any(equation.has(sympy.Abs) for equation in equations):
        # Absolute values of complex numbers are beyond SymPy; real ones are what is meant.
        real = {symbol: Symbol(symbol.name, real=True) for symbol in unknown}
        equations = [equation.subs(real) for equation in equations]
        unknown = list(real.values())
    # As a list of one, SymPy leaves out roots that have no closed form, as of x^5 - x - 1.
    one = len(equations) == 1 == len(unknown)
    system = (equations[0], unknown[0]) if one else (equations, unknown)
    found: list[Solution] = sympy.solve(*system, dict=True)
    return found


def _is_linear(equation: Expr, unknown: Sequence[Symbol]) -> bool:
    polynomial = equation.as_poly(*unknown)
    return polynomial is not None and polynomial.total_degree() <= 1


def _difference(text: str, names: Mapping[str, Value]) -> Expr:
    if _INEQUALITY.search(text):
        raise InvalidInput(f"only equations with = can be solved, not {text.strip()!r}")
    sides = re.split("=+", text)
    if len(sides) > 2:
        raise InvalidInput(f"an equation has one =, and {text.strip()!r} has more")
    left, *right = (read_number(side, names=names) for side in sides)
    return left - right[0] if right else left


def _unknown(equations: Sequence[Expr], wanted: list[Symbol]) -> list[Symbol]:
    """What to solve for: what was named, or else what can only be meant."""
    free = sorted({s for equation in equations for s in equation.free_symbols}, key=str)
    found = [symbol for symbol in wanted if symbol in free]
    if found or not free:
        return found
    if len(free) <= len(equations):
        return free
    raise InvalidInput(f"it is not said which of {', '.join(map(str, free))} to solve for")


def _searched(equations: Sequence[Expr], unknown: Sequence[Symbol]) -> Computed:
    if len(equations) > 1 or len(unknown) > 1 or len(equations[0].free_symbols) > 1:
        raise InvalidInput("no way to solve these equations is known")
    for start in _STARTS:
        try:
            root = sympy.nsolve(equations[0], unknown[0], start)
        except (ValueError, ZeroDivisionError, TypeError):
            continue
        approx = approximated(root)
        note = "found by searching; there may be others"
        return Computed(text=f"{unknown[0]} ≈ {approx} ({note})", exact="", approx=approx)
    raise InvalidInput("no solution was found")


def _alternatives(solutions: list[Solution], shown: Callable[[Expr], str]) -> str:
    """`x = 2 or x = 3`."""
    return " or ".join(
        ", ".join(_equality(symbol, shown(value)) for symbol, value in solution.items())
        for solution in solutions
    )


def _place(solution: Solution) -> tuple[bool, float, float]:
    """Real solutions first, in their order."""
    first = next(iter(solution.values()))
    if not first.is_number:
        return (False, 0.0, 0.0)
    # Real roots of cubics are written with i; only their value shows that they are real.
    value = complex(sympy.N(first, chop=True))
    return (value.imag != 0, value.real, value.imag)


def _equality(symbol: Symbol, value: str) -> str:
    return f"{symbol} {value}" if value.startswith("≈") else f"{symbol} = {value}"
