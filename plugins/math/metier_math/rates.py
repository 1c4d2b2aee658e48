"""A count in a time, asked for another time: read here, and computed without a model.

`32 beats in 15 seconds, how many per minute?` There has to be one count in one time and one time
that is asked for, and nothing else that calculates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from metier.experts.expert import Task
from metier_math.program import Assignment, Program

_MAX_CHARS = 300
_SECONDS = {
    "s|secs?|seconds?|sek|sekunden?|secondes?|segundos?|second[oi]": 1,
    "mins?|minutes?|minuten?|minut[oi]s?": 60,
    "h|hrs?|hours?|std|stunden?|heures?|horas?|or[ae]": 3600,
    "days?|tage?n?|jours?|d[ií]as?|giorn[oi]": 86_400,
    "weeks?|wochen?|semaines?|semanas?|settiman[ae]": 604_800,
}
_TIME_UNITS = {re.compile(names, re.I): seconds for names, seconds in _SECONDS.items()}
_UNIT = rf"(?:{'|'.join(_SECONDS)})(?![\w'])"
_NUMBER = r"(?<![\w.,/-])\d{1,9}(?:[.,]\d{1,6})?(?![.,]?\d)"
_HALF = r"(?:half an? |ein(?:e|er)? halben? |une demi-|medi[oa] |mezz[oa] )"
_LONG = rf"(?P<base>{_NUMBER}\s?|{_HALF})(?P<unit>{_UNIT})"
_WORD = r"[^\W\d_]{1,24}"
_NOUN = rf"(?!(?:in|en|em|per|over|sur)\b){_WORD}"
_THING = rf"(?P<thing>{_NOUN}(?: {_NOUN}){{0,2}})"
_EVERY = r"(?P<every>every|alle|tous les|toutes les|cada|ogni)"
_PLAIN_IN = r"(?:in|within|over|en|em|dans|sur|per|innerhalb von)"
_IN = rf"(?:{_PLAIN_IN}|{_EVERY})"
_COUNTED = (
    re.compile(rf"(?P<count>{_NUMBER}) ?(?:{_THING} )?{_IN} {_LONG}", re.I),
    re.compile(
        rf"\b(?:in|within|for|en|em|dans|pendant|durante|innerhalb von) {_LONG}"
        rf"[^\d.?!;]{{0,40}}(?P<count>{_NUMBER})(?!(?: {_WORD}){{0,3}} {_PLAIN_IN} \d)"
        rf"(?P<every>)(?: (?P<thing>(?:heart )?{_WORD}))?",
        re.I,
    ),
)
_TARGET = re.compile(
    r"(?<!half )(?<!for )(?:\s?/\s?|\b(?:per|an?|each|in an?|in one|pro|je|in der|in einer|"
    r"par|en une?|por|en una?|a la|"
    rf"al|alla|all'|in una?|ao)(?:(?<=')| ))(?P<unit>{_UNIT})",
    re.I,
)
# One word that says what is counted and in which time.
_BEATS = "beats pulses schläge battements pulsations latidos pulsaciones battiti pulsazioni"
_SHORT_TARGETS = {
    "bpm": (_BEATS, 60),
    "wpm": ("words", 60),
    "mph": ("miles", 3600),
    "kmh": ("km", 3600),
}
_SHORT = re.compile(rf"\b(?:{'|'.join(_SHORT_TARGETS)})\b", re.I)
_MANY = re.compile(
    rf"\b(?:how many|wie ?viele?|combien de|combien|cu[aá]nt[oa]s|quant[ieoa]s?) ({_WORD})", re.I
)
_AGE = re.compile(
    r"\(\d{2,3}\)|\b\d{1,3}[ -]?(?:years?|yrs?)[ -]?old\b|\b\d{1,3} (?:jahre alt|ans|años|anni)\b|"
    r"\b(?:i'?m|i am|aged?) \d{1,3}\b(?=\s?(?:[,.;)]|and\b))",
    re.I,
)
_IF = re.compile(r"^(?:if|when|wenn|si|se)\b", re.I)
_CALCULATES = re.compile(
    r"[\d%+*×÷^=<>]|\b(?:"
    r"percent\w*|average(?! speed)|mean|median|total|altogether|sum|left|remain\w*|more|less|"
    r"fewer|faster|slower|than|each|every|twice|double|half(?! an hour)|third|quarter|times|"
    r"minus|plus|divided|multipl\w+|if|instead|paus\w+|stop\w*|breaks?|both|"
    r"how (?:long|far|much)|until|after|one|two|three|four|five|six|seven|eight|nine|ten|eleven|"
    r"twelve|dozen|hundred|thousand|function|durchschnitt(?!sgesch)\w*|prozent|insgesamt|mehr|"
    r"weniger|schneller|langsamer|wenn|falls|doppelt|hälfte|wie (?:lange|weit)|jede[rsnm]?|zwei|"
    r"drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|(?<!vitesse )moyenne|pourcentage|"
    r"moins|si|moitié|chaque|chacun\w*|deux|trois|quatre|cinq|sept|huit|neuf|dix|promedio|"
    r"(?<!velocidad )(?<!velocità )media|porcentaje|más|menos|doble|mitad|cada|dos|tres|cuatro|"
    r"cinco|seis|percentuale|totale|più|meno|se|doppio|metà|ogni|ciascun\w*|due|tre|quattro|"
    r"cinque|sei)\b",
    re.I,
)
_WORDS = re.compile(_WORD)
_CLAUSE = re.compile(r"[,:;.?!()]")
_TIMES = frozenset("times time mal fois veces vez volte volta vezes".split())
# What may stand before "per minute" and name nothing that is counted.
_FILLERS = _TIMES | frozenset(
    "per pro par por al a an in en je and und et y e that this it is are das ist es what many "
    "viele wieviele combien cuántos cuántas cuantos quanti quante quantos rate speed frequency "
    "pulse puls pouls pulso frequenz fréquence frecuencia frequenza do does would did make "
    "makes be sind sont son sono ça cela eso i he she we you they ich er sie il elle".split()
)
_STEM = 4
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """A time that is asked for.

    Attributes:
        thing: what its abbreviation counts, as `bpm` does, in several languages; else empty.
        noun: what the question says is counted in it, as in `how many beats per minute`; or empty.
    """

    start: int
    end: int
    seconds: int
    label: str
    thing: str = ""
    noun: str = ""


def rate_in(task: Task) -> Program | None:
    """The count in another time that a task asks for; None if it asks for anything else."""
    text = task.text.strip()
    if task.inputs or len(text) > _MAX_CHARS:
        return None
    text = _AGE.sub("", _IF.sub("", text))
    counted = [found for each in _COUNTED for found in each.finditer(text)]
    if len(counted) != 1:
        return None
    targets = _targets(text, counted[0].span())
    if len(targets) != 1:
        return None
    rest = _without(text, counted[0].span(), (targets[0].start, targets[0].end))
    thing = _last_noun(counted[0]["thing"] or "")
    if _CALCULATES.search(rest) or not _asks_for(thing, targets[0], text):
        return None
    if not counted[0]["every"] and _sleeps_between(counted[0], targets[0]):
        return None
    return _program(counted[0], thing, targets[0])


def _targets(text: str, taken: tuple[int, int]) -> list[_Target]:
    found = [
        _Target(
            start=each.start(),
            end=each.end(),
            seconds=_seconds(each["unit"]),
            label=each[0].strip(),
            noun=_noun_before(text, each.start()),
        )
        for each in _TARGET.finditer(text)
    ]
    for each in _SHORT.finditer(text):
        thing, seconds = _SHORT_TARGETS[each[0].lower()]
        start, end = each.span()
        found.append(_Target(start=start, end=end, seconds=seconds, label=each[0], thing=thing))
    return [each for each in found if each.end <= taken[0] or each.start >= taken[1]]


def _noun_before(text: str, end: int) -> str:
    many = [each[1] for each in _MANY.finditer(text) if text[each.end() : end].strip() == ""]
    return many[0] if many and many[0].lower() not in _FILLERS else ""


def _sleeps_between(counted: re.Match[str], target: _Target) -> bool:
    """Whether hours are scaled to days, or days to hours: nobody reads all night."""
    return (_seconds(counted["unit"]) < _DAY_S) != (target.seconds < _DAY_S)


def _asks_for(thing: str, target: _Target, text: str) -> bool:
    """Whether the target is one of what was counted, and not pages where words were counted."""
    if target.thing:
        return not thing or any(_is_same(each, thing) for each in target.thing.split())
    clause = _CLAUSE.split(text[max(0, target.start - 60) : target.start])[-1]
    *before, last = ["", *_WORDS.findall(clause)]
    many = [each for each in _MANY.findall(text) if not _names(each, thing)]
    if many or _names(last, thing):
        return not many
    is_noun = not before or before[-1].lower() in ("", "in", "of", "many", "the", "my")
    return not is_noun and _MANY.search(text) is not None


def _names(word: str, thing: str) -> bool:
    """Whether a word is what was counted, or no thing at all."""
    return not word or word.lower() in _FILLERS or not thing or _is_same(word, thing)


def _is_same(word: str, thing: str) -> bool:
    one, other = word.lower(), thing.lower()
    is_short = min(len(one), len(other)) < _STEM
    if is_short:
        return one == other
    return one[:_STEM] == other[:_STEM] or one in other or other in one


def _last_noun(thing: str) -> str:
    """The word that is compared with what the question asks for: `beats` of `heart beats`."""
    return "" if thing.lower() in _TIMES else thing.rpartition(" ")[2]


def _program(counted: re.Match[str], thing: str, target: _Target) -> Program | None:
    count, base = _plain(counted["count"]), _plain(counted["base"].strip())
    if not count or not base or not float(base):
        return None
    seconds = _seconds(counted["unit"])
    by = target.seconds / seconds
    scaled = f" * {by:.0f}" if by > 1 else f" / {1 / by:.0f}" if by < 1 else ""
    gap = "" if target.label.startswith("/") else " "
    named = counted["thing"] if thing else target.noun
    label = target.label if target.thing else f"{named}{gap}{target.label}".strip()
    steps = (Assignment(name="rate", expression=f"{count} / {base}{scaled}"),)
    return Program(operation="evaluate", steps=steps, unit=label)


def _plain(number: str) -> str:
    """A number as expressions write it; empty if its comma or point may mark thousands."""
    if not number[0].isdigit():
        return "0.5"
    return "" if re.search(r"[.,]\d{3}$", number) else number.replace(",", ".")


def _seconds(unit: str) -> int:
    return next(value for names, value in _TIME_UNITS.items() if names.fullmatch(unit))


def _without(text: str, *spans: tuple[int, int]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    return text
