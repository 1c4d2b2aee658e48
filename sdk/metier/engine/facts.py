"""What must not change when a text is rewritten: numbers with units, code, quotes, links.

Only units that are words depend on the language of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from metier.grading.units import unit_at

FENCED = re.compile(r"(?<!`)`{3,}+[^`\n]*\n(.*?)(?<!`)`{3,}+", re.DOTALL)
_MARKED = re.compile(r"\"([^\"\n]+)\"|“([^“”\n]+)”|„([^„“”\n]+)[“”]|«([^«»\n]+)»|`([^`\n]+)`")
# Marks that are left when the pairs are gone: what they open has no end in its line.
_OPEN = re.compile(r"[\"“”„«»`]")
_LINK = re.compile(r"https?://[^\s<>\")\]]{1,500}|\[\d{1,3}\]")
# Symbols of units are the same in every language.
_SYMBOL = (
    r"(?:da|[YZEPTGMkhdcmµμnp])?(?:mol|cd|Hz|Pa|eV|Wb|lm|lx|Bq|Gy|Sv|bar|bit|cal|min|IU|lb|oz|ft|mi"
    r"|[mgsAKNJWCFVΩHTLlBhU])[²³]?(?:\^-?\d)?"
)
_NUMBER = re.compile(
    r"(?P<number>(?:[€$£¥₹]\s?)?(?:(?<![\w)\]])[-−])?\d+(?:[.,]\d+)*)"  # the minus sign
    rf"(?:\s?(?:%|‰|[€$£¥₹]|°\s?[CFK]?(?!\w)|{_SYMBOL}(?:[/·*]{_SYMBOL})*(?![\w'’])))?"
)
_GAP = re.compile(r"[ \u00a0]?-?")
# As far as a unit is looked for: what repeats for megabytes is none.
_LONGEST_UNIT = 40
# Where a unit ends in "6 hoursThe dose", but not within "mmHg".
_JOINED = re.compile(r"(?<=[a-z]{3})(?![a-zà-ÿ])(?=[\w²³])")
# Of time, in German, French, Spanish and Italian; and what is counted as it is measured.
_WORDS = {
    "s": "sekunden?|secondes|segundos?|second[oi]",
    "min": "minuten?|minutos?|minut[oi]",
    "h": "stunden?|heures?|horas?|or[ae]",
    "day": "tag(?:en?)?|jours?|d[ií]as?|giorn[oi]",
    "week": "wochen?|semaines?|semanas?|settiman[ae]",
    "month": "monat(?:en?)?|mois|mes(?:es|[ei])?",
    "year": "jahre?n?|ans|années?|años?|ann[oi]",
    "pound": "pounds?",
    "tablet": "tablets?",
    "capsule": "capsules?",
    "drop": "drops?",
    "unit": "units?",
}
_WORD_UNIT = re.compile(
    rf"(?:{'|'.join(f'(?P<{unit}>{words})' for unit, words in _WORDS.items())})(?!\w)",
    re.IGNORECASE,
)
# Of `2 to 4 hours`, and of `between 2 and 4 hours`, the unit is that of both.
_UP_TO = re.compile(r"[-–—]| (?:to|bis|à|a) ")
_AND = re.compile(r" (?:and|und|et|y|e) ")
_BETWEEN = re.compile(r"\b(?:between|zwischen|entre|tra|fra) $", re.IGNORECASE)
_LONGEST_BETWEEN = 12
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_WORD_CHAR = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Fact:
    """Something in a text that may not change.

    Attributes:
        is_quantity: a number with its unit, if it has one; else it is compared word for word.
    """

    text: str
    is_quantity: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of some texts, and the texts themselves."""

    quantities: frozenset[str]
    numbers: frozenset[str]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """The facts of these texts together."""
        return cls(
            frozenset(found for text in texts for found in quantities_in(text)),
            frozenset(found for text in texts for found in _DIGITS.findall(text)),
            tuple(flat(text) for text in texts),
        )

    def foreign(self, text: str) -> set[str]:
        """The numbers, code and quotes of another text that appear in none of these.

        >>> Facts.of(["That is 12 euros."]).foreign('It costs 12 kg, "plus tax".')
        {'12kg', 'plus tax'}
        """
        found = {piece for piece in set(passages_in(text)) if not self.holds(piece)}
        found |= set(quantities_in(text)) - self.quantities - self.numbers
        return found | (set(_DIGITS.findall(text)) - self.numbers)

    def has(self, fact: Fact) -> bool:
        """Whether a fact is among these: a quantity with its unit, a passage word for word."""
        return fact.text in self.quantities if fact.is_quantity else self.holds(fact.text)

    def holds(self, passage: str) -> bool:
        """Whether a passage appears word for word, white space aside."""
        return any(_stands(flat(passage), text) for text in self.texts)


def facts_in(text: str) -> Iterator[Fact]:
    """All that may not change: quantities outside of code, and passages."""
    rest = FENCED.sub(" ", text)
    yield from (Fact(each, is_quantity=True) for each in quantities_in(rest))
    yield from map(Fact, passages_in(rest))
    # With its fences: code that lost one is not read as code.
    yield from (Fact(match[0]) for match in FENCED.finditer(text))


def quantities_in(text: str) -> list[str]:
    """The numbers with their units, if they have one, without white space.

    A unit that is a word is given as its symbol, or in the singular. The first number of a range
    has the unit of the second.

    >>> quantities_in("4 mg/h for 2 to 3 days, then 1 tablet in 24 hours, 3 times")
    ['4mg/h', '2day', '3day', '1tablet', '24h', '3']
    """
    matches = list(_NUMBER.finditer(text))
    found = [(_squeezed(match["number"]), _quantity(match)) for match in matches]
    for n, (one, other) in enumerate(pairwise(matches)):
        if found[n][0] == found[n][1] and _are_range(one, other):
            number, quantity = found[n + 1]
            found[n] = (found[n][0], found[n][0] + quantity[len(number) :])
    return [quantity for _, quantity in found]


def _are_range(one: re.Match[str], other: re.Match[str]) -> bool:
    """Whether two numbers are the ends of a range, and nothing else stands between them."""
    between = one.string[one.end() : other.start()]
    before = one.string[max(0, one.start() - _LONGEST_BETWEEN) : one.start()]
    return _UP_TO.fullmatch(between) is not None or (
        _AND.fullmatch(between) is not None and _BETWEEN.search(before) is not None
    )


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _quantity(match: re.Match[str]) -> str:
    number, whole = _squeezed(match["number"]), _squeezed(match[0])
    gap = _GAP.match(match.string, match.end("number"))
    assert gap is not None  # it may be empty
    text = match.string[gap.end() : gap.end() + _LONGEST_UNIT]
    after = _JOINED.split(text, maxsplit=1)[0]
    if word := _WORD_UNIT.match(after):
        return f"{number}{word.lastgroup}{_power_at(text, word.end())}"
    found = unit_at(after)
    if found is None or gap.end() + found[1] <= match.end():
        return whole
    return f"{number}{found[0].name}{_power_at(text, found[1])}"


def _power_at(text: str, place: int) -> str:
    """The sign of a square or a cube there; empty if there is none."""
    return text[place] if text[place : place + 1] in ("²", "³") else ""


def passages_in(text: str) -> Iterator[str]:
    """What is copied and not reworded: code, quotes, links, and citation marks."""
    for match in FENCED.finditer(text):
        yield match[1]
    rest = FENCED.sub(" ", text)
    for match in _MARKED.finditer(rest):
        yield next(filter(None, match.groups()))
    yield from _LINK.findall(rest)


def is_open(text: str) -> bool:
    """Whether a quote or a piece of code begins in a text and does not end in it."""
    return bool(_OPEN.search(_MARKED.sub(" ", text)))


def flat(text: str) -> str:
    """A text in one line, as passages are compared."""
    return " ".join(text.split())


def _stands(piece: str, text: str) -> bool:
    """Whether a piece appears in a text, with its words whole."""
    start = text.find(piece)
    while start >= 0:
        end = start + len(piece)
        if not _WORD_CHAR.match(text[start - 1 : start]) and not _WORD_CHAR.match(text, end):
            return True
        start = text.find(piece, start + 1)
    return False
