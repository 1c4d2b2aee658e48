"""Numbers with units, through pint, and what they measure.

pint gets single names of units only. Its own parser evaluates powers, so the arithmetic around
the names is read by `expressions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache, reduce
from operator import mul
from typing import Any

import pint
import sympy
from sympy import Add, Expr, Mul, Pow, Rational, Symbol

from metier.errors import InvalidInput
from metier_math.expressions import read_number

# pint types the magnitude of a quantity by hand-written generics that fit no checker.
Quantity = Any
Dimension = Any

# Counted things of medicine, each a dimension of its own; `units` would be micro-nits else.
_OWN_UNITS = (
    "international_unit = [international_unit] = IU = unit",
    "drop = [drop] = gtt",
    "tablet = [tablet]",
    "capsule = [capsule]",
    "ampoule = [ampoule]",
    "vial = [vial]",
    "puff = [puff]",
)
_NAMED = {
    "m": "a length",
    "m^2": "an area",
    "m^3": "a volume",
    "kg": "a mass",
    "s": "a time",
    "m/s": "a speed",
    "m/s^2": "an acceleration",
    "kelvin": "a temperature",
    "kg/m^3": "a concentration or density",
    "mol": "an amount of substance",
    "mol/m^3": "a molar concentration",
    "kg/mol": "a molar mass",
    "m^3/s": "a flow",
    "kg/s": "a rate of mass",
    "Hz": "a frequency",
    "N": "a force",
    "J": "an energy",
    "W": "a power",
    "Pa": "a pressure",
    "A": "a current",
    "C": "a charge",
    "V": "a voltage",
    "ohm": "a resistance",
    "IU": "international units",
    "gtt": "drops",
}
_DIFFERENCES = {
    "degC": "delta_degC",
    "degF": "delta_degF",
    "celsius": "delta_degC",
    "fahrenheit": "delta_degF",
}
MIXED_TEMPERATURES = (
    "temperatures cannot be added or multiplied; a difference of 5 degrees is 5 Δ°C"
)


def unit_symbol(name: str) -> Symbol:
    """The symbol of a unit. It is positive, so that roots of areas are lengths.

    Raises:
        InvalidInput: no unit has this name.
    """
    for spelled in (name, name.lower()):
        if registry().parse_unit_name(spelled):
            return Symbol(spelled, positive=True)
    raise InvalidInput(f"{name!r} has no value and is no unit")


def measured(value: Expr) -> Quantity:
    """The quantity that an expression with unit symbols stands for.

    Raises:
        InvalidInput: it adds different dimensions, or does with units what nobody can.
    """
    try:
        return _measured(value)
    except pint.OffsetUnitCalculusError as exc:
        raise InvalidInput(MIXED_TEMPERATURES) from exc
    except pint.PintError as exc:
        raise InvalidInput(f"the units do not fit: {exc}") from exc


def amount_of(value: Expr, unit: str) -> Quantity:
    """So much of a unit, in one go, which degrees need: pint multiplies no temperatures."""
    return registry().Quantity(as_fraction(value), unit)


def as_fraction(value: Expr) -> Fraction:
    """A real number as pint counts with it here.

    Raises:
        InvalidInput: it is no amount.
    """
    if not value.is_real:
        raise InvalidInput(f"{value} is not an amount")
    number = value if isinstance(value, Rational) else Rational(str(sympy.N(value, 30)))
    return Fraction(number.p, number.q)


def is_scale(name: str) -> bool:
    """Whether a unit is a temperature scale whose zero is not nothing."""
    return name in _DIFFERENCES


def as_difference(value: Expr) -> Expr:
    """The same with differences of temperature in place of temperatures: `5 Δ°C`."""
    scales = {s: Symbol(_DIFFERENCES[s.name], positive=True) for s in _scales(value)}
    return value.subs(scales)


def dimension(value: Expr) -> Dimension:
    """What an expression with unit symbols measures, as pint's powers of base dimensions."""
    return measured(value).dimensionality


def what_it_measures(dimensions: Dimension) -> str:
    """`a mass`; powers of base dimensions where they have no name."""
    named = _names().get(dimensions)
    return named or powers(dict(sorted(dimensions.items())))


def described(quantity: Quantity, label: str = "") -> str:
    """`mg (a mass)`, in the words of the label where there is one."""
    unit = label or unit_text(quantity) or "a number"
    return f"{unit} ({what_it_measures(quantity.dimensionality)})"


def unit_text(quantity: Quantity) -> str:
    """`kg*m/s^2`."""
    return powers({_symbol(name): power for name, power in quantity.unit_items()})


def powers(named: Mapping[str, Any]) -> str:
    """`kg*m/s^2`. pint's own formatting fails on the fractions that we count with."""
    above = [_power(name, power) for name, power in named.items() if power > 0]
    below = [_power(name, -power) for name, power in named.items() if power < 0]
    return "/".join(["*".join(above) or "1", *below]) if above or below else ""


@cache
def registry() -> Any:  # noqa: ANN401  # see Quantity
    """One registry a process: making it takes a tenth of a second. It counts in fractions."""
    made = pint.UnitRegistry(non_int_type=Fraction)
    for definition in _OWN_UNITS:
        made.define(definition)
    return made


def _measured(value: Expr) -> Quantity:
    match value:
        case Symbol():
            return amount_of(sympy.S.One, value.name)
        case Mul(args=(amount, Symbol() as unit)) if amount.is_number:
            return amount_of(amount, unit.name)
        case Add():
            return reduce(_sum, map(_measured, value.args))
        case Mul():
            # Per degree is per degree of difference, as in J/(kg*°C).
            return reduce(mul, (_measured(as_difference(factor)) for factor in value.args))
        case Pow(base=base, exp=Rational() as exponent):
            return _measured(as_difference(base)) ** Fraction(exponent.p, exponent.q)
        case _ if value.is_number:
            return registry().Quantity(as_fraction(value))
        case _:
            raise InvalidInput(f"{value} cannot be calculated with units in it")


def _sum(left: Quantity, right: Quantity) -> Quantity:
    if left.dimensionality != right.dimensionality:
        raise cannot_be_added(described(left), described(right))
    return left + right


def cannot_be_added(left: str, right: str) -> InvalidInput:
    """The error of a sum of different dimensions."""
    return InvalidInput(f"{left} and {right} cannot be added or subtracted")


def _scales(value: Expr) -> Iterable[Symbol]:
    return [symbol for symbol in value.free_symbols if is_scale(symbol.name)]


@cache
def _names() -> Mapping[Dimension, str]:
    read = {text: dimension(read_number(text, unit=unit_symbol)) for text in _NAMED}
    plain = registry().Quantity(1).dimensionality
    return {plain: "a plain number", **{read[text]: named for text, named in _NAMED.items()}}


def _symbol(name: str) -> str:
    """`mL` where pint says `ml`: a small l looks like a one."""
    symbol: str = registry().get_symbol(name)
    return f"{symbol[:-1]}L" if name.endswith("liter") else symbol


def _power(name: str, power: Any) -> str:  # noqa: ANN401  # see Quantity
    return name if power == 1 else f"{name}^{power}"
