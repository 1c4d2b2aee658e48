"""Reference ranges: the program says in which range a value falls, and what guidelines call it.

A small model knows that a healthy BMI ends at 25, and says all the same that 32 lies within it.
So it is not asked. A value counts if an earlier step computed it or the question states it right
after its name, in a unit that the range has; where the text may mean something else (a child, a
pulse while training), nothing is said.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from metier import Task
from metier.answer import Source

FILE = "metier-medical, ranges.toml"

_ADVICE = {
    "normal": "",
    "watch": "This is outside the usual range.",
    "doctor": "This is outside the usual range: have a doctor look at it.",
    "urgent": "This can be dangerous: get medical help now.",
}
_NUMBER = r"(\d{1,6}(?:[.,]\d{1,6})?)(?![\d.,]?\d)"
_AMOUNT = re.compile(rf"{_NUMBER}\s*([^\d\s,;?!()\n][^,;?!()\n]{{0,24}})?")
_ROUNDED = re.compile(r"[≈~]")
_PRESSURE = re.compile(r"\b(\d{2,3})\s?/\s?(\d{2,3})\b(?!\s?/)")
_ABOUT_PRESSURE = re.compile(
    r"blood pressure|\bbp\b|blutdruck|tension|presión|pressione|давлени|血压", re.I
)
# Between the name of a measurement and its value.
_SAYS = r"[^\d.?!\n;]{0,30}"
# One of several numbers, half of a pair, or part of a formula.
_ONE_OF_SEVERAL = re.compile(r"(?<!\s)\s*+(?:(?:,|/|and\b|und\b|to\b|-|–)\s*+\d|[*×^+(])")
# What a number counts if it is no value of a range without units.
_OTHER_UNIT = re.compile(
    r"-?(?:s|secs?|seconds?|sek|sekunden?|secondes?|segundos?|second[oi]|mins?|minuten?|minutes?|"
    r"minut[oi]s?|h|hrs?|hours?|std|stunden?|heures?|horas?|or[ae]|d|days?|tage?n?|jours?|d[ií]as?|"
    r"giorn[oi]|weeks?|wochen?|semaines?|semanas?|settiman[ae]|months?|monaten?|mois|mes|meses|"
    r"mes[ei]|years?|yrs?|yo|y/o|jahren?|jährige?[rn]?|ans?|años?|ann[oi]|kgs?|kilos?|g|mg|µg|mcg|"
    r"grams?|gramm|grammes?|gramos?|grammi|lbs?|pounds?|stones?|oz|ounces?|mm|cm|m|km|ft|feet|"
    r"inch(?:es)?|ml|cl|dl|l|lit(?:re|er)s?|units?|mmhg|m?mol\b|percent|prozent|times|mal|fois|"
    r"veces|volte|tablets?|pills?|puffs?|people|steps|[%°/x×])(?![\w'])",
    re.I,
)
# What makes the number after it an age.
_AGE_BEFORE = re.compile(
    r"\b(?:age|aged|i['’]?m|i am|s?he is|bin|alter|tengo|j['’]ai|ho|be at)\s*$", re.I
)
_CHILD = re.compile(
    r"\b(?:baby|babies|newborn|infant|toddler|child|children|kid|kids|teenager|kind|kinder|enfant|"
    r"niñ[oa]|bambin[oa]|son|daughter|sohn|tochter|"
    r"fils|fille|hij[oa]|(?:[1-9]|1[0-7])[ -]?(?:years?|yrs?)[ -]old|\d{1,2}[ -]months?[ -]old)\b",
    re.I,
)
# More values than anybody asks about: a case history.
_MOST_CHARS = 600


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Band(_Frozen):
    """A part of a range: what is not in the band before it and ends below a bound, or at one."""

    name: str
    level: Literal["normal", "watch", "doctor", "urgent"]
    below: float | None = None
    to: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value does not lie above the band."""
        is_below = self.below is None or value < self.below
        return is_below and (self.to is None or value <= self.to)


class Range(_Frozen):
    """A measurement with its bands, as ranges.toml explains them.

    Attributes:
        most: a number above it is something else.
    """

    name: str
    words: tuple[str, ...]
    unit: str
    source: str
    bands: tuple[Band, ...]
    units: dict[str, float] = {}
    bare: bool = False
    all_ages: bool = False
    also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    most: float | None = None

    @cached_property
    def _named(self) -> re.Pattern[str]:
        words = sorted(self.words, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.I)

    @cached_property
    def _stated(self) -> re.Pattern[str]:
        return re.compile(rf"{self._named.pattern}{_SAYS}(?<![\d.,/])({_NUMBER})", re.I)

    @cached_property
    def _factors(self) -> list[tuple[str, float]]:
        """Each spelling of a unit, the longest first, and what one of it is worth."""
        known = {
            self.unit.lower(): 1.0,
            **{name.lower(): each for name, each in self.units.items()},
        }
        return sorted(((n, f) for n, f in known.items() if n), key=lambda e: -len(e[0]))

    def is_meant(self, text: str) -> bool:
        """Whether a text speaks of this measurement, and of nobody for whom it does not hold."""
        low = text.lower()
        return (
            self._named.search(text) is not None
            and not any(word in low for word in self.never)
            and (not self.also or any(word in low for word in self.also))
            and (self.all_ages or _CHILD.search(text) is None)
        )

    def stated_in(self, text: str) -> float | None:
        """The one value that stands right after the name; None where it is one of several."""
        for found in self._stated.finditer(text):
            amount = _AMOUNT.match(text, found.start(1))
            if amount is None or _ONE_OF_SEVERAL.match(text, found.end(2)):
                continue
            if _AGE_BEFORE.search(text[found.start() : found.start(1)]):
                continue
            if (value := self.value_of(amount[1], amount[2] or "", is_bare=False)) is not None:
                return value
        return None

    def value_of(self, number: str, unit: str, *, is_bare: bool = True) -> float | None:
        """A number in the range's own unit; None where its unit is another, or missing."""
        value = float(number.replace(",", "."))
        factor = self._factor(unit.strip().lower(), is_bare=is_bare)
        if factor is None or (self.most is not None and value * factor > self.most):
            return None
        return value * factor

    def _factor(self, unit: str, *, is_bare: bool) -> float | None:
        for name, factor in self._factors:
            if unit.startswith(name) and not unit[len(name) : len(name) + 1].isalnum():
                return factor
        is_plain = not unit or not (is_bare or _OTHER_UNIT.match(unit))
        return 1.0 if self.bare and is_plain else None

    def band_of(self, value: float) -> tuple[Band, str]:
        """The band of a value, and its bounds in words."""
        at = next(n for n, band in enumerate(self.bands) if band.holds(value))
        return self.bands[at], self._bounds(at)

    def _bounds(self, at: int) -> str:
        """`under 18.5 kg/m²`, `25 to under 30`, `over 4 g`."""
        before = self.bands[at - 1] if at else None
        band = self.bands[at]
        low = "" if before is None else f"{_bound(before):g}"
        over = "over " if before is not None and before.to is not None else ""
        if not low:
            return f"{'under' if band.to is None else 'up to'} {_bound(band):g} {self.unit}".strip()
        if at == len(self.bands) - 1:
            amount = f"{over}{low} {self.unit}".strip()
            return amount if over else f"{amount} or more"
        return f"{over}{low} to {'under ' if band.to is None else ''}{_bound(band):g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value of a measurement, in its own unit."""

    range: Range
    value: float

    def text(self) -> str:
        """What guidelines call the value, with the range and the source."""
        band, bounds = self.range.band_of(self.value)
        whom = "all ages" if self.range.all_ages else "adults"
        amount = f"{self.value:.4g} {self.range.unit}".strip()
        said = (
            f"{self.range.name} of {amount}: {band.name} ({bounds}; {whom}; {self.range.source})."
        )
        return f"{said[0].upper()}{said[1:]} {_ADVICE[band.level]}".strip()

    @property
    def source(self) -> Source:
        """How the range is cited."""
        return Source(name=f"reference range, {self.range.name}", place=FILE)


def readings_in(task: Task) -> tuple[Reading, ...]:
    """The values that a question is about, and that a reference range tells something of.

    A value that an earlier step gave counts before one that the question states.
    """
    asked = " ".join([task.text, *(f"{each.task} {each.given}" for each in task.inputs)])
    if len(asked) > _MOST_CHARS:
        return ()
    meant = _meant(asked) or _meant(task.question)
    given = [value for each in task.inputs for value in each.values.values()]
    found = [Reading(range=each, value=value) for each, value in _computed(meant, given)]
    if found or given:
        return tuple(found) if len(found) == 1 else ()
    stated = [(each, each.stated_in(task.text)) for each in meant]
    return (
        *(Reading(range=each, value=value) for each, value in stated if value is not None),
        *_pressures(task.text),
    )


def _computed(meant: list[Range], given: list[str]) -> Iterator[tuple[Range, float]]:
    if len(given) != 1:
        return
    amount = _AMOUNT.search(_ROUNDED.split(given[0])[-1])
    for each in meant if amount else ():
        value = each.value_of(amount[1], amount[2] or "")  # type: ignore[index]  # there is one
        if value is not None:
            yield each, value


def _pressures(text: str) -> Iterator[Reading]:
    """Both values of `150/95`, where it is a blood pressure."""
    pairs = _PRESSURE.findall(text) if _ABOUT_PRESSURE.search(text) else []
    if len(pairs) != 1:
        return
    for name, value in zip(("systolic", "diastolic"), pairs[0], strict=True):
        (found,) = (each for each in all_ranges() if each.words[0] == name)
        if found.is_meant(f"{name} {text}"):
            yield Reading(range=found, value=float(value))


def _meant(text: str) -> list[Range]:
    return [each for each in all_ranges() if each.is_meant(text)]


def _bound(band: Band) -> float:
    return band.to if band.to is not None else band.below or 0.0


@cache
def all_ranges() -> tuple[Range, ...]:
    """Every range that comes with the plugin."""
    data = tomllib.loads((files("metier_medical") / "ranges.toml").read_text(encoding="utf-8"))
    return tuple(Range.model_validate(entry) for entry in data["range"])
