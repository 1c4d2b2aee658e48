"""Reading numbers and their units out of a text: thousands, decimals, fractions, signs, money.

Not every numeral is a number that a text states: operands of a sum, dates, times, the numbers of
list items and steps, and parts of names such as `B12` are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from metier.grading.units import PERCENT, Unit, unit_at, unit_named

_GROUPED = r"""(?:
    [1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?          # 1,234,567.8
  | [1-9][0-9]{0,2}(?:'[0-9]{3})+(?:[.,][0-9]+)?        # 1'234'567.8
  | [1-9][0-9]{0,2}(?:_[0-9]{3})+(?:\.[0-9]+)?          # 1_234_567.8
  | [1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]+               # 1.234.567,8
  | [1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}                   # 1.234.567
  | [1-9][0-9]{0,2}(?:[ ][0-9]{3}){2,}(?:[.,][0-9]+)?   # 1 234 567.8
  | [1-9][0-9]{0,2}[ ]0[0-9]{2}(?:[.,][0-9]+)?          # 1 050
  | [1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?     # 12,34,567.8
)(?![0-9])"""
_UNGROUPED = r"(?:[0-9]+,[0-9]+(?!,?[0-9])|[0-9]+(?:\.[0-9]+)?|(?<!\w)\.[0-9]+)"
_NUMBER = re.compile(
    rf"""
    (?P<sign>[-+](?=[0-9.$€£¥₹]))?(?P<money>[$€£¥₹][ ]?)?(?P<inner>-(?=[0-9.]))?
    (?P<digits>{_GROUPED}|{_UNGROUPED})
    (?:(?:[ ]?[×x*][ ]?10\^|[eE])(?P<power>[-+]?[0-9]{{1,2}})(?!\.?[0-9]))?
    (?:(?:[ ](?P<above>[0-9]{{1,12}}))?[ ]?/[ ]?(?P<below>[0-9]{{1,12}})(?![0-9.,]*[0-9/]))?
    (?:[ ](?P<scale>thousand|million|billion|trillion)\b)?
    """,
    re.VERBOSE,
)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{2,3})*,[0-9]{3}")

# Dates, times and ratios, versions, the names of parts.
_NO_NUMBERS = re.compile(
    r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}([./])\d{1,2}\1\d{2,4}\b|\b\d+(?::\d+)+\b"
    r"|(?<![\d.])\d{1,2}(?:\.\d{1,2}){2,}\b"
    r"|\b(?:step|part|question|case|equation|figure|example|method|approach)\s+\d+\b",
    re.IGNORECASE,
)
_LIST_MARKER = re.compile(r"^[ \t]*(?:[-*•][ \t]*)?\d{1,2}[.)][ \t]+(?=\S)", re.MULTILINE)
MASK = "□"

_IN_A_NAME = re.compile(r"(?:[^\W\d]|_)-?$")
_TERM = r"(?:[\d)%°]|(?<![^\W\d])[b-zB-Z])"
_OPERATOR_BEFORE = re.compile(rf"(?:[*×·^÷/√<>]|√[({{]|{_TERM}\s*[-+])\s*$")
_TERM_BEFORE = re.compile(rf"{_TERM}\s*$")
_OPERATOR_AFTER = re.compile(
    r"(?<!\s)\s*+(?:[*×·^÷√π+]|/\s*+[\d(])|\((?=[^()]{0,60}[-+*/^])",
)
_MINUS_AFTER = re.compile(r"\s?-\s?[\d(]|\s?-\s?[b-z]\b")
_REJECTED = re.compile(r"(?:\bnot|\bnever|n't|\bthan)\s+(?:be\s+|equal\s+to\s+)?$", re.IGNORECASE)
_GAP = re.compile(r" ?-?")
_BETWEEN_PARTS = re.compile(r"\s*+,?\s*+(?:and\s++)?", re.IGNORECASE)

# What a float can hold of a number that is not whole.
_DIGITS = 1e-9
_MOST_PLACES = 400
_MOST_DIGITS = 300
# As far as is looked back from a number.
_CONTEXT = 40


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and the unit that stands at it."""

    value: Fraction
    unit: Unit | None

    @classmethod
    def of(cls, number: str, unit: str) -> Quantity:
        """From a number, or a fraction such as `7/18`, and the name of a unit."""
        return cls(Fraction(number), unit_named(unit))

    def __str__(self) -> str:
        number = _shown(self.value)
        if self.unit is None:
            return number
        return f"{number}%" if self.unit is PERCENT else f"{number} {self.unit.name}"


@dataclass(frozen=True, slots=True)
class Stated:
    """A quantity at its place in a text."""

    quantity: Quantity
    start: int
    end: int

    @property
    def unit(self) -> Unit | None:
        """The unit of the quantity."""
        return self.quantity.unit


def masked(text: str) -> str:
    """The text with what only looks like a number made unreadable; nothing changes its place."""
    text = _NO_NUMBERS.sub(lambda match: MASK * len(match[0]), text)
    if len(_LIST_MARKER.findall(text)) < 2:
        return text  # one alone is a number that ends a sentence
    return _LIST_MARKER.sub(lambda match: " " * len(match[0]), text)


def quantities_in(text: str, own: Unit | None) -> list[Stated]:
    """The quantities that a plain, masked text states, in order; `3 h 35 min` is one.

    Args:
        own: the unit that is looked for, where it is one that nobody knows.
    """
    found: list[Stated] = []
    for stated in _numbers(text, own):
        together = _together(found[-1], stated, text) if found else None
        if together is None:
            found.append(stated)
        else:
            found[-1] = together
    return found


def agree(one: Quantity, other: Quantity, *, tolerance: float = 0.0) -> bool:
    """Whether two quantities are the same; one that has no unit may have any.

    A percentage is the same as its share, and, beside a bare number above 1, as its figure: 15 %
    is 0.15, and also the 15 of a question that asks for a percentage and does not say so.
    """
    if one.unit is not None and other.unit is not None:
        if one.unit.dimension != other.unit.dimension:
            return False
        return _close(one.value * one.unit.factor / other.unit.factor, other.value, tolerance)
    if PERCENT not in (one.unit, other.unit):
        return _close(one.value, other.value, tolerance)
    percentage, bare = (one, other) if other.unit is None else (other, one)
    by_figure = abs(bare.value) > 1 and _close(percentage.value, bare.value, tolerance)
    return by_figure or _close(percentage.value / 100, bare.value, tolerance)


def _numbers(text: str, own: Unit | None) -> Iterator[Stated]:
    for match in _NUMBER.finditer(text):
        unit, end = _unit_of(match, text, own)
        if _is_glued(text, end) or _is_operand(match, text, end, unit):
            continue
        if (value := _value(match)) is not None:
            yield Stated(Quantity(value, unit), match.start(), end)


def _value(match: re.Match[str]) -> Fraction | None:
    """None for a division that was not worked out, or by zero, and for endless digits."""
    if len(match["digits"]) > _MOST_DIGITS:
        return None
    value = Fraction(_decimal(match["digits"]))
    if match["power"]:
        value *= Fraction(10) ** int(match["power"])
    if match["below"] is not None:
        below = int(match["below"])
        above = int(match["above"]) if match["above"] else value
        if not below or above % 1 or above % below == 0:
            return None
        if match["above"] and (value % 1 or above > below):
            return None
        value = value + Fraction(above) / below if match["above"] else value / below
    if match["scale"]:
        value *= _SCALES[match["scale"]]
    if value >= 10**_MOST_DIGITS:
        return None
    return -value if "-" in (match["sign"], match["inner"]) else value


def _decimal(digits: str) -> str:
    digits = re.sub(r"[' _]", "", digits)
    if "," in digits and "." in digits:
        group = "," if digits.rfind(".") > digits.rfind(",") else "."
        digits = digits.replace(group, "")
    elif _THOUSANDS.fullmatch(digits) or digits.count(".") > 1:
        digits = digits.replace(",", "").replace(".", "")
    return digits.replace(",", ".")


def _unit_of(match: re.Match[str], text: str, own: Unit | None) -> tuple[Unit | None, int]:
    """The unit of a number and where the two end."""
    if match["money"]:
        return unit_named(match["money"].strip()), match.end()
    gap = _GAP.match(text, match.end())
    start = gap.end() if gap else match.end()
    if own is not None and own.dimension and own.dimension[0][0].startswith("'"):
        name = re.escape(own.name.removesuffix("s"))
        if called := re.compile(rf"{name}s?(?!\w)", re.IGNORECASE).match(text, start):
            return own, called.end()
    return unit_at(text, start) or (None, match.end())


def _is_glued(text: str, end: int) -> bool:
    """Whether letters go on where the number ends: `3x`, `2nd`."""
    return end < len(text) and (text[end].isalnum() or text[end] == "_")


def _is_operand(match: re.Match[str], text: str, end: int, unit: Unit | None) -> bool:
    """Whether it is part of an expression or of a name, or is said not to be."""
    before = text[max(0, match.start() - _CONTEXT) : match.start()]
    bare = not (match["sign"] or match["money"])
    return bool(
        (bare and _IN_A_NAME.search(before))
        or (match["sign"] and _TERM_BEFORE.search(before))
        or _OPERATOR_BEFORE.search(before)
        or _REJECTED.search(before)
        or _OPERATOR_AFTER.match(text, end)
        or (unit is None and _MINUS_AFTER.match(text, end))
    )


def _together(one: Stated, other: Stated, text: str) -> Stated | None:
    """Two parts of one quantity, such as `3 h 35 min`, in the smaller unit."""
    if one.unit is None or other.unit is None or one.unit.dimension != other.unit.dimension:
        return None
    if not _BETWEEN_PARTS.fullmatch(text[one.end : other.start]) or one.quantity.value % 1:
        return None
    larger = one.unit.factor / other.unit.factor
    if not one.unit.dimension or not 0 <= other.quantity.value < larger:
        return None
    value = one.quantity.value * larger + other.quantity.value
    return Stated(Quantity(value, other.unit), one.start, other.end)


def _close(one: Fraction, other: Fraction, tolerance: float) -> bool:
    if not tolerance and one.denominator == other.denominator == 1:
        return one == other
    allowed = Fraction(tolerance or _DIGITS) * max(abs(one), abs(other))
    return abs(one - other) <= allowed


def _shown(value: Fraction) -> str:
    """A decimal where it ends, else a fraction."""
    rest = value.denominator
    places = 0
    while 10**places % rest and places < _MOST_PLACES:
        places += 1
    if 10**places % rest:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // rest).rjust(places + 1, "0")
    decimals = f".{digits[-places:]}" if places else ""
    return f"{'-' if value < 0 else ''}{digits[: len(digits) - places]}{decimals}"
