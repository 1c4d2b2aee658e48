"""Formulas that a question names and a small model mixes up: shown to it where they are named."""

from __future__ import annotations

import re

from metier.experts.expert import Task

# What names a formula, and the formula as a program can be written from it.
_FORMULAS = (
    (r"\bBMI\b|\bbody[ -]mass index\b", "BMI = weight in kg / (height in m)^2"),
    (
        r"\bhalf[ -]?li(?:fe|ves)\b|\bHalbwertszeit\b|\bdemi-vie\b|\bvida media\b",
        "amount left = amount * (1/2)^(time / half_life)",
    ),
    (
        r"\bcompound(?:ed)? interest\b|\bZinseszins\w*\b",
        "compound interest = capital * (1 + rate/100)^years - capital",
    ),
    (
        r"\bdoubl(?:es|ing)\b.{0,40}\bevery\b|\bdoubling time\b",
        "amount = amount at first * 2^(time / doubling_time)",
    ),
    (
        r"\bmean arterial pressure\b",
        "mean arterial pressure = (systolic + 2 * diastolic) / 3",
    ),
)
_NAMED = tuple((re.compile(named, re.IGNORECASE), formula) for named, formula in _FORMULAS)


def formulas_for(task: Task) -> str:
    """The formulas that a task names, or one that it needs does, as a line for its prompt."""
    said = " ".join([task.text, *(result.task for result in task.inputs)])
    found = [formula for named, formula in _NAMED if named.search(said)]
    return f"Use: {'; '.join(found)}." if found else ""
