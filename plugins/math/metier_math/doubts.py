"""What speaks against a word problem's program, read off it: nothing is asked or computed for it.

A small model that misreads a story leaves one of its numbers out, works out an amount and then
forgets it, or takes away what was to be added. On word problems that were kept for choosing, such
programs were right in 6 of 64, the others in 182 of 276 (docs/decisions/0019).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from metier.grading import choices_in
from metier_math.program import Assignment, Computed
from metier_math.reading import Worked

_NUMBER = re.compile(r"(?<!\w)(?:\d+(?:[,_]\d{3})*(?:\.\d+)?|\.\d+)")
_NAME = re.compile(r"[^\W\d]\w*")
_MAY_BE_NEGATIVE = re.compile(
    r"(?<!\w)[-−]\s?\d|\bbelow\b|\bnegative\b|\bdegrees?\b|°", re.IGNORECASE
)
_ROUNDING = 1e-9


def numbers_used(question: str, working: Worked) -> frozenset[str]:
    """The numbers of the question from which the result follows.

    One counts where a step or its comment holds it, as it is or as a percentage: 20 is in `0.2`,
    `0.8` and `1.2`, too. The options of a question are not looked at.
    """
    choices = choices_in(question)
    asked = _NUMBER.findall(choices.stem if choices else question)
    steps = working.program.steps
    said = [f"{steps[n].term} {working.notes[n]}" for n in _leading(steps)]
    held = sorted(_value(number) for number in _NUMBER.findall(" ".join(said)))
    return frozenset(number for number in set(asked) if _is_among(_value(number), held))


def doubts(question: str, working: Worked, result: Computed) -> tuple[str, ...]:
    """Each reason to doubt a program in a few words; where there is none it may still be wrong."""
    steps = working.program.steps
    idle = sorted(set(range(len(steps))) - set(_leading(steps)))
    forgotten = [steps[n].name for n in idle if _NAME.search(steps[n].term)]
    return (
        *(f"{name} is not used" for name in forgotten),
        *(("the result is negative",) if _is_oddly_negative(question, result) else ()),
    )


def _leading(steps: tuple[Assignment, ...]) -> Iterator[int]:
    """The steps from which the last one follows, itself the first."""
    needed = {steps[-1].name}
    for number in range(len(steps) - 1, -1, -1):
        if steps[number].name in needed:
            needed = needed - {steps[number].name} | set(_NAME.findall(steps[number].term))
            yield number


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("_", ""))


def _is_among(value: float, held: list[float]) -> bool:
    """Whether sorted numbers hold one, as it is or as a percentage."""
    share = value / 100
    for meant in (value, share, 1 - share, 1 + share):
        at = bisect_right(held, meant - _ROUNDING)
        if at < len(held) and held[at] < meant + _ROUNDING:
            return True
    return False


def _is_oddly_negative(question: str, result: Computed) -> bool:
    return result.text.startswith("-") and _MAY_BE_NEGATIVE.search(question) is None
