"""Conversion between units, and results that have units."""

from __future__ import annotations

import re
from typing import Any

from sympy import Expr, Rational

from metier.errors import InvalidInput
from metier_math.dimensions import check_dimensions
from metier_math.expressions import NO_NAMES, Names, read_number
from metier_math.notation import NUMBER
from metier_math.program import Computed
from metier_math.quantities import (
    Quantity,
    amount_of,
    as_difference,
    described,
    measured,
    registry,
    unit_symbol,
    unit_text,
)
from metier_math.rendering import approximated, rendered
from metier_math.values import as_number

# pint's pi, in degrees for one, is a decimal number: a long fraction is none that is exact.
_MAX_DENOMINATOR = 10**15
_AMOUNT = re.compile(
    rf"(?P<amount>(?:{NUMBER}|[^\w°%.])++)(?P<unit>(?:[^\W\d_]|[°%]).*)", re.DOTALL
)
_HAS_UNIT = re.compile(r"\d\s*(?:[^\W\d_]|[°%])")
_TEMPERATURES = {
    "c": "degC",
    "celsius": "degC",
    "degc": "degC",
    "f": "degF",
    "fahrenheit": "degF",
    "degf": "degF",
    "k": "kelvin",
    "kelvin": "kelvin",
}
_DELTA = re.compile(r"Δ|\bdelta_?")
_DIFFERENCES = {"degree_Celsius": "delta_degC", "degree_Fahrenheit": "delta_degF"}
# Between a substance and its mass, and between a volume and its mass.
_FACTORS = ("molar_mass", "density", "concentration")
_FACTOR_UNITS = {
    "g/mol": "a molar mass, such as 180.16 g/mol",
    "kg/L": "a density or concentration, such as 50 mg/mL",
}
# What makes a text after a number more than a unit.
_CALCULATES = re.compile(r"[+,]|(?<![\^*])-|(?<![\w^-])(?<!\*\*)\d|\*\*.*\*\*")
_SI = ("N", "J", "W", "Pa", "V", "ohm")


def mentions_unit(text: str) -> bool:
    """Whether a name follows a number, as in `5 mg`; `3 * h` has a name without a value."""
    return bool(_HAS_UNIT.search(text))


def convert(quantity: str, target: str, *, names: Names = NO_NAMES) -> Computed:
    """A quantity in another unit: `5 km` in `miles`.

    An earlier step called molar_mass, density or concentration may stand between the two:
    mmol become mg by a molar mass.

    Raises:
        InvalidInput: a unit is unknown, or the two measure different things.
    """
    if not target.strip():
        raise InvalidInput("the unit to convert to is missing")
    source = _quantity(quantity, target, names)
    return _in_unit(source, _unit(_degrees(target, quantity)), target.strip(), names)


def evaluated_units(value: Expr, text: str, *, names: Names = NO_NAMES) -> Expr:
    """A value with units whose text was checked; `25 °C - 20 °C` is a difference of 5 degrees.

    Raises:
        InvalidInput: the text adds or compares what cannot be.
    """
    found = check_dimensions(text, names=names)
    return as_difference(value) if found.is_difference else value


def in_units(value: Expr, unit: str = "") -> Computed:
    """A value that has unit symbols, in a unit or in the simplest one.

    Raises:
        InvalidInput: it adds different dimensions, or the unit is one of another dimension.
    """
    quantity = measured(value)
    counts = quantity.dimensionless and "tablet" in unit  # 1.2 g / 400 mg are 3 of them
    if unit and not counts and (wanted := _known_unit(unit)):
        return _in_unit(quantity, wanted, unit.strip())
    simplest = _named(quantity.to_reduced_units())
    return _rendered(simplest, unit.strip() if counts else unit_text(simplest))


def _quantity(text: str, target: str, names: Names) -> Quantity:
    """`0 °C` is read as a number and a unit: their product would be 0, without a unit."""
    match = _AMOUNT.fullmatch(text)
    if match and not _CALCULATES.search(match["unit"]) and not _mentions(names, text):
        amount = read_number(match["amount"])
        return amount_of(amount, _unit(_degrees(match["unit"], target)))
    value = read_number(text, names=names, unit=unit_symbol)
    return measured(evaluated_units(value, text, names=names))


def _mentions(names: Names, text: str) -> bool:
    return not names.keys().isdisjoint(re.findall(r"\w+", text))


def _unit(text: str) -> Any:  # noqa: ANN401  # see Quantity
    quantity = measured(read_number(text, unit=unit_symbol))
    if quantity.magnitude != 1:
        raise InvalidInput(f"{text!r} is not a unit")
    return quantity.units


def _known_unit(text: str) -> Any:  # noqa: ANN401  # see Quantity
    """The unit, or None for a label such as `apples`."""
    try:
        return _unit(text)
    except InvalidInput:
        return None


def _in_unit(quantity: Quantity, unit: Any, label: str, names: Names = NO_NAMES) -> Computed:  # noqa: ANN401  # see Quantity
    wanted = _like(quantity, unit)
    for candidate in (quantity, *_through_factors(quantity, names)):
        if candidate.dimensionality == wanted.dimensionality:
            return _rendered(candidate.to(wanted), label)
    target = registry().Quantity(1, wanted)
    raise InvalidInput(
        f"{described(quantity)} cannot be converted to {described(target, label)}",
        hint=_missing_factor(quantity, target),
    )


def _like(quantity: Quantity, unit: Any) -> Any:  # noqa: ANN401  # see Quantity
    """A scale such as °F as degrees of difference, where a difference is converted."""
    if not any(name.startswith("delta_") for name, _ in quantity.unit_items()):
        return unit
    return registry().Unit(_DIFFERENCES.get(str(unit), unit))


def _through_factors(quantity: Quantity, names: Names) -> list[Quantity]:
    factors = [measured(as_number(names[name])) for name in _FACTORS if name in names]
    if not quantity._is_multiplicative:  # a temperature  # noqa: SLF001  # pint names it no other way
        return []
    return [other for factor in factors for other in (quantity * factor, quantity / factor)]


def _missing_factor(quantity: Quantity, target: Quantity) -> str:
    source, wanted = quantity.dimensionality, target.dimensionality
    ratios = [wanted / source, source / wanted]
    for unit, example in _FACTOR_UNITS.items():
        if registry().Quantity(1, unit).dimensionality in ratios:
            return f"Multiply or divide by {example}."
    return ""


def _named(quantity: Quantity) -> Quantity:
    """`N` for `kg*m/s^2`, where that is only another name."""
    if len(dict(quantity.unit_items())) < 2:
        return quantity
    for unit in _SI:
        if quantity.dimensionality == registry().Quantity(1, unit).dimensionality:
            renamed = quantity.to(unit)
            return renamed if renamed.magnitude == quantity.magnitude else quantity
    return quantity


def _degrees(unit: str, other: str) -> str:
    """A temperature for `C` and `F`, which alone are coulomb and farad."""
    scale = _scale(unit)
    return scale if scale and _scale(_DELTA.sub("", other)) else unit


def _scale(text: str) -> str | None:
    words = text.lower().replace("°", " ").split()
    return _TEMPERATURES.get(words[-1]) if words and not _DELTA.search(text) else None


def _rendered(quantity: Quantity, unit: str) -> Computed:
    value = Rational(quantity.magnitude)
    number = rendered(value)
    # Factors of units make fractions such as 78125/25146, which say nothing to people.
    shown = f"≈ {approximated(value)}" if "≈" in number.text else number.text
    is_exact = value.q < _MAX_DENOMINATOR
    return Computed(
        text=f"{shown} {unit}".strip(),
        exact=f"{number.exact} {unit}".strip() if is_exact else "",
        approx=f"{number.approx} {unit}".strip(),
    )
