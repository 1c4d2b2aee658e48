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
    if not task.inputs:
        return ()
    asked = _numbers(f"{task.text} {task.question}") | _words(task.text)
    results = " ".join(f"{each.text} {' '.join(each.values.values())}" for each in task.inputs)
    found = _numbers(results) | _words(results)
    used = [number for step in program.steps for number in _NUMBER.findall(step.term)]
    if any(_follows(_values(number), found - asked) for number in used):
        return ()
    known = asked | found | _CONVERTS
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
