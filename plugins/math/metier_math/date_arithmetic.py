"""Calculating with dates and clock times, in the proleptic Gregorian calendar."""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from metier.errors import InvalidInput
from metier_math.moments import Clock, Language, Length, words

_DAY = 24 * 60
_ONE_PM = 13 * 60
_GREGORIAN = date(1582, 10, 15)
_SIGNS = {1: "+", -1: "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarAnswer:
    """How a result was computed, the result, and the same for later steps, in English."""

    working: str
    result: str
    value: str

    @property
    def text(self) -> str:
        """The answer as people read it."""
        return f"{self.working}\n\n**Result: {self.result}**"


def between_dates(language: Language, first: date, last: date, unit: str) -> CalendarAnswer:
    """The span of two dates in a unit; in full years for an `age`, in days if no unit is asked."""
    first, last = sorted((first, last))
    total = (last - first).days
    months = (last.year - first.year) * 12 + last.month - first.month - (last.day < first.day)
    rest = (last - _later(first, months)).days
    days, longer = language.counted(total, "day"), _listed(language, months, rest)
    value = _english().counted(total, "day")
    match unit:
        case "age":
            result = language.counted(months // 12, "year")
            value = _english().counted(months // 12, "year")
        case "year":
            result = longer
        case "month":
            result = _joined(language, month=months, day=rest)
        case "week":
            result = _joined(language, week=total // 7, day=total % 7)
        case _:
            result = days
    # Whether the first day counts is usage: of a journey it does, of an age it does not.
    also = longer if unit == "age" else result
    if result == days:
        also = language.say["counting"].format(total + 1)
    dates = f"{language.date_text(first)} – {language.date_text(last)}"
    working = f"{dates}: {days} ({also}){_calendar(language, first)}"
    return CalendarAnswer(working=working, result=result, value=value)


def between_years(language: Language, first: int, last: int) -> CalendarAnswer:
    """The difference of two years."""
    years = abs(last - first)
    working = f"{max(first, last)} - {min(first, last)} = {years}"
    result, value = (each.counted(years, "year") for each in (language, _english()))
    return CalendarAnswer(working=working, result=result, value=value)


def between_clocks(language: Language, start: Clock, end: Clock, unit: str) -> CalendarAnswer:
    """From one time of day to another, over midnight if that is the earlier one.

    Raises:
        InvalidInput: one of them may be meant before or after noon: from 9:30 to 5:00.
    """
    is_over = end.minutes < start.minutes
    is_clear = start.is_12_hours or not is_over or start.minutes >= _ONE_PM
    if start.is_12_hours != end.is_12_hours or start.minutes == end.minutes or not is_clear:
        raise InvalidInput("one of the times may be before or after noon")
    minutes = (end.minutes - start.minutes) % _DAY
    result = span = _hours_and_minutes(minutes)
    if unit == "minute":
        result = f"{minutes} min"
    elif unit == "hour" and minutes % 3 == 0:  # two decimals are exact
        result = f"{minutes / 60:g} h"
    value = result if unit == "minute" else f"{minutes / 60:.4g} h"
    day = f" ({language.say['next_day']})" if is_over else ""
    return CalendarAnswer(working=f"{start} – {end}{day}: {span}", result=result, value=value)


def shifted_clock(language: Language, start: Clock, length: Length, sign: int) -> CalendarAnswer:
    """The time of day so long after or before another.

    Raises:
        InvalidInput: it is neither on the same day nor on the one next to it.
    """
    days, minutes = divmod(start.minutes + sign * length.minutes, _DAY)
    if length.months or length.days or abs(days) > 1:
        raise InvalidInput("a clock time needs hours and minutes, a day's at most")
    clock = Clock(minutes=minutes, is_12_hours=start.is_12_hours)
    day = {0: "", 1: language.say["next_day"], -1: language.say["day_before"]}[days]
    result = f"{clock} {day}".strip()
    working = f"{start} {_SIGNS[sign]} {_hours_and_minutes(length.minutes)} = {result}"
    return CalendarAnswer(working=working, result=result, value=f"{clock}")


def shifted_date(
    language: Language,
    day: date,
    length: Length,
    sign: int,
    say: Callable[[Language, date], str] = Language.date_text,
) -> CalendarAnswer:
    """The date so long after or before another; a month that is too short ends earlier.

    Args:
        say: how the date is said, for example by its weekday.

    Raises:
        InvalidInput: the length has hours or minutes.
    """
    if length.minutes:
        raise InvalidInput("a date needs days, weeks, months or years")
    found = _later(day, sign * length.months) + timedelta(days=sign * length.days)
    working = (
        f"{language.date_text(day)} {_SIGNS[sign]} {_listed(language, length.months, length.days)}"
        f" = {language.date_text(found)} ({language.weekday_text(found)})"
        f"{_calendar(language, min(day, found))}"
    )
    return CalendarAnswer(
        working=working, result=say(language, found), value=say(_english(), found)
    )


def weekday(language: Language, day: date) -> CalendarAnswer:
    """The weekday of a date."""
    result, value = (each.weekday_text(day) for each in (language, _english()))
    working = f"{language.date_text(day)}: {result}{_calendar(language, day)}"
    return CalendarAnswer(working=working, result=result, value=value)


def leap_year(language: Language, year: int) -> CalendarAnswer:
    """Whether a year has a 29 February."""
    name = "leap" if isleap(year) else "no_leap"
    days = language.counted(365 + isleap(year), "day")
    working = f"{year}: {days}{_calendar(language, date(year, 1, 1))}"
    return CalendarAnswer(working=working, result=language.say[name], value=_english().say[name])


def _later(day: date, months: int) -> date:
    """So many months later, on the last day of a month that is too short."""
    years, month = divmod(day.month - 1 + months, 12)
    last = monthrange(day.year + years, month + 1)[1]
    return date(day.year + years, month + 1, min(day.day, last))


def _hours_and_minutes(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours and rest else f"{hours} h" if hours else f"{rest} min"


def _listed(language: Language, months: int, days: int) -> str:
    return _joined(language, year=months // 12, month=months % 12, day=days)


def _joined(language: Language, **counts: int) -> str:
    """`8 months and 9 days`, without what is zero."""
    said = [language.counted(count, unit) for unit, count in counts.items() if count]
    *before, last = said or [language.counted(0, "day")]
    return f"{', '.join(before)} {language.say['and']} {last}" if before else last


def _calendar(language: Language, first: date) -> str:
    return f", {language.say['proleptic']}" if first < _GREGORIAN else ""


def _english() -> Language:
    return words().languages[0]
