"""Does a program use the number that the step before found?

A small model is told "answer = 452.02" and computes the number again in its function, wrongly. So a
program in which the number does not stand is written once more, with a line that says to use it.
"""

from __future__ import annotations

import re

from metier import Task

_NUMBER = re.compile(r"(?<![\w.])\d{1,15}(?:\.\d{1,15})?")
_NUMERAL = re.compile(r"(?<![\w.])\d{1,15}(?:_\d{3})*(?:\.\d{1,15})?")
# A function for any value is not about the one that was found.
_FOR_ANY = re.compile(
    r"\b(?:any|every|each|all|other|another|given|general\w*|arbitrary|same|beliebige\w*|jede\w*|"
    r"tout\w*|n['’]importe|autres?|cualquier\w*|otr[oa]s?|qualsiasi|altr[oi]|qualquer|outr[oa]s?)\b",
    re.IGNORECASE,
)
# Numbers that agree so well are the same one, rounded.
_ALIKE = 0.005


def unused_number(task: Task, code: str) -> str:
    """The one number that the earlier steps gave, if a program does not state it; else `""`."""
    found = [number for each in task.inputs for number in map(_number, each.values.values())]
    if len(found) != 1 or not found[0] or _FOR_ANY.search(task.text):
        return ""
    value = float(found[0])
    stated = [float(numeral.replace("_", "")) for numeral in _NUMERAL.findall(code)]
    is_used = any(abs(each - value) <= _ALIKE * max(abs(value), 1e-9) for each in stated)
    return "" if is_used else found[0]


def reminder(number: str) -> str:
    """What is added to the request if a program does not use the number."""
    return f"Use the number {number} in the code as it stands. Do not compute it again."


def _number(value: str) -> str:
    """`143883*pi/1000 ≈ 452.0218 ml` is 452.0218; a product of several numbers is none."""
    shown = value.rpartition("≈")[2].replace(",", "")
    found = [] if "*" in shown else _NUMBER.findall(shown)
    return str(found[0]) if len(found) == 1 else ""
