"""The value that an earlier step states, for the steps that need it."""

from __future__ import annotations

import re

from metier.experts.task import ANSWER
from metier.grading.markup import plain, without_code
from metier.grading.quantities import Stated, masked, quantities_in

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
# The day of `April 15, 1912` and of `15 April 1912`: the value is the year.
_DAY = re.compile(
    r"(?<![^\W\d_])([^\W\d_]{3,10}\.? )\d{1,2}(?:st|nd|rd|th)?(?=,? \d{4}\b)"
    r"|(?<![\d.,])\d{1,2}(?:st|nd|rd|th|er|\.)?(?= (?:de )?[^\W\d_]{3,10}\.?,? (?:de )?\d{4}\b)"
)
# Said again in another unit, and when it was so.
_ASIDE = re.compile(r"\([^()\n]{0,60}\)|\b[Aa]s of [^.,;\n]{0,60}")
# "How many bones does an adult have?" asks for a number of bones.
_COUNTED = re.compile(
    r"\b(?:how many|wie ?viele?|combien (?:de |d['’])|cu[aá]nt[oa]s|quant[ie]|quant[oa]s) ?"
    r"([^\W\d_]{2,30})",
    re.IGNORECASE,
)
# Between the ends of a range, or two values of which the answer leaves open which it is.
_JOINED = re.compile(
    r"\s?(?:[-–—]|(?:to|and|or|bis|und|oder|à|et|ou|a|y|o|e)\b)(?:\s?[^\W\d_]{1,20}\.?)?\s?",
    re.IGNORECASE,
)
# What an answer is about stands at its beginning.
_MOST_CHARS = 4_000


def stated_value(text: str, task: str) -> dict[str, str]:
    """The one value of the first sentence that states any, as it is written there, by name.

    What the task itself states does not count. Empty if no sentence states a value, or if the
    first that does states several, such as the ends of a range, unless only one is a number of
    what the task wants to have counted.

    >>> stated_value("The half-life is about 5 hours. Of 200 mg little is left.", "How long?")
    {'answer': '5 hours'}
    >>> stated_value("The ship sank on April 15, 1912.", "When did it sink?")
    {'answer': '1912'}
    >>> stated_value("There are 206 bones, 27 of them in each hand.", "How many bones are there?")
    {'answer': '206'}
    >>> stated_value("A hen lays 4 to 6 eggs.", "How many eggs does a hen lay?")
    {}
    """
    known = {stated.quantity for stated in quantities_in(masked(plain(task)), None)}
    counted = _COUNTED.findall(task)
    asked = counted[0].removesuffix("s") if len(counted) == 1 else ""
    shown = plain(without_code(text))[:_MOST_CHARS]
    for sentence in _SENTENCE_END.split(_DAY.sub(r"\1", _ASIDE.sub("", shown))):
        line = masked(sentence)
        stated = quantities_in(line, None)
        found = {each.quantity: each for each in stated if each.quantity not in known}
        values = list(found.values())
        if len(values) > 1:
            values = [each for each in values if _is_of(asked, sentence[each.start :])]
        if len(values) == 1 and not _is_joined(values[0], stated, sentence):
            return {ANSWER: sentence[values[0].start : values[0].end].strip()}
        if found:
            return {}
    return {}


def _is_joined(value: Stated, stated: list[Stated], text: str) -> bool:
    """Whether it is the end of a range that another value begins."""
    return any(_JOINED.fullmatch(text, each.end, value.start) for each in stated)


def _is_of(asked: str, text: str) -> bool:
    """Whether a text begins with a number of what is asked for, such as `206 small bones`."""
    return bool(asked) and re.match(rf"\S+ (?:\w+ )?{re.escape(asked)}", text, re.I) is not None
