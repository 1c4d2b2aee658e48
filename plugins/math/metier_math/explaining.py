"""The answer's text, from what was computed: no model retypes a number."""

from __future__ import annotations

from collections.abc import Sequence

from metier.experts.expert import Context
from metier_math.program import Assignment, Computed, Program
from metier_math.word_problems import Solution

_SHOWN = {
    "differentiate": "d/d{variable} ({term}) = {result}",
    "integrate": "∫ {term} d{variable} = {result}",
    "limit": "lim {variable} → {to} of {term}: {result}",
    "statistics": "{term}: {result}",
}
_FROM_TO = "∫ {term} d{variable} from {to} = {result}"


def explain(program: Program, results: Sequence[Computed]) -> str:
    """Every step with its value, and the result in the last line; a drawing is all of it."""
    if program.operation == "plot":
        return results[-1].text
    if program.operation == "solve":
        lines = [step.expression for step in program.steps]
    else:
        *before, last = zip(program.steps, results, strict=True)
        lines = [_step(step, result) for step, result in before]
        lines.append(_last(program, *last))
    return "\n".join([*lines, "", f"**Result: {results[-1].text}**"])


def explain_solution(solution: Solution, *, unit: str = "") -> str:
    """A word problem's steps, each under what it follows from, and the result."""
    lines: list[str] = []
    working = solution.worked
    steps = zip(working.program.steps, solution.results, working.notes, strict=True)
    for step, result, note in steps:
        lines += [f"{note}:"] if note else []
        lines.append(_step(step, result))
    result = f"{solution.results[-1].text} {unit}".strip()
    return "\n".join([*lines, "", f"**Result: {result}**"])


def reserved(text: str, reservation: str, context: Context) -> str:
    """A text and what limits it, which must reach the reader as it is."""
    if not reservation:
        return text
    context.warn(reservation)
    return f"{text.rstrip()}\n\n{reservation}".lstrip()


def doubted(solution: Solution) -> str:
    """What speaks against a word problem's result; empty if nothing does."""
    said = list(solution.doubts)
    if solution.agreeing < 2 <= solution.written:
        said.append(f"only one of {solution.written} calculations gives this")
    elif 2 * solution.agreeing < solution.written:
        said.append(f"only {solution.agreeing} of {solution.written} calculations give this")
    return f"Not certain: {'; '.join(said)}." if said else ""


def not_computed(made_up: Sequence[str]) -> str:
    """Why there is no result: a value that an earlier result should state is made up."""
    return (
        "Not computed: the earlier result does not state the value that is needed. The model "
        f"took {', '.join(made_up)}, which neither the question nor that result says."
    )


def unchecked(reason: str) -> str:
    """Why a model's own answer was not computed."""
    return f"This result was not checked by computation: {reason}."


def _step(step: Assignment, result: Computed) -> str:
    return f"{step.name} = {_equal(step.term, result.text)}"


def _last(program: Program, step: Assignment, result: Computed) -> str:
    template = _SHOWN.get(program.operation)
    if template is None:
        several = len(program.steps) > 1
        return _step(step, result) if several else _equal(step.term, result.text)
    if program.operation == "integrate" and program.to.strip():
        template = _FROM_TO
    return template.format(
        term=step.term,
        variable=program.variable or "x",
        to=program.to,
        result=result.text,
    )


def _equal(term: str, text: str) -> str:
    """`15 * 70 = 1050`, but not `7 = 7` and not `1/3 = 1/3 ≈ 0.3333`."""
    if text == term or text.startswith((f"{term} ≈", f"{term} ")):
        return text
    return f"{term} {text}" if text.startswith("≈") else f"{term} = {text}"
