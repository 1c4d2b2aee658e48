"""The check of dimensions: does a calculation add, compare and convert like with like?

It walks the text and not the value: in `0 mg + 5 mL` and in `2 mL - 2 mL + 5 mg` the value has
lost what does not fit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sympy import Integer, Rational

from metier.errors import InvalidInput
from metier_math.expressions import CONSTANTS, NO_NAMES, Names, parsed, read_number
from metier_math.functions import ALIASES
from metier_math.notation import NUMBER, plain_name
from metier_math.program import Computed
from metier_math.quantities import (
    MIXED_TEMPERATURES,
    Dimension,
    cannot_be_added,
    dimension,
    is_scale,
    measured,
    registry,
    unit_symbol,
    what_it_measures,
)
from metier_math.values import Value, as_number, parts

_KEEPING = frozenset(
    "abs ceil floor gmean iqr max mean median min mod mode pstdev quartiles range round stdev "
    "sum".split()
)
_POWERS = {
    "sqrt": Fraction(1, 2),
    "cbrt": Fraction(1, 3),
    "variance": Fraction(2),
    "pvariance": Fraction(2),
}
_FIRST_ONLY = frozenset(("round", "percentile", "wmean"))
_QUANTITY = re.compile(rf"\(({NUMBER} [^\W\d]\w*)\)")
_BEFORE_UNIT = re.compile(r"(?<=\d)\*(?=[^\W\d])")


@dataclass(frozen=True, slots=True)
class Measure:
    """What a part of a calculation measures.

    Attributes:
        dimension: None for a zero that has lost its unit, which fits everything.
        is_scale: whether it is a temperature such as 20 °C, and no difference of two.
        is_difference: whether it is the difference of two such temperatures.
    """

    dimension: Dimension | None
    is_scale: bool = False
    is_difference: bool = False


def check_dimensions(text: str, *, names: Names = NO_NAMES) -> Measure:
    """What a calculation with units measures.

    Raises:
        InvalidInput: it adds or compares what cannot be; the message says which parts.
    """
    source, tree = parsed(text, units_except={*names, *CONSTANTS})
    return _Walk(source, names).measure(tree)


def described_dimension(text: str, unit: str = "", *, names: Names = NO_NAMES) -> Computed:
    """What a calculation measures, in words, and whether a unit fits it.

    Raises:
        InvalidInput: parts of it do not fit each other, or the unit does not fit it.
    """
    found = check_dimensions(text, names=names).dimension
    measure = "zero of anything" if found is None else what_it_measures(found)
    if unit.strip() and found is not None:
        wanted = dimension(read_number(unit, unit=unit_symbol))
        if wanted != found:
            raise InvalidInput(f"{text} is {measure}, and {unit} is {what_it_measures(wanted)}")
    fits = f"; {unit.strip()} fits it" if unit.strip() else ""
    return Computed(text=f"{text.strip()} is {measure}{fits}", exact="")


class _Walk:
    """One calculation, part by part."""

    def __init__(self, source: str, names: Names) -> None:
        self._source = source
        self._names = names
        self._plain = Measure(registry().Quantity(1).dimensionality)

    def measure(self, node: ast.expr) -> Measure:
        match node:
            case ast.Name(id=name):
                return self._named(plain_name(name))
            case ast.UnaryOp(operand=operand):
                return self.measure(operand)
            case ast.List(elts=elements):
                return self._alike(elements)
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mod(), right=right):
                return self._added(left, right, is_difference=isinstance(node.op, ast.Sub))
            case ast.BinOp(left=left, op=ast.Pow(), right=exponent):
                return self._power(left, exponent)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._product(left, operator, right)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._called(ALIASES.get(name, name), arguments)
            case _:
                return self._plain

    def _named(self, name: str) -> Measure:
        if name in self._names:
            return _of_value(self._names[name])
        if name in CONSTANTS:
            return self._plain
        unit = unit_symbol(name)
        return Measure(dimension(unit), is_scale=is_scale(unit.name))

    def _added(self, left: ast.expr, right: ast.expr, *, is_difference: bool) -> Measure:
        first, second = self._fitting(left, right)
        scales = first.is_scale and second.is_scale
        known = first if first.dimension is not None else second
        return Measure(
            known.dimension,
            is_scale=(first.is_scale or second.is_scale) and not (scales and is_difference),
            is_difference=scales and is_difference,
        )

    def _fitting(self, left: ast.expr, right: ast.expr) -> tuple[Measure, Measure]:
        first, second = self.measure(left), self.measure(right)
        if None not in (first.dimension, second.dimension) and first.dimension != second.dimension:
            raise cannot_be_added(self._shown(left, first), self._shown(right, second))
        return first, second

    def _alike(self, nodes: Sequence[ast.expr]) -> Measure:
        """What all of them measure; an error where they differ."""
        for other in nodes[1:]:
            self._fitting(nodes[0], other)
        return self.measure(nodes[0]) if nodes else self._plain

    def _product(self, left: ast.expr, operator: ast.operator, right: ast.expr) -> Measure:
        first, second = self.measure(left), self.measure(right)
        if first.dimension is None or second.dimension is None:
            return Measure(None)
        if first.is_scale and second.is_scale:
            raise InvalidInput(MIXED_TEMPERATURES)
        if not isinstance(operator, ast.Mult):
            return Measure(first.dimension / second.dimension)
        plain = {first.dimension, second.dimension} & {self._plain.dimension}
        return Measure(
            first.dimension * second.dimension,
            is_scale=bool(plain) and (first.is_scale or second.is_scale),
        )

    def _power(self, base: ast.expr, exponent: ast.expr) -> Measure:
        found = self.measure(base)
        self._check_plain(exponent, "an exponent")
        if found == self._plain:
            return found
        number = read_number(self._text(exponent), names=self._names)
        if not isinstance(number, Rational):
            raise InvalidInput(f"{self._shown(base, found)} cannot have the exponent {number}")
        return _raised(found, Fraction(number.p, number.q))

    def _called(self, name: str, arguments: list[ast.expr]) -> Measure:
        if not arguments:
            return self._plain
        if name in _FIRST_ONLY:
            return self.measure(arguments[0])
        if name in _KEEPING:
            return self._alike(arguments)
        if name in _POWERS:
            return _raised(self._alike(arguments), _POWERS[name])
        if name == "pow" and len(arguments) == 2:
            return self._power(*arguments)
        for argument in arguments:
            self._check_plain(argument, name)
        return self._plain

    def _check_plain(self, node: ast.expr, what: str) -> None:
        found = self.measure(node)
        if found.dimension not in (None, self._plain.dimension):
            raise InvalidInput(f"{what} needs a plain number, not {self._shown(node, found)}")

    def _text(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._source, node) or ""

    def _shown(self, node: ast.expr, found: Measure) -> str:
        """`5 mg (a mass)`."""
        text = _BEFORE_UNIT.sub(" ", self._text(node)).replace("**", "^")
        text = _QUANTITY.sub(r"\1", text)
        return f"{text} ({what_it_measures(found.dimension)})"


def _raised(found: Measure, exponent: Fraction) -> Measure:
    if found.is_scale:
        raise InvalidInput(MIXED_TEMPERATURES)
    return Measure(None if found.dimension is None else found.dimension**exponent)


def _of_value(value: Value) -> Measure:
    """What an earlier step measures. A zero has lost its unit."""
    first = as_number((*parts(value), Integer(0))[0])
    if first == 0:
        return Measure(None)
    scales = [symbol for symbol in first.free_symbols if is_scale(symbol.name)]
    return Measure(measured(first).dimensionality, is_scale=bool(scales))
