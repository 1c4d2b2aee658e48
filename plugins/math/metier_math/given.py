"""Whether a calculation uses what an earlier step found, or makes it up."""

from __future__ import annotations

import re

from metier.experts.expert import Task
from metier_math.program import Program

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_WORDS = {
    word: float(value)
    for value, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve".split(), 1
    )
}
# Counts of smaller units in larger ones, and what temperatures, weights and lengths convert by.
_COUNTS = (0.5, 1, 2, 7, 10, 12, 24, 30, 52, 60, 100, 360, 365, 366, 1000, 1440, 3600, 86400, 10**6)
_FACTORS = (5, 9, 1.8, 32, 273.15, 0.453592, 2.2046, 2.20462, 2.54, 30.48, 0.3048, 1.609, 1.60934)
_CONVERTS = frozenset((*_COUNTS, *_FACTORS))
_ROUNDING = 1e-9


def invented(program: Program, task: Task) -> tuple[str, ...]:
    """The numbers that a model made up where an earlier result should have stated one.

    Empty if the step needs no earlier result, if the calculation uses a number of it, or if
    everything in it follows from the question. What units convert by is no invention.
    """
    asked, found, used = _sources(program, task)
    if not task.inputs or any(_follows(_values(number), found - asked) for number in used):
        return ()
    return _unknown(used, asked | found)


def leaves_out(program: Program, task: Task) -> bool:
    """Whether a number of an earlier result or of the task is left out, and a new one is there."""
    asked, found, used = _sources(program, task)
    stated = found - asked
    if not task.inputs or not stated or not _unknown(used, asked | found):
        return False
    held = set[float]().union(*map(_values, used))
    needed = [{number} for number in _numbers(task.text)]
    return not (any(_follows({n}, held) for n in stated) and all(_follows(n, held) for n in needed))


def _sources(program: Program, task: Task) -> tuple[set[float], set[float], list[str]]:
    """The numbers of the question, those of earlier results, and what the calculation uses."""
    results = " ".join(f"{each.text} {' '.join(each.values.values())}" for each in task.inputs)
    return (
        _numbers(f"{task.text} {task.question}") | _words(task.text),
        _numbers(results) | _words(results),
        [number for step in program.steps for number in _NUMBER.findall(step.term)],
    )


def _unknown(used: list[str], known: set[float]) -> tuple[str, ...]:
    known = known | _CONVERTS
    return tuple(dict.fromkeys(each for each in used if not _follows(_values(each), known)))


def _follows(values: set[float], known: frozenset[float] | set[float]) -> bool:
    """Whether a number is one of the known ones, as it is or as a percentage."""
    return any(
        abs(value - meant) <= _ROUNDING * max(1.0, abs(meant))
        for value in values
        for number in known
        for meant in (number, number / 100, 1 - number / 100, 1 + number / 100)
    )


def _numbers(text: str) -> set[float]:
    return {value for token in set(_DIGITS.findall(text)) for value in _values(token)}


def _values(token: str) -> set[float]:
    """What digits may mean: `1,234` is a thousand and more, or a decimal comma."""
    readings = {token.replace(",", ""), token.replace(".", "").replace(",", "."), token}
    return {float(text) for text in readings if re.fullmatch(r"\d{1,300}(?:\.\d{1,300})?", text)}


def _words(text: str) -> set[float]:
    return {_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS}
