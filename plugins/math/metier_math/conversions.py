"""A question that only asks for another unit: read here, and computed without a model.

`12.5 kg in pounds?`, `101.3 °F. What is that in Celsius?`, and, of what an earlier step gave, `how
many days is that?`. There has to be one number and nothing that calculates with it.
"""

from __future__ import annotations

import re

from metier.experts.expert import Task
from metier_math.program import Assignment, Program
from metier_math.unit_words import english

_MAX_CHARS = 300
_DEGREE = r"(?:degrees?|grad|grados?|degrés?|grad[io]|graus?)"
_LETTER = r"(?:[^\W\d_]|°)"
_UNIT = rf"(?:{_DEGREE} )?({_LETTER}(?:{_LETTER}|[²³/]){{0,24}})"
PLEASE = r"please|pls|bitte|por favor|per favore|s['’]il (?:te|vous) plaît"
_TARGET = re.compile(rf"\b(?:in|into|to|en|em|a) {_UNIT}(?:,? (?:{PLEASE}))?\s*[?.!]*$", re.I)
_HOW_MANY = re.compile(
    rf"\b(?:how many|wie ?viele?|combien de|cu[aá]nt[oa]s|quant[ieoa]s?) {_UNIT} "
    r"(?:is|are|would|sind|ist|son|hay en|font|fait|sono|são|be|that|it|this|das|there|in)\b",
    re.I,
)
_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d{1,15}(?:[.,]\d{1,15})*")
_AFTER = re.compile(rf"\s?(?:{_DEGREE} )?((?:{_LETTER}|%)(?:{_LETTER}|[²³/^]){{0,24}}\d?)", re.I)
_THOUSANDS = re.compile(r"[-−]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
# Words of a calculation with the number, and of several things.
_CALCULATES = re.compile(
    r"[%+*×÷^=]|\b(?:percent|per(?! favore)|each|every|average|mean|median|times|plus|minus|half|"
    r"twice|double|third|quarter|total|sum|left|difference|more|less|than|if|between|from|root|squared?|cubed|"
    r"divided|multipl\w+|ratio|area|volume|long|after|before|until|since|ago|older|younger|one|two|"
    r"three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|billion|function)\b",
    re.I,
)
_CALCULATES_ABROAD = re.compile(
    r"\b(?:prozent|pro|jede[rsnm]?|durchschnitt\w*|mal|plus|minus|hälfte|halb\w*|doppelt\w*|drittel|"
    r"viertel|insgesamt|summe|rest|übrig|unterschied|mehr|weniger|als|wenn|zwischen|von|seit|bis|"
    r"nach|vor|älter|jünger|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|fläche|volumen|"
    r"pour cent|par|chaque|moyenne|fois|moins|moitié|double|tiers|quart|total|somme|reste|si|entre|"
    r"depuis|après|avant|deux|trois|quatre|cinq|sept|huit|neuf|dix|surface|"
    r"por(?! favor)|cada|promedio|media|veces|más|menos|mitad|doble|tercio|cuarto|suma|resto|desde|"
    r"después|antes|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|área|"
    r"per(?! favore)|ogni|volte|più|meno|metà|doppio|terzo|quarto|totale|somma|se|tra|dopo|prima|"
    r"due|tre|quattro|cinque|sei|sette|otto|nove|dieci|"
    r"média|vezes|mais|metade|dobro|terço|soma|depois|dois|três|quatro|sete|oito|dez)\b",
    re.I,
)
# All that a question about the last answer says beside its unit: what else it names, it is about.
_REFERRING = frozenset(
    (
        "and but so or then now also ok okay please pls what what's whats about is are was would "
        "be that that's thats it it's this these those they how much many same value result "
        "answer number amount the convert converted express expressed give tell show say can "
        "could you me us in into to "
        "und oder aber also dann jetzt bitte was wie viel viele wieviel wieviele ist sind wäre "
        "wären das es dies dieses dieser wert ergebnis zahl umgerechnet rechne um sag mir gib "
        "zeig "
        "et ou mais alors donc ça cela ce c'est combien de fait font est sont serait valeur "
        "résultat la le en convertis convertir donne dis moi "
        "y o pero entonces eso esto cuánto cuánta cuántos cuántas cuanto cuantos qué es son sería "
        "valor resultado el lo convierte convertir dime dame "
        "e ma allora quindi questo quello ciò quanto quanta quanti quante è sono sarebbe valore "
        "risultato il fa converti dimmi dammi "
        "então isso isto são seria o converta diga dê"
    ).split()
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_POWERS = {"square": "²", "cubic": "³"}
_POWER = re.compile(rf"\b(square|cubic) ((?!root|number){_LETTER}{{1,24}})", re.I)
_PER = re.compile(
    rf"({_LETTER}[²³]?) per ((?:s|sec|second|min|minute|h|hr|hour|day|week|month|year|"
    r"litre|liter|millilitre|milliliter|ml|gram|kilogram|g|kg|metre|meter|m|centimetre|centimeter|"
    r"cm|kilometre|kilometer|km|mile|inch|foot|gallon)[²³]?)\b",
    re.I,
)
# pint reads `fl` as femtolitres.
_FLUID_OUNCES = re.compile(r"\bfl\.? ?oz\b|\bfluid ounces?\b", re.I)
_DEGREES = re.compile(r"([-−]?\d{1,6}(?:[.,]\d{1,6})?)\s*(?:°|degrees?)?", re.I)
_SCALE = re.compile(r"\b(celsius|fahrenheit)\b", re.I)


def conversion_in(task: Task) -> Program | None:
    """The conversion that a task asks for; None if it asks for anything else."""
    text = _POWER.sub(lambda match: f"{match[2]}{_POWERS[match[1].lower()]}", task.text.strip())
    text = _PER.sub(r"\1/\2", text)
    if len(text) > _MAX_CHARS or _CALCULATES.search(text) or _CALCULATES_ABROAD.search(text):
        return None
    target = _TARGET.search(text) or _HOW_MANY.search(text)
    if not target:
        return None
    if _NUMBER.search(text):
        quantity = _only_quantity(text)
    else:
        quantity = _given(task) if task.inputs or _only_refers(text, target) else ""
    if not quantity:
        return None
    return Program(
        operation="convert", steps=(Assignment(expression=quantity),), unit=english(target[1])
    )


def _only_refers(text: str, target: re.Match[str]) -> bool:
    """Whether a text asks for a unit and for nothing besides: not `feet in a mile?`."""
    rest = f"{text[: target.start()]} {text[target.end() :]}".lower().replace("’", "'")
    is_article = target[0].lower().startswith("a ") and english(target[1]) == target[1]
    return not is_article and _REFERRING.issuperset(_WORD.findall(rest))


def _given(task: Task) -> str:
    """The one value that the earlier steps gave, or the last answer."""
    found = [(each.value, each.task) for each in task.referred if each.value]
    if len(found) != 1:
        return ""
    value, asked = found[0][0].rpartition("≈")[2], found[0][1]
    degrees, scales = _DEGREES.fullmatch(value.strip()), set(map(str.lower, _SCALE.findall(asked)))
    if degrees and len(scales) == 1:  # "37 degrees", of a question in Celsius
        return _only_quantity(f"{degrees[1]} {scales.pop()}")
    return _only_quantity(value)


def _only_quantity(text: str) -> str:
    text = _FLUID_OUNCES.sub("floz", text)
    numbers = list(_NUMBER.finditer(text))
    if len(numbers) != 1:
        return ""
    unit = _AFTER.match(text, numbers[0].end())
    return f"{_plain(numbers[0][0])} {english(unit[1])}" if unit else ""


def _plain(number: str) -> str:
    """`8,849` is a thousand and more, `1,85` has a decimal comma."""
    if _THOUSANDS.fullmatch(number):
        return number.replace(",", "")
    return number.replace(",", ".").replace("−", "-")
