"""Questions about dates and clock times: read here, and computed without a model.

`My train leaves at 14:50 and takes 3 h 25 min. When do I get in?`, and, with a value of an earlier
step, `mine was 14 February 2026, so which date am I due?`. A question is read only if it has the
values that are needed and no other number, if each of its words is known, and if nothing else is
asked. Today's date is never assumed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from metier.errors import InvalidInput
from metier.experts.expert import Task
from metier_math import date_arithmetic
from metier_math.date_arithmetic import CalendarAnswer
from metier_math.moments import Clock, Language, Length, Moment, moments_in, words

_MAX_CHARS = 300
# A number that is not part of a date, time or duration; a second question.
_SEVERAL = re.compile(r"\d|\?[^?]*\?|\b(?:and|und|et|y|e) (?:is|ist|est|es|è) ")
_LASTS = re.compile(r"\b(?:last|lasted|take|took|dauerte?|dur[aeéòó]|duraron|durarono)\b")
_EVENT = re.compile(rf"{_LASTS.pattern}|\b(?:trip|journey|reise|voyage|viaje|viaggio)\b")
_SHORT = timedelta(days=60)
_YEAR = re.compile(
    r"(?:^|\b(?:in|from|to|until|till|between|and|von|bis|zwischen|und|de|à|entre|et|en|y|a|desde|"
    r"hasta|tra|fra|e|il|dal|al|nel|year|jahr|année|año|anno) )Y\b"
)
# A person's age is no duration to be added to a time of day.
_AGE = re.compile(
    r"\b(?:d[ie] \d{1,3} an(?:ni|s)|de \d{1,3} años|\d{1,3}[- ]years?[- ]old|aged \d{1,3}|"
    r"\d{1,3} jahre alt|\d{1,3}[- ]?jährige[rmns]?)\b",
    re.I,
)
# These ask for a date or a time, the others for a span.
_OF_MOMENTS = ("clock", "date", "day", "weekday", "when")
# `3 h before` needs a value after it, or a word for one.
_OF_WHAT = r"(?: (?:[^\W\d_]+ ){0,4}[DT]\b| (?:that|this|dem|das|ça|cela|eso|questo|quello)\b)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A text whose moments are letters (see `moments_in`), and what it asks.

    Attributes:
        clause: the question itself, without the words that ask.
        rest: what is said before and after it.
    """

    language: Language
    kind: str
    unit: str
    text: str
    clause: str
    rest: str
    moments: tuple[Moment, ...]


def calendar_answer(task: Task) -> CalendarAnswer | None:
    """The answer to a question about dates or clock times; None if it is any other, or unclear."""
    asked = _question(task.text) if len(task.text) <= _MAX_CHARS else None
    if asked is None or not _has_known_words(asked):
        return None
    given = _given(task)
    # With no duration to add, `which day is that` would ask for a weekday.
    is_alone = given is None or asked.kind not in ("day", "weekday")
    try:
        if given is not None and (found := _answer(asked, (*asked.moments, given), given)):
            return found
        return _answer(asked, asked.moments, None) if is_alone else None
    except (InvalidInput, OverflowError, ValueError):  # the latter before the year 1, after 9999
        return None


def _question(text: str) -> _Question | None:
    """The one question of a text that has no other number and that nothing speaks against."""
    plain, moments = moments_in(text)
    if any(isinstance(each, Clock) for each in moments):
        plain, moments = moments_in(_AGE.sub(" ", text))
    plain = re.sub(rf"\b(?:{words().named_today}) (?=D)", "", plain)
    if _SEVERAL.search(plain) or re.search(words().never, plain):
        return None
    asked = [(each, found) for each, asks in _asks() for found in asks.finditer(plain)]
    if len(asked) != 1:
        return None
    language, found = asked[0]
    following = plain[found.end() :]
    clause = re.split(rf"[.?!;]|(?<!\w)(?:{language.condition})(?!\w)", following, maxsplit=1)[0]
    if _goes_on(plain, found.end() + len(clause)):
        return None
    return _Question(
        language=language,
        kind=found.lastgroup or "",
        unit=words().units().get(found[0].split()[-1].rpartition("'")[2], ""),
        text=plain,
        clause=clause,
        rest=f"{plain[: found.start()]} {following[len(clause) :]}",
        moments=moments,
    )


def _goes_on(text: str, end: int) -> bool:
    """Whether a sentence follows the question and the values: `Now text that to my granny`."""
    last = max([end, *(found.end() for found in re.finditer(r"\b[DTPY]\b", text))])
    return any(_words(sentence) for sentence in re.split(r"[.?!;]", text[last:])[1:])


@cache
def _asks() -> tuple[tuple[Language, re.Pattern[str]], ...]:
    """What asks, in each language; what is longer comes before what it begins with."""
    kinds = ("weekday", "day", "clock", "date", "age", "count", "long", "when", "leap")
    found = []
    for language in words().languages:
        unit = "|".join(language.units.values()).lower()
        named = "|".join(
            f"(?P<{kind}>{language.asks[kind].replace('UNIT', f'(?:{unit})')})" for kind in kinds
        )
        found.append((language, re.compile(rf"(?<!\w)(?:{named})(?!\w)")))
    return tuple(found)


def _has_known_words(asked: _Question) -> bool:
    """Whether each word of the question is known, or said before: `how long did the film last`."""
    own, clause = asked.language, asked.clause
    if asked.kind in _OF_MOMENTS:  # of a span, `how long was it closed` asks the opposite
        clause = re.sub(rf"(?<!\w)(?:{own.starts}|{own.ends})(?!\w)", " ", clause)
    has_both = len(re.findall(r"\b[DTY]\b", clause)) > 1
    is_done = has_both or _says(f"{own.starts}|{own.does}", asked.rest)
    known = f"[DTPY]|{own.words}|{own.forward}|{own.backward}{f'|{own.does}' if is_done else ''}"
    said = set(_words(asked.rest))
    unknown = {word for word in _words(clause) if not re.fullmatch(known, word)} - said
    if asked.kind == "leap":
        return all(re.fullmatch(known, word) for word in [*unknown, *said])
    return not unknown or (has_both and _LASTS.search(clause) is not None)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text)


def _given(task: Task) -> Moment | None:
    """The one moment that earlier steps gave; of a year, the date of that answer."""
    values = [value for each in task.inputs for value in each.values.values()]
    read = [moments_in(value[:_MAX_CHARS]) for value in values]
    found = [moments[0] for plain, moments in read if re.fullmatch("[DTP]", plain)]
    if not found:
        texts = [each.text[:_MAX_CHARS] for each in task.inputs]
        found = [each for text in texts for each in moments_in(text)[1] if isinstance(each, date)]
    return found[0] if len(found) == 1 and len(values) <= 1 else None


def _answer(
    asked: _Question, moments: Sequence[Moment], given: Moment | None
) -> CalendarAnswer | None:
    """What the moments give, if they are those that the question needs, and no others."""
    own = asked.language
    match asked.kind, sorted(moments, key=lambda each: isinstance(each, Length)):
        case "count" | "long" | "age", [first, last]:
            return _span(asked, first, last, in_text=given is None)
        case "weekday" | "day", [date() as day]:
            is_next = _says(f"{own.forward}|{own.backward}", asked.clause)
            return None if is_next else date_arithmetic.weekday(own, day)
        case "leap", [int() as year]:
            return date_arithmetic.leap_year(own, year)
        case "clock" | "when", [Clock() as start, Length() as length]:
            sign = _direction(asked, role=_role(asked), is_given=length is given)
            return date_arithmetic.shifted_clock(own, start, length, sign) if sign else None
        case "date" | "when" | "day" | "weekday" as kind, [date() as day, Length() as length]:
            # Ten days from the third end on the twelfth: what ends is unclear, what is due is not.
            role = _says(own.forward, asked.clause) - _says(own.backward, asked.clause)
            sign = _direction(asked, role=role, is_given=length is given)
            say = Language.weekday_text if kind == "weekday" else Language.date_text
            return date_arithmetic.shifted_date(own, day, length, sign, say) if sign else None
    return None


def _span(asked: _Question, first: Moment, last: Moment, *, in_text: bool) -> CalendarAnswer | None:
    own, unit, of_clocks = asked.language, asked.unit, asked.unit in ("hour", "minute")
    match first, last:
        case date(), date() if not (of_clocks or _counts_first_day(asked, abs(last - first))):
            unit = "age" if asked.kind == "age" else unit
            return date_arithmetic.between_dates(own, first, last, unit)
        case Clock(), Clock() if of_clocks or not unit:
            is_clear = in_text and asked.kind != "age" and _is_in_order(asked)
            return date_arithmetic.between_clocks(own, first, last, unit) if is_clear else None
        case int(), int() if unit == "year" and len(_YEAR.findall(asked.text)) == 2:
            return date_arithmetic.between_years(own, first, last)
    return None


def _counts_first_day(asked: _Question, span: timedelta) -> bool:
    """Whether it may be a short event: a course from Monday to Wednesday takes three days."""
    joined = rf"\bD (?:[-–]|{asked.language.to}) (?:[^\W\d_]+ )?D\b"
    is_event = _EVENT.search(asked.text) or re.search(joined, asked.rest)
    return span < _SHORT and is_event is not None


def _is_in_order(asked: _Question) -> bool:
    """Whether the first clock time is the start: `from T to T`, or what starts, and what ends."""
    own, text = asked.language, asked.text
    if any(re.search(rf"\b(?:{each.weekdays.lower()})\b", text) for each in words().languages):
        return False
    then = own.say["and"]
    article = "(?:the |las |le )?"
    if re.search(
        rf"T (?:[-–]|{own.to}) {article}T|(?<!\w)(?:{own.between}) {article}T {then} {article}T",
        text,
    ):
        return True
    before, between, *_ = text.split("T")
    parts = before, re.split(rf",|(?<!\w){then}(?!\w)", between)[-1]
    roles = [(_says(own.starts, part), _says(own.ends, part)) for part in parts]
    return roles == [(True, False), (False, True)]


def _direction(asked: _Question, *, role: int, is_given: bool) -> int:
    """1 for later, -1 for earlier, 0 if that is not clear.

    Args:
        role: what the verbs say of it.
        is_given: the duration is from an earlier step, so that the text has nothing beside it.
    """
    own, text = asked.language, asked.text
    if is_given:
        return _says(own.forward, asked.clause) - _says(own.backward, asked.clause)
    if re.search(rf"P (?:{own.after}|{own.before})(?!\w)(?!{_OF_WHAT})", text):
        return 0
    later = rf"P (?:{own.later}|{own.after})|(?:{own.hence}) P|[DT] (?:\+|plus) P"
    earlier = rf"P (?:{own.earlier}|{own.before})|[DT] (?:[-–−]|minus) P"
    is_later, is_earlier = _says(later, text) or role > 0, _says(earlier, text) or role < 0
    return is_later - is_earlier


def _role(asked: _Question) -> int:
    """1 if the end of what starts is asked, -1 if the start of what ends, else 0."""
    own = asked.language
    asks = _says(own.starts, asked.clause), _says(own.ends, asked.clause)
    tells = _says(own.starts, asked.rest), _says(own.ends, asked.rest)
    return asks[1] - asks[0] if tells == asks[::-1] else 0


def _says(patterns: str, text: str) -> bool:
    return re.search(rf"(?<!\w)(?:{patterns})(?!\w)", text) is not None
