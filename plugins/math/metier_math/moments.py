"""Read the dates, clock times and durations of a text, in the languages of calendar.toml.

What has two readings is left alone: `12/11/2025` may be in November or December, `3/3/25` in any
century.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class Language(BaseModel):
    """The words of one language, as calendar.toml explains them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: str
    months: str
    short_months: str
    weekdays: str
    units: Mapping[str, str]
    say: Mapping[str, str]
    asks: Mapping[str, str]
    starts: str
    ends: str
    after: str
    before: str
    later: str
    earlier: str
    hence: str
    forward: str
    backward: str
    between: str
    to: str
    does: str
    words: str

    def date_text(self, day: date) -> str:
        """`12 November 2025`."""
        month = self.months.split("|")[day.month - 1]
        return self.say["date"].format(day=day.day, month=month, year=day.year)

    def weekday_text(self, day: date) -> str:
        """`Wednesday`."""
        return self.weekdays.split("|")[day.weekday()]

    def counted(self, count: int, unit: str) -> str:
        """`1 day`, `254 days`."""
        one, many, *_ = self.units[unit].split("|")
        return f"{count} {one if count == 1 else many}"


class Words(BaseModel):
    """All of calendar.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    never: str
    named_today: str
    languages: tuple[Language, ...]

    def units(self) -> dict[str, str]:
        """The unit that each word means."""
        units = [entry for each in self.languages for entry in each.units.items()]
        return {word: unit for unit, words in units for word in words.lower().split("|")}

    def months(self) -> dict[str, int]:
        """The number of the month that each word means."""
        lists = [names for each in self.languages for names in (each.months, each.short_months)]
        return {
            name: number
            for names in lists
            for number, name in enumerate(names.lower().split("|"), 1)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A time of day, in minutes after midnight."""

    minutes: int
    is_12_hours: bool = False

    def __str__(self) -> str:
        hour, minute = divmod(self.minutes, 60)
        if self.is_12_hours:
            return f"{(hour - 1) % 12 + 1}:{minute:02} {'am' if hour < 12 else 'pm'}"
        return f"{hour:02}:{minute:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A duration. A month has no fixed number of days, and a day may have 23 hours."""

    months: int = 0
    days: int = 0
    minutes: int = 0


Moment = date | Clock | Length | int
_LETTERS = {date: "D", Clock: "T", Length: "P", int: "Y"}
_HOURS = r"(\d{1,2}) ?h ?(\d{2})?(?!\w)(?! ?min)"
# `6h15` is a time after some words, and a duration after others.
_FROM_TO = re.compile(rf"\b(de|entre) {_HOURS} (à|et) {_HOURS}")
_AT = re.compile(rf"\b(à|vers|dès|il est|at|alle|a las) {_HOURS}(?! de\b)")
_FOR = re.compile(
    r"\b(dure|duré|durait|pendant|prend|met|dans|en|takes|took|lasts|lasted|for|in|dura|tarda|"
    r"dauert|braucht) (\d{1,2}) ?h ?(\d{2})(?!\w)(?! ?min)"
)
_DASH = re.compile(r"(?<=:\d\d) ?[-–—] ?(?=\d{1,2}:\d\d)")


@cache
def words() -> Words:
    """The languages that are read, English first."""
    data = tomllib.loads((files("metier_math") / "calendar.toml").read_text(encoding="utf-8"))
    alone = {name: data.pop(name) for name in ("never", "named_today")}
    return Words.model_validate({**alone, "languages": tuple(data.values())})


def moments_in(text: str) -> tuple[str, tuple[Moment, ...]]:
    """The text in small letters with a capital for each moment, and the moments in their order.

    D is a date, T a clock time, P a duration and Y a year. Any other number stays as it is.

    >>> moments_in("It starts on 3 March 2025.")
    ('it starts on D.', (datetime.date(2025, 3, 3),))
    """
    found: list[Moment] = []

    def letter(match: re.Match[str]) -> str:
        # Each kind of moment is a named group; groups that may be missing come last in it.
        _, *parts = (part for part in match.groups() if part is not None)
        moment = _readers()[match.lastgroup or ""][1](*parts)
        if moment is None:
            return match[0]
        found.append(moment)
        return _LETTERS[type(moment)]

    return _pattern().sub(letter, _with_colons(text)), tuple(found)


def _with_colons(text: str) -> str:
    plain = " ".join(text.lower().replace("’", "'").split())
    plain = _FROM_TO.sub(
        lambda m: f"{m[1]} {m[2]}:{m[3] or '00'} {m[4]} {m[5]}:{m[6] or '00'}", plain
    )
    plain = _AT.sub(lambda m: f"{m[1]} {m[2]}:{m[3] or '00'}", plain)
    return _DASH.sub(" – ", _FOR.sub(r"\1 \2 h \3 min", plain))


@cache
def _pattern() -> re.Pattern[str]:
    named = "|".join(f"(?P<{name}>{pattern})" for name, (pattern, _) in _readers().items())
    return re.compile(rf"(?<![\w.,:/-])(?:{named})(?![\w°%]|[.,:/-]\d)")


@cache
def _readers() -> Mapping[str, tuple[str, Callable[..., Moment | None]]]:
    """What each kind of moment looks like, and what its groups mean."""
    month = "|".join(sorted(words().months(), key=len, reverse=True))
    unit = "|".join(sorted(words().units(), key=len, reverse=True))
    part = rf"\d{{1,5}}(?:[.,]\d{{1,2}})?[ -]?(?:{unit})"
    half = r" ?(am|pm|a\.m\.|p\.m\.)"
    return {
        "iso": (r"(\d{4})-(\d\d)-(\d\d)", _day),
        "slash": (r"(\d{1,2})/(\d{1,2})/(\d{4})", _either_way),
        "dotted": (r"(\d{1,2})\. ?(\d{1,2})\. ?(\d{4})", lambda d, m, y: _day(y, m, d)),
        "day_first": (
            rf"(\d{{1,2}})(?:st|nd|rd|th|er|º|\.)? ?(?:of |de |d')?({month})\.?,? "
            r"(?:de |del )?(\d{4})",
            lambda d, m, y: _day(y, words().months()[m], d),
        ),
        "month_first": (
            rf"({month})\.? (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})",
            lambda m, d, y: _day(y, words().months()[m], d),
        ),
        "clock": (rf"(\d{{1,2}}):(\d\d)(?:{half}| ?(?:uhr|h)\b)?", _clock),
        "dotted_clock": (rf"(\d{{1,2}})\.(\d\d)(?:{half}| ?uhr)", _clock),
        "hour": (rf"(\d{{1,2}}){half}", lambda hour, half: _clock(hour, half=half)),
        "uhr": (r"(\d{1,2}) ?uhr(?: (\d\d))?", _clock),
        "h_m": (r"(\d{1,2}) ?h ?(\d{1,2}) ?m", lambda h, m: Length(minutes=int(h) * 60 + int(m))),
        "length": (rf"({part}(?:,?(?: and| und| et| y| e)? ?{part}){{0,3}})", _length),
        "year": (r"([12]\d{3})", int),
    }


def _day(year: str, month: str | int, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _either_way(one: str, other: str, year: str) -> date | None:
    days = {_day(year, other, one), _day(year, one, other)} - {None}
    return days.pop() if len(days) == 1 else None


def _clock(hour: str, minute: str = "0", half: str = "") -> Clock | None:
    hours, minutes = int(hour), int(minute)
    if minutes > 59 or hours > 23 or (half and not 1 <= hours <= 12):
        return None
    if half:
        hours = hours % 12 + (12 if half.startswith("p") else 0)
    return Clock(minutes=hours * 60 + minutes, is_12_hours=bool(half))


def _length(text: str) -> Length | None:
    """`3 h 25 min`; only hours may have decimals, and no unit comes twice."""
    unit_of = words().units()
    amounts: dict[str, Fraction] = {}
    for number, word in re.findall(r"(?<!\d)(\d{1,5}(?:[.,]\d{1,2})?)[ -]?([^\W\d_]+)", text):
        unit, amount = unit_of.get(word, ""), Fraction(number.replace(",", "."))
        if not unit or unit in amounts or (unit != "hour" and amount % 1):
            return None
        amounts[unit] = amount
    minutes = amounts.get("hour", Fraction()) * 60 + amounts.get("minute", 0)
    months = int(amounts.get("year", 0) * 12 + amounts.get("month", 0))
    days = int(amounts.get("week", 0) * 7 + amounts.get("day", 0))
    return None if minutes % 1 else Length(months=months, days=days, minutes=int(minutes))
