"""Units of measurement as far as answers need them: names, factors, what converts into what.

A table, not pint: right and wrong need some hundred names, and no import of a third of a second.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement.

    Attributes:
        name: as answers show it.
        factor: how many of its dimension's base units it is.
        dimension: base quantities with their exponents, sorted; empty for a share such as `%`.
    """

    name: str
    factor: Fraction
    dimension: Dimension


PERCENT = Unit("%", Fraction(1, 100), ())

_PREFIXES = {
    "n nano": Fraction(1, 10**9),
    "µ micro u mc": Fraction(1, 10**6),
    "m milli": Fraction(1, 1000),
    "c centi": Fraction(1, 100),
    "d deci": Fraction(1, 10),
    "k kilo": Fraction(1000),
}
# Of each: dimension, exponent, factor, symbol, names. A litre is a thousandth of a cubic metre.
_PREFIXED = (
    ("mass", 1, Fraction(1), "g", "gram grams gramme grammes"),
    ("length", 1, Fraction(1), "m", "metre metres meter meters"),
    ("length", 3, Fraction(1, 1000), "L", "litre litres liter liters"),
    ("time", 1, Fraction(1), "s", "second seconds"),
)
# "in", "pt" and "pounds" are left out: they are more often a word, or money.
_OTHERS = """
mass 1000000 t tonne tonnes
mass 453.59237 lb lbs
mass 28.349523125 oz ounce ounces
mass 1000 kilo kilos
length 0.0254 inch inches
length 0.3048 ft foot feet
length 0.9144 yd yard yards
length 1609.344 mi mile miles
time 1 sec secs
time 60 min mins minute minutes
time 3600 h hr hrs hour hours
time 86400 day days
time 604800 week weeks
months 1 month months
months 12 year years
celsius 1 °C celsius C °_C degrees_celsius degree_celsius degrees_C
fahrenheit 1 °F fahrenheit F °_F degrees_fahrenheit degree_fahrenheit degrees_F
kelvin 1 K kelvin
angle 1 ° degree degrees
usd 1 $ USD dollar dollars
eur 1 € EUR euro euros
gbp 1 £ GBP
jpy 1 ¥ JPY yen
inr 1 ₹ INR rupee rupees
"""
_COMPOUND = (("mph", "mi/h"), ("kph", "km/h"), ("kmh", "km/h"), ("cc", "cm^3"))
_EXPONENTS = {"1": 1, "square": 2, "sq": 2, "cubic": 3, "cu": 3, "2": 2, "3": 3}


def _named() -> Iterator[tuple[str, Unit]]:
    """Every name with its unit."""
    for word in ("%", "percent", "per cent"):
        yield word, PERCENT
    for dimension, exponent, factor, symbol, names in _PREFIXED:
        base = Unit(symbol, factor, ((dimension, exponent),))
        yield from ((name, base) for name in (symbol, *names.split()))
        for prefixes, scale in _PREFIXES.items():
            short, long, *others = prefixes.split()
            unit = Unit(short + symbol, factor * scale, base.dimension)
            yield from ((each + symbol, unit) for each in (short, *others))
            yield from ((long + name, unit) for name in names.split())
    for line in _OTHERS.strip().splitlines():
        dimension, factor, name, *names = line.split()
        names = [each.replace("_", " ") for each in names]
        unit = Unit(name, Fraction(factor), ((dimension, 1),))
        yield from ((each, unit) for each in (name, *names))


# A letter alone means what it is; longer names come in any case ("ML", "Grams").
_BY_NAME = {name if len(name) == 1 else name.casefold(): unit for name, unit in _named()}
_BY_NAME["l"] = _BY_NAME["L"]
_LETTERS = "|".join(re.escape(name) for name in _BY_NAME if len(name) == 1)
_WORDS = "|".join(
    re.escape(name) for name in sorted((n for n in _BY_NAME if len(n) > 1), key=len, reverse=True)
)
_ONE = re.compile(
    rf"(?:(?P<power>(?i:square|sq|cubic|cu))\.?\s+)?(?P<name>(?i:{_WORDS})|{_LETTERS})"
    r"(?:\^?(?P<exponent>[23]))?(?![^\W])"
)
_PER = re.compile(r"(?<!\s)\s*+(?:/|per\b)\s*+", re.IGNORECASE)
_SHORTHAND = re.compile("|".join(name for name, _ in _COMPOUND) + r"\b", re.IGNORECASE)


def unit_at(text: str, start: int = 0) -> tuple[Unit, int] | None:
    """The unit that a text goes on with at a place, and where it ends."""
    if shorthand := _SHORTHAND.match(text, start):
        meant = dict(_COMPOUND)[shorthand[0].lower()]
        return _compound(meant), shorthand.end()
    first = _ONE.match(text, start)
    if first is None:
        return None
    parts, end = [(_of(first), 1)], first.end()
    while (per := _PER.match(text, end)) and (below := _ONE.match(text, per.end())):
        parts.append((_of(below), -1))
        end = below.end()
    return _product(parts), end


@cache
def unit_named(name: str) -> Unit | None:
    """The unit of a name, such as `mg/kg`; a name that nobody knows is a unit of its own.

    None for the empty name.
    """
    name = name.strip()
    if not name:
        return None
    found = unit_at(name)
    if found is not None and found[1] == len(name):
        return found[0]
    return Unit(name, Fraction(1), ((f"'{name.casefold()}'", 1),))


def _compound(name: str) -> Unit:
    found = unit_at(name)
    assert found is not None  # of the table above
    return found[0]


def _of(match: re.Match[str]) -> Unit:
    name = match["name"]
    unit = _BY_NAME[name if len(name) == 1 else name.casefold()]
    power = _EXPONENTS[(match["power"] or match["exponent"] or "").lower() or "1"]
    return unit if power == 1 else _product([(unit, power)])


def _product(parts: list[tuple[Unit, int]]) -> Unit:
    """The product of units with their exponents."""
    if len(parts) == 1 and parts[0][1] == 1:
        return parts[0][0]
    dimension: Counter[str] = Counter()
    factor = Fraction(1)
    for unit, power in parts:
        factor *= unit.factor**power
        for base, exponent in unit.dimension:
            dimension[base] += exponent * power
    kept = tuple(sorted((base, exponent) for base, exponent in dimension.items() if exponent))
    return Unit(_shown(parts), factor, kept)


def _shown(parts: list[tuple[Unit, int]]) -> str:
    above = "".join(f"{u.name}^{p}" if p > 1 else u.name for u, p in parts if p > 0)
    return above + "".join(f"/{unit.name}" for unit, power in parts if power < 0)
