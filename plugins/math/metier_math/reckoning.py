"""Calculating with dates and clock times, in the proleptic Gregorian calendar."""

from __future__ import annotations

from calendar import isleap, monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from metier.errors import InvalidInput
from metier_math.moments import Clock, Language, Length, words

_DAY = 24 * 60
_NOON = 12 * 60
_GREGORIAN = date(1582, 10, 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """How a result was computed, the result, and the same for later steps, in English."""

    working: str
    result: str
    value: str

    @property
    def text(self) -> str:
        """The answer as people read it."""
        return f"{self.working}\n\n**Result: {self.result}**"


def between_dates(language: Language, first: date, last: date, unit: str) -> Reckoned:
    """The span of two dates in a unit; in full years for an `age`, in days if no unit is asked."""
    first, last = sorted((first, last))
    total = (last - first).days
    months = (last.year - first.year) * 12 + last.month - first.month - (last.day < first.day)
    days = (last - _later(first, months)).days
    value = _english().counted(total, "day")
    match unit:
        case "age":
            result = language.counted(months // 12, "year")
            value = _english().counted(months // 12, "year")
        case "week":
            result = _listed(language, week=total // 7, day=total % 7)
        case "month":
            result = _listed(language, month=months, day=days)
        case "year":
            result = _listed(language, year=months // 12, month=months % 12, day=days)
        case _:
            result = language.counted(total, "day")
    dates = f"{language.date_text(first)} – {language.date_text(last)}"
    longer = _listed(language, year=months // 12, month=months % 12, day=days)
    total_text = language.counted(total, "day")
    also = f" = {longer}" if months else ""
    working = f"{dates}: {total_text}{also}{_calendar(language, first)}"
    return Reckoned(working=working, result=result, value=value)


def between_years(language: Language, first: int, last: int) -> Reckoned:
    """The difference of two years."""
    first, last = sorted((first, last))
    said = [each.counted(last - first, "year") for each in (language, _english())]
    return Reckoned(working=f"{last} - {first} = {last - first}", result=said[0], value=said[1])


def between_clocks(language: Language, start: Clock, end: Clock, unit: str) -> Reckoned:
    """From one time to the next of the other: over midnight if that is earlier in the day.

    Raises:
        InvalidInput: it may be meant in hours up to twelve: from 9:30 to 5:00.
    """
    is_over = end.minutes <= start.minutes
    if start.is_12_hours != end.is_12_hours or start.minutes == end.minutes:
        raise InvalidInput("one of the times may be before or after noon")
    if is_over and not start.is_12_hours and start.minutes <= _NOON + 59:
        raise InvalidInput("the second time may be after noon")
    minutes = (end.minutes - start.minutes) % _DAY
    result = span = _hours_and_minutes(minutes)
    if unit == "minute":
        result = f"{minutes} min"
    elif unit == "hour" and minutes % 3 == 0:  # two decimals are enough
        result = f"{minutes / 60:g} h"
    value = result if unit == "minute" else f"{minutes / 60:.4g} h"
    day = f" ({language.say['next_day']})" if is_over else ""
    return Reckoned(working=f"{start} – {end}{day}: {span}", result=result, value=value)


def shifted_clock(language: Language, start: Clock, length: Length, sign: int) -> Reckoned:
    """The time so long after or before another.

    Raises:
        InvalidInput: it is not on the same day or the one next to it.
    """
    at = start.minutes + sign * length.minutes
    days = at // _DAY
    if length.months or length.days or not -1 <= days <= 1:
        raise InvalidInput("a clock time needs hours and minutes, a day's at most")
    clock = Clock(minutes=at % _DAY, is_12_hours=start.is_12_hours)
    day = {0: "", 1: language.say["next_day"], -1: language.say["day_before"]}[days]
    result = f"{clock} {day}".strip()
    span = _hours_and_minutes(length.minutes)
    working = f"{start} {'+' if sign > 0 else '-'} {span} = {result}"
    return Reckoned(working=working, result=result, value=f"{clock}")


def shifted_date(
    language: Language, day: date, length: Length, sign: int, *, weekday: bool = False
) -> Reckoned:
    """The date so long after or before another; the last of a month that is shorter.

    Raises:
        InvalidInput: the length has hours or minutes.
    """
    if length.minutes:
        raise InvalidInput("a date needs days, weeks, months or years")
    found = _later(day, sign * length.months) + timedelta(days=sign * length.days)
    span = _listed(language, year=length.months // 12, month=length.months % 12, day=length.days)
    name, english = (each.weekday_text(found) for each in (language, _english()))
    working = (
        f"{language.date_text(day)} {'+' if sign > 0 else '-'} {span} = "
        f"{language.date_text(found)} ({name}){_calendar(language, min(day, found))}"
    )
    if weekday:
        return Reckoned(working=working, result=name, value=english)
    said = (each.date_text(found) for each in (language, _english()))
    return Reckoned(working=working, result=next(said), value=next(said))


def weekday(language: Language, day: date) -> Reckoned:
    """The weekday of a date."""
    name, english = (each.weekday_text(day) for each in (language, _english()))
    working = f"{language.date_text(day)}: {name}{_calendar(language, day)}"
    return Reckoned(working=working, result=name, value=english)


def leap_year(language: Language, year: int) -> Reckoned:
    """Whether a year has a 29 February."""
    days = 365 + isleap(year)
    said = [each.say["leap" if isleap(year) else "no_leap"] for each in (language, _english())]
    note = _calendar(language, date(year, 1, 1))
    working = f"{year}: {language.counted(days, 'day')}{note}"
    return Reckoned(working=working, result=said[0], value=said[1])


def _later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _hours_and_minutes(minutes: int) -> str:
    parts = [
        f"{count} {unit}"
        for count, unit in zip(divmod(minutes, 60), ("h", "min"), strict=True)
        if count
    ]
    return " ".join(parts) or "0 min"


def _listed(language: Language, **counts: int) -> str:
    """`8 months and 9 days`, without what is zero."""
    said = [language.counted(count, unit) for unit, count in counts.items() if count]
    *before, last = said or [language.counted(0, "day")]
    return f"{', '.join(before)} {language.say['and']} {last}" if before else last


def _calendar(language: Language, first: date) -> str:
    return f", {language.say['proleptic']}" if first < _GREGORIAN else ""


def _english() -> Language:
    return words().languages[0]
