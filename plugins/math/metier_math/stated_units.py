"""A program's numbers with the units that the question gives them: is its result off by a thousand?

Small models write `21 * 10/1000` for 10 mg/kg and 21 kg and call it mg. With the units of the
question, and without the factor, it is 210 mg: the units say what was meant.
"""

from __future__ import annotations

import re

from metier_math.program import Computed, Program

_SIZE = (
    r"(?:n|µ|μ|m|c|d|k|mc)?(?:g|l|m)|lb|oz|(?:milli|kilo|micro)?(?:gram|litre|liter|metre|meter)"
)
_UNIT = rf"(?:{_SIZE})s?(?:\s?(?:/|per\b)\s?(?:{_SIZE}))?"
_IS_UNIT = re.compile(_UNIT, re.I)
_NUMBER = r"\d{1,12}(?:\.\d{1,12})?"
_STATED = re.compile(rf"(?<![\w.,/])({_NUMBER})\s?({_UNIT})(?![\w/²³^])", re.I)
_NUMERAL = re.compile(rf"(?<![\w.,])({_NUMBER})(?![\w.])")
_FACTORS = frozenset((1000.0, 0.001, 1_000_000.0, 0.000001))
_OFF = (1000.0, 1_000_000.0)
_ROUNDING = 1e-9


def with_stated_units(program: Program, text: str) -> Program | None:
    """The program with the masses, volumes and lengths of a text, and without factors of units.

    None if the text gives no such unit to a number of the program.
    """
    stated = _stated(text)
    if program.operation != "evaluate" or not stated:
        return None
    asked = {float(number) for number in _NUMERAL.findall(text)}

    def united(found: re.Match[str]) -> str:
        value = float(found[1])
        if value in stated:
            return f"({found[1]} {stated[value]})"
        return "1" if value in _FACTORS and value not in asked else found[1]

    steps = tuple(
        step.model_copy(update={"expression": _NUMERAL.sub(united, step.term)})
        for step in program.steps
    )
    if [step.expression for step in steps] == [step.term for step in program.steps]:
        return None
    unit = program.unit.strip()
    return program.model_copy(
        update={"steps": steps, "unit": unit if _IS_UNIT.fullmatch(unit) else ""}
    )


def is_off_by_thousands(result: Computed, united: Computed, unit: str) -> bool:
    """Whether two results differ by a factor between units such as mg and g, and by no other.

    Args:
        unit: of both; without one, the result with units has to be a plain number.
    """
    numbers = [_NUMERAL.search(each.approx) for each in (result, united)]
    first, second = (float(found[1]) if found else 0.0 for found in numbers)
    if not first or not second or not (unit or _NUMERAL.fullmatch(united.approx)):
        return False
    ratio = first / second
    return any(
        abs(ratio / wanted - 1) < _ROUNDING for factor in _OFF for wanted in (factor, 1 / factor)
    )


def _stated(text: str) -> dict[float, str]:
    """The units of a text's numbers; not those of a number that has two."""
    found: dict[float, set[str]] = {}
    for number, unit in _STATED.findall(text):
        found.setdefault(float(number), set()).add(re.sub(r"\s?per\s?", "/", unit.lower()))
    return {value: units.pop() for value, units in found.items() if len(units) == 1}
