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
from metier.experts.expert import Result
from metier_medical.judging import judges, only_refers
from metier_medical.patients import ANIMAL, CHILD, years_old

FILE = "metier-medical, ranges.toml"

_ADVICE = {
    "normal": "",
    "watch": "",
    "doctor": " Have a doctor look at it.",
    "urgent": " This can be dangerous: get medical help now.",
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
# After what was counted: `7 breaths in 15 seconds` are 28 a minute.
_IN_SECONDS = (
    r" (?:in|within|en|em) (\d{1,2})\s?"
    r"(?:s|secs?|seconds?|sek|sekunden|secondes|segundos|secondi)\b"
)
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
_BETWEEN_WORDS = re.compile(r"[^\w/%]+")
# What a question says before the name of what it wants to have computed.
_WANTS = re.compile(
    r"\b(?:how (?:much|many)|wie ?viele?|combien|cu[aá]nt[oa]s?|quant[ieoa]s?|calculate|work out|"
    r"compute|find|what(?:['’]?s| is| are)|give me|berechne|calcul\w{0,3}|calcola)\b",
    re.I,
)
_WANTED_CHARS = 40
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
        ages: from and to, in years; the text has to state one of them.
        least, most: a number below or above is something else.
    """

    name: str
    words: tuple[str, ...]
    unit: str
    source: str
    bands: tuple[Band, ...]
    units: dict[str, float] = {}
    bare: bool = False
    all_ages: bool = False
    per: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    and_also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    ages: tuple[int, int] | None = None
    whom: str = ""
    least: float = 0.0
    most: float | None = None

    @cached_property
    def _named(self) -> re.Pattern[str]:
        words = sorted(self.words, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.I)

    @cached_property
    def _stated(self) -> re.Pattern[str]:
        return re.compile(rf"{self._named.pattern}{_SAYS}(?<![\d.,/])({_NUMBER})", re.I)

    @cached_property
    def _counted(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![\d.,/])(\d{{1,3}}) {self._named.pattern}{_IN_SECONDS}", re.I)

    @cached_property
    def _factors(self) -> list[tuple[str, float]]:
        """Each spelling of a unit, the longest first, and what one of it is worth."""
        known = {
            self.unit.lower(): 1.0,
            **{name.lower(): each for name, each in self.units.items()},
        }
        return sorted(((n, f) for n, f in known.items() if n), key=lambda e: -len(e[0]))

    def is_named(self, text: str) -> bool:
        """Whether a text has its name."""
        return self._named.search(text) is not None

    def without_name(self, text: str) -> str:
        """A text without its name."""
        return self._named.sub(" ", text)

    def is_meant(self, text: str) -> bool:
        """Whether a text speaks of this measurement, and of nobody for whom it does not hold."""
        if not self.is_named(text) or ANIMAL.search(text) is not None:
            return False
        low = f" {text.lower()} "
        low = f"{low} {_BETWEEN_WORDS.sub(' ', low)}"
        return (
            not any(word in low for word in self.never)
            and all(
                not words or any(word in low for word in words)
                for words in (self.per, self.also, self.and_also)
            )
            and self._holds_for(text)
        )

    def _holds_for(self, text: str) -> bool:
        if self.ages is None:
            return self.all_ages or CHILD.search(text) is None
        found = years_old(text)
        return len(found) == 1 and self.ages[0] <= min(found) <= self.ages[1]

    def wanted_after(self, text: str) -> int:
        """How soon a text asks to compute this measurement, in characters: `how much salt is`."""
        asked = (text[found.end() : found.end() + _WANTED_CHARS] for found in _WANTS.finditer(text))
        named = (self._named.search(each) for each in asked)
        return min((found.start() for found in named if found), default=_WANTED_CHARS)

    def stated_in(self, text: str) -> float | None:
        """The one value that stands right after the name, or was counted in some seconds.

        None if it is one of several.
        """
        counted = self._counted.findall(text) if self.unit.endswith("/min") else []
        if len(counted) == 1 and float(counted[0][1]):
            return float(counted[0][0]) * 60 / float(counted[0][1])
        for found in self._stated.finditer(text):
            amount = _AMOUNT.match(text, found.start(1))
            if amount is None or _ONE_OF_SEVERAL.match(text, found.end(2)):
                continue
            if _AGE_BEFORE.search(text[found.start() : found.start(1)]):
                continue
            if self.per and not self._is_total((amount[2] or "").lower()):
                continue
            if (value := self.value_of(amount[1], amount[2] or "", is_bare=False)) is not None:
                return value
        return None

    def _is_total(self, unit: str) -> bool:
        """Whether a unit says of which time it is: `g a day`, and not `mg six times a day`."""
        after = unit.partition(" ")[2].removeprefix("in ")
        return unit.startswith(self.per) or after.startswith(self.per)

    def value_of(self, number: str, unit: str, *, is_bare: bool = True) -> float | None:
        """A number in the range's own unit; None where its unit is another, or missing."""
        value = float(number.replace(",", "."))
        factor = self._factor(unit.strip().lower(), is_bare=is_bare)
        if factor is None or (self.most is not None and value * factor > self.most):
            return None
        if value * factor < self.least:
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

    def place(self, value: float) -> str:
        """Where a value lies, in plain words: `above the limit of 14 units a week`."""
        usual = [n for n, band in enumerate(self.bands) if band.level == "normal"]
        at = next(n for n, band in enumerate(self.bands) if band.holds(value))
        least = _bound(self.bands[usual[0] - 1]) if usual[0] else 0.0
        most = _bound(self.bands[usual[-1]])
        where = "below" if at < usual[0] else "above" if at > usual[-1] else "within"
        if usual[-1] == len(self.bands) - 1:
            reached = "at" if value == least else "above" if where == "within" else where
            return f"{reached} the minimum of {self._amount(least)}"
        if not usual[0]:
            return f"{'at' if value == most else where} the limit of {self._amount(most)}"
        return f"{where} the usual range, {least:g} to {self._amount(most)}"

    def _amount(self, value: float) -> str:
        return f"{value:g} {self.unit}".strip()

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
        whom = self.range.whom or ("all ages" if self.range.all_ages else "adults")
        amount = f"{self.value:.4g} {self.range.unit}".strip()
        said = (
            f"{self.range.name} of {amount}: {band.name} ({bounds}; {whom}; {self.range.source})."
        )
        where = f"This is {self.range.place(self.value)}.{_ADVICE[band.level]}"
        return f"{said[0].upper()}{said[1:]} {where}"

    @property
    def source(self) -> Source:
        """How the range is cited."""
        return Source(name=f"reference range, {self.range.name}", place=FILE)


def readings_in(task: Task) -> tuple[Reading, ...]:
    """The values that a question is about, and that a reference range tells something of.

    A value that an earlier step gave counts before one that the question states. That of the last
    answer of a conversation counts if the question only asks what it means.
    """
    results = task.inputs or _judged_before(task)
    asked = " ".join([task.text, *(f"{each.task} {each.given}" for each in results)])
    if len(asked) > _MOST_CHARS:
        return ()
    is_follow_up = bool(results) and not task.inputs
    meant = _meant(asked) or ([] if is_follow_up else _meant(task.question))
    given = [each.value for each in results if each.values]
    found = [Reading(range=each, value=value) for each, value in _computed(meant, given)]
    if found or given:
        return _wanted(found, asked)
    stated = [(each, each.stated_in(task.text)) for each in meant]
    return (
        *(Reading(range=each, value=value) for each, value in stated if value is not None),
        *_pressures(task.text),
    )


def _judged_before(task: Task) -> tuple[Result, ...]:
    """The last answer, if what was asked names a measurement, and the task says nothing else."""
    if task.before is None or not judges(task.text):
        return ()
    named = [each for each in all_ranges() if each.is_named(task.before.task)]
    rest = task.text
    for each in named:
        rest = each.without_name(rest)
    return (task.before,) if named and only_refers(rest) else ()


def _wanted(found: list[Reading], asked: str) -> tuple[Reading, ...]:
    """The one reading, or the one that the question asks for first; none if that is unclear."""
    if len(found) < 2:
        return tuple(found)
    (first, best), (second, _) = sorted(
        ((each.range.wanted_after(asked), each) for each in found), key=lambda each: each[0]
    )[:2]
    return (best,) if first < second else ()


def _computed(meant: list[Range], given: list[str]) -> Iterator[tuple[Range, float]]:
    if len(given) != 1 or not given[0]:
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
    groups: dict[str, list[str]] = data["groups"]
    for entry in data["range"]:
        for field in {"per", "also", "and_also", "never"} & entry.keys():
            entry[field] = [
                word
                for each in entry[field]
                for word in (groups[each[1:]] if each.startswith("@") else [each])
            ]
    return tuple(Range.model_validate(entry) for entry in data["range"])
