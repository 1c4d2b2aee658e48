"""Quantities with units: conversion and the check of dimensions, through pint.

pint gets single names of units only. Its own parser evaluates powers, so the arithmetic around
the names is read by `expressions`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cache, reduce
from operator import add, mul
from typing import Any

import pint
import sympy
from sympy import Add, Expr, Mul, Pow, Rational, Symbol

from metier.errors import InvalidInput
from metier_math.expressions import NO_NAMES, read_number
from metier_math.functions import Value
from metier_math.notation import NUMBER
from metier_math.program import Computed
from metier_math.rendering import approximated, rendered

# pint types the magnitude of a quantity by hand-written generics that fit no checker.
Quantity = Any

# pint's pi, in degrees for one, is a decimal number: a long fraction is none that is exact.
_MAX_DENOMINATOR = 10**15
_AMOUNT = re.compile(rf"\s*(?P<amount>(?:{NUMBER}|[^A-Za-zµμ°%])+?)\s*(?P<unit>[A-Za-zµμ°%].*)")
_HAS_UNIT = re.compile(r"\d\s*[A-Za-zµμ°%]")
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
_DIMENSIONS = {
    "": "a plain number",
    "[length]": "a length",
    "[length]^2": "an area",
    "[length]^3": "a volume",
    "[mass]": "a mass",
    "[time]": "a time",
    "[length]/[time]": "a speed",
    "[temperature]": "a temperature",
    "[mass]/[length]^3": "a concentration",
}


def mentions_unit(text: str) -> bool:
    """Whether a name follows a number, as in `5 mg`; `3 * h` has a name without a value."""
    return bool(_HAS_UNIT.search(text))


def unit_symbol(name: str) -> Symbol:
    """The symbol of a unit. It is positive, so that roots of areas are lengths.

    Raises:
        InvalidInput: no unit has this name.
    """
    for spelled in (name, name.lower()):
        if _registry().parse_unit_name(spelled):
            return Symbol(spelled, positive=True)
    raise InvalidInput(f"{name!r} has no value and is no unit")


def convert(quantity: str, target: str, *, names: Mapping[str, Value] = NO_NAMES) -> Computed:
    """A quantity in another unit: `5 km` in `miles`.

    Raises:
        InvalidInput: a unit is unknown, or the two measure different things.
    """
    if not target.strip():
        raise InvalidInput("the unit to convert to is missing")
    source = _quantity(quantity, target, names)
    return _in_unit(source, _unit(_degrees(target, quantity)), target.strip())


def in_units(value: Expr, unit: str = "") -> Computed:
    """A value that has unit symbols, in a unit or in the simplest one.

    Raises:
        InvalidInput: it adds different dimensions, or the unit is one of another dimension.
    """
    quantity = measured(value)
    if unit and (wanted := _known_unit(unit)):
        return _in_unit(quantity, wanted, unit.strip())
    simplest = quantity.to_reduced_units()
    return _rendered(simplest, _unit_text(simplest))


def measured(value: Expr) -> Quantity:
    """The quantity that an expression with unit symbols stands for.

    Raises:
        InvalidInput: it adds different dimensions, or does with units what nobody can.
    """
    try:
        return _measured(value)
    except (pint.PintError, pint.OffsetUnitCalculusError) as exc:
        raise InvalidInput(f"the units do not fit: {exc}") from exc


def _measured(value: Expr) -> Quantity:
    match value:
        case Symbol():
            return _registry().Quantity(Fraction(1), value.name)
        case Mul(args=(amount, Symbol() as unit)) if amount.is_number:
            # In one go, which degrees need: pint multiplies no temperatures.
            return _registry().Quantity(_fraction(amount), unit.name)
        case Add():
            return reduce(_sum, map(_measured, value.args))
        case Mul():
            return reduce(mul, map(_measured, value.args))
        case Pow(base=base, exp=Rational() as exponent):
            return _measured(base) ** Fraction(exponent.p, exponent.q)
        case _ if value.is_number:
            return _registry().Quantity(_fraction(value))
        case _:
            raise InvalidInput(f"{value} cannot be calculated with units in it")


def _sum(left: Quantity, right: Quantity) -> Quantity:
    if left.dimensionality != right.dimensionality:
        raise InvalidInput(
            f"{_described(left)} and {_described(right)} cannot be added or subtracted"
        )
    return add(left, right)


def _quantity(text: str, target: str, names: Mapping[str, Value]) -> Quantity:
    """`0 °C` is read as a number and a unit: their product would be 0, without a unit."""
    if (match := _AMOUNT.fullmatch(text)) and not set(re.findall(r"\w+", text)) & set(names):
        amount = read_number(match["amount"])
        unit = _unit(_degrees(match["unit"], target))
        return _registry().Quantity(_fraction(amount), unit)
    return measured(read_number(text, names=names, unit=unit_symbol))


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


def _in_unit(quantity: Quantity, unit: Any, label: str) -> Computed:  # noqa: ANN401  # see Quantity
    try:
        return _rendered(quantity.to(unit), label)
    except pint.DimensionalityError as exc:
        wanted = _described(_registry().Quantity(1, unit), label)
        raise InvalidInput(f"{_described(quantity)} cannot be converted to {wanted}") from exc


def _degrees(unit: str, other: str) -> str:
    """A temperature for `C` and `F`, which alone are coulomb and farad."""
    scale, others = (_scale(text) for text in (unit, other))
    return scale if scale and others else unit


def _scale(text: str) -> str | None:
    words = text.lower().replace("°", " ").split()
    return _TEMPERATURES.get(words[-1]) if words else None


def _fraction(value: Expr) -> Fraction:
    if not value.is_real:
        raise InvalidInput(f"{value} is not an amount")
    number = value if isinstance(value, Rational) else Rational(str(sympy.N(value, 30)))
    return Fraction(number.p, number.q)


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


def _described(quantity: Quantity, label: str = "") -> str:
    """`mg (a mass)`."""
    dimension = _powers(dict(quantity.dimensionality))
    unit = label or _unit_text(quantity) or "a number"
    return f"{unit} ({_DIMENSIONS.get(dimension, dimension)})"


def _unit_text(quantity: Quantity) -> str:
    return _powers({_symbol(name): power for name, power in quantity.unit_items()})


def _symbol(name: str) -> str:
    """`mL` where pint says `ml`: a small l looks like a one."""
    symbol: str = _registry().get_symbol(name)
    return f"{symbol[:-1]}L" if name.endswith("liter") else symbol


def _powers(powers: Mapping[str, Any]) -> str:
    """`kg*m/s^2`. pint's own formatting fails on the fractions that we count with."""
    above = [_power(name, power) for name, power in powers.items() if power > 0]
    below = [_power(name, -power) for name, power in powers.items() if power < 0]
    return "/".join(["*".join(above) or "1", *below]) if above or below else ""


def _power(name: str, power: Any) -> str:  # noqa: ANN401  # see Quantity
    return name if power == 1 else f"{name}^{power}"


@cache
def _registry() -> Any:  # noqa: ANN401  # see Quantity
    """One registry a process: making it takes a tenth of a second. It counts in fractions."""
    return pint.UnitRegistry(non_int_type=Fraction)
