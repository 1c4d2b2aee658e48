"""Dose arithmetic of a question: found here, computed by the math expert with its units.

No model multiplies a dose. What is found is an amount by body weight with the weight, and how
strong a liquid is: `15 mg/kg`, `22 kg`, `120 mg per 5 mL`. Nothing is taken from anywhere but the
question and the documents that came with it, and whether a dose is right for anybody is not said.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from metier.errors import MetierError

TOOL = "math.evaluate"
TITLE = "dose arithmetic"

# As `math.evaluate`: its value in words.
Evaluate = Callable[..., Awaitable[str]]

_NUMBER = r"(?<!\d)(\d+(?:[.,]\d+)?)"
_MASS = r"(mg|g|mcg|[µμ]g|ug)"
_PER = r"\s*(?:/|per\b|a\b|pro\b)\s*"
_RATE = re.compile(rf"{_NUMBER}\s*{_MASS}{_PER}(kg|lb)\b(?:{_PER}(day|d|dose|hour|h)\b)?", re.I)
_WEIGHT = re.compile(rf"(?<![/\w.,]){_NUMBER}[\s-]*(kg|kilograms?|kilos?|lbs?|pounds?)\b", re.I)
_STRENGTH = re.compile(
    rf"{_NUMBER}\s*{_MASS}{_PER}(?:{_NUMBER}\s*)?(mL|millilit(?:er|re)s?)\b", re.I
)
_PARTS = re.compile(
    r"\b(?:in(?:to)?|as)\s+(\d{1,6}|two|three|four|six)\s+(?:equal\s+|divided\s+|single\s+)?doses\b",
    re.I,
)
_WORDS = {"two": 2, "three": 3, "four": 4, "six": 6}
_PERIODS = {"day": "day", "d": "day", "hour": "hour", "h": "hour"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dosing:
    """What is to be computed.

    Attributes:
        rate: an amount by weight, such as `15 mg/kg`.
        period: `day` or `hour` where the rate is for one.
        parts: doses in which the amount of a period is given.
        strength: of a liquid, such as `120 mg/(5 mL)`; empty where none is named.
    """

    rate: str
    weight: str
    mass: str
    period: str = ""
    parts: int = 1
    strength: str = ""

    async def lines(self, evaluate: Evaluate) -> list[str]:
        """Each step with its value.

        Raises:
            MetierError: it cannot be computed.
        """
        amount = f"{self.rate} * {self.weight}"
        value = await evaluate(expression=amount, unit=self.mass)
        equals = "" if value.startswith("≈") else "= "
        per = f" per {self.period}" if self.period else ""
        lines = [f"{_shown(amount)} {equals}{value}{per}"]
        if self.parts > 1:
            amount = f"{amount} / {self.parts}"
            value = await evaluate(expression=amount, unit=self.mass)
            lines.append(f"in {self.parts} doses: {value} each")
        if self.strength:
            volume = await evaluate(expression=f"({amount}) / ({self.strength})", unit="mL")
            lines.append(f"at {_shown(self.strength)}: {volume}")
        return lines


def dosing_in(question: str, *more: str) -> Dosing | None:
    """The one dose by weight that can be computed; None where there is none, or more than one.

    Args:
        more: texts in which the amount by weight is looked for where the question names none.
    """
    weights = {_quantity(*found.groups()) for found in _WEIGHT.finditer(question)}
    rates = next((rates for text in (question, *more) if (rates := _rates(text))), set())
    if len(weights) != 1 or len(rates) != 1:
        return None
    ((rate, mass, period),) = rates
    strengths = {_strength(found) for found in _STRENGTH.finditer(question)}
    parts = _PARTS.search(question)
    return Dosing(
        rate=rate,
        weight=weights.pop(),
        mass=mass,
        period=_PERIODS.get(period.lower(), ""),
        parts=int(_WORDS.get(parts[1].lower(), 0) or parts[1]) if parts else 1,
        strength=strengths.pop() if len(strengths) == 1 else "",
    )


async def computed(dosing: Dosing, evaluate: Evaluate) -> str:
    """The arithmetic as a note; empty where it cannot be computed."""
    try:
        lines = await dosing.lines(evaluate)
    except MetierError:
        return ""
    listed = "\n".join(f"- {line}" for line in lines)
    return f"{TITLE.capitalize()} (computed; whether the dose is right is not checked):\n{listed}"


def _rates(text: str) -> set[tuple[str, str, str]]:
    found = set()
    for number, mass, weight, period in (match.groups() for match in _RATE.finditer(text)):
        unit = _unit(mass)
        found.add((f"{_plain(number)} {unit}/{_unit(weight)}", unit, period or ""))
    return found


def _strength(found: re.Match[str]) -> str:
    amount, mass, volume, _ = found.groups()
    return f"{_plain(amount)} {_unit(mass)}/({_plain(volume or '1')} mL)"


def _shown(expression: str) -> str:
    return expression.replace("*", "×").replace("(", "").replace(")", "")


def _quantity(number: str, unit: str) -> str:
    return f"{_plain(number)} {_unit(unit)}"


def _plain(number: str) -> str:
    return number.replace(",", ".")


def _unit(written: str) -> str:
    unit = written.lower().replace("μ", "µ")
    if unit in ("µg", "ug"):
        return "mcg"
    if unit.startswith("k"):
        return "kg"
    return "lb" if unit.startswith(("lb", "pound")) else unit
