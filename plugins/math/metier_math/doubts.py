"""What speaks against a word problem's program, read off it: nothing is asked or computed for it.

A small model that misreads a story leaves one of its numbers out, works out an amount and then
forgets it, or takes away what was to be added. On word problems that were kept for choosing, such
programs were right in one of six, the others in two of three (docs/results/end-to-end.md).
"""

from __future__ import annotations

import re

from metier.grading.choices import choices_in
from metier_math.program import Assignment, Computed
from metier_math.reading import Worked

_NUMBER = re.compile(r"(?<!\w)(?:\d+(?:[,_]\d{3})*(?:\.\d+)?|\.\d+)")
_WORD = re.compile(r"[^\W\d]\w*")
_MAY_BE_NEGATIVE = re.compile(
    r"(?<!\w)[-−]\s?\d|\bbelow\b|\bnegative\b|\bdegrees?\b|°", re.IGNORECASE
)
_ROUNDING = 1e-9


def doubts(question: str, working: Worked, result: Computed) -> tuple[str, ...]:
    """Each reason to doubt it in a few words; none says that it is right.

    A number counts as used where the code or its comments hold it, as it is or as a percentage:
    20 is in `0.2`, `0.8` and `1.2`, too.
    """
    return (
        *(f"{number} is left out" for number in _left_out(question, working.source)),
        *(f"{name} is not used" for name in _unused(working.program.steps)),
        *(("the result is negative",) if _is_oddly_negative(question, result) else ()),
    )


def _left_out(question: str, source: str) -> list[str]:
    choices = choices_in(question)
    asked = dict.fromkeys(_NUMBER.findall(choices.stem if choices else question))
    used = [_value(number) for number in _NUMBER.findall(source)]
    return [number for number in asked if not _is_among(_value(number), used)]


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("_", ""))


def _is_among(value: float, used: list[float]) -> bool:
    share = value / 100
    meant = (value, share, 1 - share, 1 + share)
    return any(abs(each - known) < _ROUNDING for each in meant for known in used)


def _unused(steps: tuple[Assignment, ...]) -> list[str]:
    """The steps from which the last one does not follow."""
    *before, last = steps
    needed = set(_WORD.findall(last.term))
    unused: list[str] = []
    for step in reversed(before):
        if step.name in needed:
            needed = needed - {step.name} | set(_WORD.findall(step.term))
        else:
            unused.append(step.name)
    return unused[::-1]


def _is_oddly_negative(question: str, result: Computed) -> bool:
    return result.text.startswith("-") and _MAY_BE_NEGATIVE.search(question) is None
