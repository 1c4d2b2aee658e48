"""Solving equations and systems of them. Every solution is put back into the equations."""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Expr, Symbol
from sympy.functions.elementary.trigonometric import TrigonometricFunction

from metier.errors import InvalidInput
from metier_math import inequalities, linear
from metier_math.checks import solves
from metier_math.expressions import NO_NAMES, Names
from metier_math.linear import Solution, equality
from metier_math.magnitudes import check_polynomial
from metier_math.program import Computed
from metier_math.relations import read_unknowns, relations, to_solve_for
from metier_math.rendering import approximated

_MAX_DEGREE = 100
_STARTS = (1, 0.1, -1, 10, 100)


def solve(text: str, variable: str = "", *, names: Names = NO_NAMES) -> Computed:
    """The solutions of an equation, of a system, or of inequalities.

    `;` or `,` stands between the equations of a system; an expression without `=` is set to
    zero. Solutions are put back into the equations: one that does not fit is left out, and the
    text says so. Where SymPy finds no closed form, one solution is searched for numerically,
    and the text says that, too.

    Raises:
        InvalidInput: it is no equation, or nothing was found.
    """
    wanted = read_unknowns(variable)
    known = {**names, **{symbol.name: symbol for symbol in wanted}}
    found = relations(text, known)
    if any(relation.sign != "=" for relation in found):
        return inequalities.solve(found, wanted)
    return _solved([relation.difference for relation in found], wanted)


def _solved(equations: list[Expr], wanted: Sequence[Symbol]) -> Computed:
    for equation in equations:
        check_polynomial(equation, most=_MAX_DEGREE)
    free = {symbol for equation in equations for symbol in equation.free_symbols}
    system = len(equations) > 1
    may_be_all = system and not wanted and all(linear.is_linear(e, list(free)) for e in equations)
    unknown = to_solve_for(free, wanted, len(free) if may_be_all else len(equations))
    if all(sympy.simplify(equation) == 0 for equation in equations):
        return Computed(text="every number is a solution", exact="")
    if not unknown:
        return Computed(text="no solution", exact="")
    if (system or len(unknown) > 1) and all(linear.is_linear(e, unknown) for e in equations):
        return _linear(equations, unknown)
    try:
        candidates = _candidates(equations, unknown)
    except NotImplementedError:
        return _searched(equations, unknown)
    return _checked(equations, unknown, candidates)


def _linear(equations: Sequence[Expr], unknown: Sequence[Symbol]) -> Computed:
    solution = linear.solutions(equations, unknown)
    if solution is not None and solves(equations, solution) is False:
        raise InvalidInput("the solution that was found does not fit the equations")
    return linear.described(solution)


def _candidates(equations: Sequence[Expr], unknown: Sequence[Symbol]) -> list[Solution]:
    """What SymPy finds, before any check where there is one unknown: the check is ours."""
    if any(equation.has(sympy.Abs) for equation in equations):
        # Absolute values of complex numbers are beyond SymPy; real ones are what is meant.
        real = {symbol: Symbol(symbol.name, real=True) for symbol in unknown}
        equations = [equation.subs(real) for equation in equations]
        unknown = list(real.values())
    # As a list of one, SymPy leaves out roots that have no closed form, as of x^5 - x - 1.
    one = len(equations) == 1 == len(unknown)
    found: list[Solution] = (
        sympy.solve(equations[0], unknown[0], dict=True, check=False)
        if one
        else sympy.solve(equations, unknown, dict=True)
    )
    named = [{Symbol(s.name): value for s, value in solution.items()} for solution in found]
    return [*named, *(other for solution in named for other in _on_other_branch(solution))]


def _on_other_branch(solution: Solution) -> list[Solution]:
    """The solution that SymPy leaves out: of e^x = x + 5 it gives one of two."""
    branches = {
        part: sympy.LambertW(part.args[0], -1)
        for value in solution.values()
        for part in value.atoms(sympy.LambertW)
        if len(part.args) == 1 and part.args[0].is_number and part.args[0].is_negative
    }
    return [{s: value.subs(branches) for s, value in solution.items()}] if branches else []


def _checked(
    equations: Sequence[Expr], unknown: Sequence[Symbol], candidates: list[Solution]
) -> Computed:
    candidates.sort(key=_place)
    wrong = [solution for solution in candidates if _fails(equations, solution)]
    right = [solution for solution in candidates if solution not in wrong]
    dropped = f"{_alternatives(wrong, people=True)} does not fit the equation" if wrong else ""
    if not right:
        # Of equations that are not linear, SymPy may miss solutions without saying so.
        certain = all(linear.is_linear(equation, unknown) for equation in equations)
        text = "no solution" if certain else "no solution was found"
        return Computed(text=f"{text}: {dropped}" if dropped else text, exact="")
    text = _alternatives(right, people=True)
    if any(equation.has(TrigonometricFunction) for equation in equations):
        # SymPy's list has the solutions of one period; leaving that out would be wrong.
        text += ", and again in each period"
    text += f" ({dropped}, and is left out)" if dropped else ""
    return Computed(text=text, exact=_alternatives(right, people=False))


def _fails(equations: Sequence[Expr], solution: Solution) -> bool:
    """Whether it is no solution: by numbers, and where they do not tell, by SymPy's own rules."""
    verdict = solves(equations, solution)
    if verdict is None:
        return any(sympy.checksol(equation, solution) is False for equation in equations)
    return not verdict


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


def _alternatives(solutions: Sequence[Solution], *, people: bool) -> str:
    """`x = 2 or x = 3`."""
    return " or ".join(
        ", ".join(equality(symbol, value, people=people) for symbol, value in solution.items())
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
