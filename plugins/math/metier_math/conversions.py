"""A question that only asks for another unit: read here, and computed without a model.

`12.5 kg in pounds?`, `101.3 °F. What is that in Celsius?`, and, of what an earlier step gave, `how
many days is that?`. There has to be one number and nothing that calculates with it.
"""

from __future__ import annotations

import re

from metier.experts.expert import Task
from metier_math.program import Assignment, Program

_MAX_CHARS = 300
_UNIT = r"(?:degrees? )?([a-zµμ°][a-z°²³/]{0,24})"
_TARGET = re.compile(rf"\b(?:in|into|to|en) {_UNIT}\s*[?.!]*$", re.I)
_HOW_MANY = re.compile(
    rf"\b(?:how many|wie viele|combien de|cuánt[oa]s) {_UNIT}"
    r" (?:(?:is|are|would|sind|ist)\b|(?:be|that|it|this|das|there|in|are)\b)",
    re.I,
)
_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d{1,15}(?:[.,]\d{1,15})*")
_AFTER = re.compile(r"\s?(?:degrees? )?([a-zµμ°%][a-z°²³/^]{0,24}\d?)", re.I)
_THOUSANDS = re.compile(r"[-−]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
# Words of a calculation with the number, and of several things.
_CALCULATES = re.compile(
    r"[%+*×÷^=]|\b(?:percent|per|each|every|average|mean|median|times|plus|minus|half|twice|double|"
    r"third|quarter|total|sum|left|difference|more|less|than|if|between|from|root|squared?|cubed|"
    r"divided|multipl\w+|ratio|area|volume|long|after|before|until|since|ago|older|younger|one|two|"
    r"three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|billion|function)\b",
    re.I,
)
_DEGREES = re.compile(r"([-−]?\d{1,6}(?:[.,]\d{1,6})?)\s*(?:°|degrees?)?", re.I)
_SCALE = re.compile(r"\b(celsius|fahrenheit)\b", re.I)
# Common names that pint knows by another one, or as something else.
_NAMES = {"stunden": "hours", "tage": "days", "wochen": "weeks", "fuß": "feet", "pfund": "pounds"}


def conversion_in(task: Task) -> Program | None:
    """The conversion that a task asks for; None if it asks for anything else."""
    text = task.text.strip()
    if len(text) > _MAX_CHARS or _CALCULATES.search(text):
        return None
    target = _TARGET.search(text) or _HOW_MANY.search(text)
    quantity = target and (_only_quantity(text) if _NUMBER.search(text) else _given(task))
    if not target or not quantity:
        return None
    return Program(
        operation="convert", steps=(Assignment(expression=quantity),), unit=_name(target[1])
    )


def _given(task: Task) -> str:
    """The one value that the earlier steps gave."""
    found = [(value, each.task) for each in task.inputs for value in each.values.values()]
    if len(found) != 1:
        return ""
    value, asked = found[0][0].rpartition("≈")[2], found[0][1]
    degrees, scales = _DEGREES.fullmatch(value.strip()), set(map(str.lower, _SCALE.findall(asked)))
    if degrees and len(scales) == 1:  # "37 degrees", of a question in Celsius
        return _only_quantity(f"{degrees[1]} {scales.pop()}")
    return _only_quantity(value)


def _only_quantity(text: str) -> str:
    numbers = list(_NUMBER.finditer(text))
    if len(numbers) != 1:
        return ""
    unit = _AFTER.match(text, numbers[0].end())
    return f"{_plain(numbers[0][0])} {_name(unit[1])}" if unit else ""


def _plain(number: str) -> str:
    """`8,849` is a thousand and more, `1,85` has a decimal comma."""
    if _THOUSANDS.fullmatch(number):
        return number.replace(",", "")
    return number.replace(",", ".").replace("−", "-")


def _name(unit: str) -> str:
    return _NAMES.get(unit.lower(), unit)
