"""The unit that a question asks for, which a result keeps if the model's program names none.

`What is one dose in mg?`, `¿Cuánto es en grados Celsius?`, `Wie viel Gramm sind das?`. A question
that asks for several things, or for a rate, names no unit for its result.
"""

from __future__ import annotations

import re

from metier_math.unit_words import ENGLISH, english

_ENGLISH = (
    "mg/dL mmol/L µmol/L umol/L mEq/L g/dL g/L mg/L ng/mL U/L mL/min mL/h mg/kg mg/mL mmHg ng µg "
    "mcg mg g kg lb lbs oz mL dL cL L mm cm m km miles mi inches feet ft yards cm² m² cm2 m2 cm³ "
    "m³ s min h hours minutes seconds days weeks months years km/h m/s mph % percent euros dollars "
    "litres liters millilitres milliliters grams milligrams kilograms metres meters kilometres "
    "kilometers pounds ounces kcal kJ kWh Celsius Fahrenheit kelvin °C °F ‰ promille"
).split()
_SPELLED = {name.lower(): name for name in _ENGLISH}
_ALL = "|".join(sorted(map(re.escape, {*_SPELLED, *ENGLISH}), key=len, reverse=True))
_DEGREES = r"(?:degrees?|grad|grados|degrés|gradi|graus)"
_IN = re.compile(
    rf"\b(?:(?:in|into|en|em) (?:{_DEGREES} )?|(?:to|a|à) {_DEGREES} |total )({_ALL})"
    r"(?=\s*(?:[?.,;:(]|$|please|pls|bitte|por favor|per favore|(?:and|und|et|y|e) "
    r"(?:is|does|what|should|ist|was|est|qué|es|è|cosa|tell)\b))",
    re.I,
)
_MANY = re.compile(
    rf"\b(?:how many|wie ?viele?|combien de|cu[aá]nt[oa]s?|quant[ieoa]s?) ({_ALL})(?![\w/²³])"
    r"(?! (?:per|an?|pro|par|por|al|all') ?(?:second|minute|min|hour|h|sekunde|stunde|heure|hora|"
    r"segundo|minuto|ora)\b)",
    re.I,
)
# More than one question, each of which may want another unit.
_ASKS = re.compile(
    r"\b(?:how (?:many|much|long|old|far|fast)|wie ?(?:viele?|lange|alt|weit|schnell)|combien|"
    r"cu[aá]nt[oa]s?|quant[ieoa]s?)\b|"
    r"\b(?:what|which|wie ?viel|quel|qué|que|che) (?:percent\w*|%|share|prozent\w*|pourcentage|"
    r"porcentaje|percentuale)(?!\w)",
    re.I,
)


def asked_unit(text: str) -> str:
    """The one unit that a question asks for, in English; empty if it names none or several."""
    found = {_spelled(unit) for pattern in (_IN, _MANY) for unit in pattern.findall(text)}
    return found.pop() if len(found) == 1 and not asks_several(text) else ""


def asks_several(text: str) -> bool:
    """Whether a question asks for more than one amount."""
    return len(_ASKS.findall(text)) > 1


def _spelled(unit: str) -> str:
    return _SPELLED.get(unit.lower()) or english(unit)
