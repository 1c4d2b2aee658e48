"""The number that a text gives as its answer.

lm-evaluation-harness takes what follows `####` ("strict-match") or the last number that there is
("flexible-extract"). Here what is announced comes first, then the only value in bold, then what
the last sentence with a number states; who offers two numbers gives none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from metier.grading.kinds import Number
from metier.grading.markup import announced, emphasised, plain, without_code
from metier.grading.quantities import MASK, Quantity, Stated, agree, masked, quantities_in
from metier.grading.units import Unit, unit_named

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^a-z\s])|\n+")
_PARENTHESIS = re.compile(r"\([^()]*\)")
_FILLER = r"(?:about|approximately|roughly|exactly|only|just|equal\s+to|≈|~|=|:)"
_OPENING = re.compile(rf"\W*(?:[^\W\d]\w?\s*(?:=|≈)\s*)?(?:{_FILLER}\s*)*\W*", re.IGNORECASE)
_STATES = re.compile(
    r"(?:\b(?:is|are|be|was|were|equals?|gives?|makes?|takes?|costs?|leaves?|get|gets)\b|[=≈→:])"
    rf"\s*(?:{_FILLER}\s*){{0,6}}$",
    re.IGNORECASE,
)
_EQUALS = re.compile(r"(?<![<>!=])=(?!=)")
_OPERATORS = frozenset("+-*×÷/^")
# As far as is looked back for what leads to a number.
_CONTEXT = 60
_JOINED = re.compile(
    r"\s*+(?:[^\W\d]++\s*+)?,?\s*+(?:\b(?:or|and|to|oder|und|bis|ou|et)\b|[-–—])\s*+"
    r"(?:[^\W\d]\w?\s*+=\s*+)?",
    re.IGNORECASE,
)


def number_in(text: str, kind: Number) -> Quantity | None:
    """The number that a text gives as its answer; None if it gives none, or several.

    One that comes without a unit is in the kind's.
    """
    own = unit_named(kind.unit)
    found = _found(text, own)
    return Quantity(found.value, own) if found and found.unit is None else found


def _found(text: str, own: Unit | None) -> Quantity | None:
    for part in dict.fromkeys((without_code(text), text)):
        body = masked(plain(part))
        for said in announced(body):
            if re.search(rf"[\d{MASK}]", said):
                return _in_line(said, own)
        bold = [said for said in emphasised(part) if _opens_with_one(masked(said), own)]
        if len(set(bold)) == 1:
            return _in_line(masked(bold[0]), own)
        for sentence in _sentences(body, own):
            return _concluded(sentence, own)
    return None


def _sentences(body: str, own: Unit | None) -> Iterator[str]:
    """Those that state a number, the last first; first those that state one in the unit."""
    others: list[str] = []
    for sentence in reversed(_SENTENCE.split(body)):
        if stated := quantities_in(sentence, own):
            if own is None or any(_fits(each, own) for each in stated):
                yield sentence
            else:
                others.append(sentence)
    yield from others


def _in_line(said: str, own: Unit | None) -> Quantity | None:
    """The number of a line that is all about it."""
    stated = quantities_in(said, own)
    worked_out = _worked_out(said)
    if after := [each for each in stated if worked_out and each.start >= worked_out]:
        return _unless_offered(after[0], stated, said)
    if _opens_with_one(said, own):
        return _unless_offered(_best(stated, own)[0], stated, said)
    for sentence in _SENTENCE.split(said):
        if quantities_in(sentence, own):
            return _concluded(sentence, own)
    return None


def _worked_out(said: str) -> int:
    """Where the result of a calculation begins, behind its last `=`; 0 if there is none."""
    equals = [match.end() for match in _EQUALS.finditer(said)]
    return equals[-1] if equals and _OPERATORS & set(said[: equals[-1]]) else 0


def _concluded(sentence: str, own: Unit | None) -> Quantity | None:
    """The number that a sentence leads to: what is beside the point in brackets, and conditions
    such as `for 70 kg`, come last."""
    aside = _PARENTHESIS.sub(lambda match: " " * len(match[0]), sentence)
    stated = quantities_in(aside, own) or quantities_in(sentence, own)
    best = _best(stated, own)
    led_to = [each for each in best if _leads(sentence, each)]
    return _unless_offered((led_to or best)[-1], stated, sentence)


def _leads(sentence: str, stated: Stated) -> bool:
    before = sentence[max(0, stated.start - _CONTEXT) : stated.start]
    return _STATES.search(before) is not None


def _best(stated: list[Stated], own: Unit | None) -> list[Stated]:
    """Those in the unit that is looked for, else those that convert, else those without one."""
    if own is None:
        return stated
    same = [each for each in stated if each.unit == own]
    fitting = [each for each in stated if _fits(each, own)]
    bare = [each for each in stated if each.unit is None]
    return same or fitting or bare or stated


def _fits(stated: Stated, own: Unit) -> bool:
    return stated.unit is not None and stated.unit.dimension == own.dimension


def _opens_with_one(said: str, own: Unit | None) -> bool:
    opening = _OPENING.match(said)
    stated = quantities_in(said, own)
    return bool(stated and opening and stated[0].start <= opening.end())


def _unless_offered(chosen: Stated, stated: list[Stated], text: str) -> Quantity | None:
    """None if another number stands beside it for choice, or as the other end of a range."""
    at = stated.index(chosen)
    pairs = zip(stated[max(at - 1, 0) :], stated[max(at - 1, 0) + 1 : at + 2], strict=False)
    for one, other in pairs:
        joined = _JOINED.fullmatch(text[one.end : other.start])
        if joined and _rivals(one, other):
            return None
    return chosen.quantity


def _rivals(one: Stated, other: Stated) -> bool:
    """`5 or 6`, `5 to 10 mg`; not `5 mg or 3 tablets`."""
    if one.unit is not None and (other.unit is None or other.unit.dimension != one.unit.dimension):
        return False
    return not agree(one.quantity, other.quantity)
