"""Text to SymPy, by our own walk over `ast`.

SymPy's `parse_expr` and `sympify` evaluate Python; a model's text never reaches them. What is
not named here is refused, so nothing has to be thought of to be kept out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from types import MappingProxyType

import sympy
from sympy import Expr, Integer, Rational, Symbol, Tuple

from metier.errors import InvalidInput
from metier.sandbox import quiet
from metier_math.functions import FUNCTIONS, named, remainder
from metier_math.notation import plain_name, python_notation
from metier_math.numbers import power_mod
from metier_math.powers import power
from metier_math.values import Value, as_number

MAX_NODES = 200
MAX_DEPTH = 40
MAX_LITERAL_DIGITS = 100
_MAX_EXPONENT = 1000

CONSTANTS: Mapping[str, Expr] = MappingProxyType(
    {
        "pi": sympy.pi,
        **dict.fromkeys(("e", "E"), sympy.E),
        **dict.fromkeys(("i", "I"), sympy.I),
        **dict.fromkeys(("oo", "inf", "infinity"), sympy.oo),
    }
)
Names = Mapping[str, Value]
NO_NAMES: Names = MappingProxyType({})

_REFUSED: Mapping[type[ast.AST], str] = {
    ast.Attribute: "the attribute of something",
    ast.Subscript: "an index",
    ast.Tuple: "a list without brackets",
    ast.Starred: "a star before an argument",
    ast.keyword: "a named argument",
}


def read(
    text: str,
    *,
    names: Names = NO_NAMES,
    unit: Callable[[str], Expr] | None = None,
) -> Value:
    """An expression as a SymPy value.

    Args:
        text: arithmetic with numbers, names and the functions of `functions.FUNCTIONS`.
        names: what names stand for; they go before the constants.
        unit: where given, a name that stands for nothing is a unit, which this makes. Else it
            is a symbol.

    Raises:
        InvalidInput: something in it is not allowed, or its numbers would be too large.
    """
    source, tree = parsed(text, units_except=None if unit is None else {*names, *CONSTANTS})
    try:
        return _Reader(source, {**CONSTANTS, **names}, unit or Symbol).value(tree)
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as exc:
        # SymPy's answers to what has no sense: the floor of a complex number, infinity mod 7.
        raise InvalidInput(f"{text!r} cannot be computed: {exc}") from exc


def read_number(
    text: str,
    *,
    names: Names = NO_NAMES,
    unit: Callable[[str], Expr] | None = None,
) -> Expr:
    """An expression as a SymPy expression; a yes or no and a list are refused.

    Raises:
        InvalidInput: as in `read`.
    """
    return as_number(read(text, names=names, unit=unit))


def read_name(text: str) -> Symbol:
    """A variable.

    Raises:
        InvalidInput: it is not a name.
    """
    name = text.strip()
    if not name.isidentifier() or name.startswith("_"):
        raise InvalidInput(f"{text!r} is not the name of a variable")
    return Symbol(name)


def parsed(text: str, *, units_except: Collection[str] | None = None) -> tuple[str, ast.expr]:
    """The text in Python's notation, and its tree, which is small enough to walk.

    Args:
        units_except: as in `python_notation`.

    Raises:
        InvalidInput: it is no expression, or too large.
    """
    source = python_notation(text, units_except=units_except).strip()
    try:
        with quiet():
            tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise InvalidInput(f"{text!r} is not an expression") from exc
    _check_size(tree)
    return source, tree


def _check_size(tree: ast.expr) -> None:
    """Raise where the tree is too large to walk, without recursion: that is the danger."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    nodes = 0
    while waiting:
        node, depth = waiting.pop()
        nodes += isinstance(node, ast.expr)
        if nodes > MAX_NODES:
            raise InvalidInput(f"an expression may have {MAX_NODES} parts, and this has more")
        if depth > MAX_DEPTH:
            raise InvalidInput(f"an expression may be nested {MAX_DEPTH} deep, and this is deeper")
        # A long sum leans to the left; that is its length, not its depth.
        left = node.left if isinstance(node, ast.BinOp) else None
        waiting += [(c, depth + (c is not left)) for c in ast.iter_child_nodes(node)]


class _Reader:
    """The walk. Each method takes what it knows; the rest is refused."""

    def __init__(self, source: str, names: Names, unknown: Callable[[str], Expr]) -> None:
        self._source = source
        self._names = names
        self._unknown = unknown

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant():
                return self._literal(node)
            case ast.Name(id=name):
                return self._named(plain_name(name))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self._number(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._number(operand)
            case ast.List(elts=elements):
                return Tuple(*map(self._number, elements))
            case ast.BinOp(left=ast.BinOp(op=ast.Pow()) as inner, op=ast.Mod(), right=modulus):
                return self._power_modulo(inner, modulus)
            case ast.BinOp(left=left, op=operator, right=right):
                return _combined(self._number(left), operator, self._number(right))
            case ast.Call():
                return self._called(node)
            case _:
                raise _refusal(node)

    def _number(self, node: ast.expr) -> Expr:
        return as_number(self.value(node))

    def _power_modulo(self, node: ast.BinOp, modulus: ast.expr) -> Expr:
        """`7^100 mod 13`, which needs no number of 85 digits."""
        parts = [self._number(part) for part in (node.left, node.right, modulus)]
        if all(isinstance(part, Integer) for part in parts) and not parts[1].is_negative:
            return power_mod(*parts)
        base, exponent, divisor = parts
        return remainder(power(base, exponent), divisor)

    def _literal(self, node: ast.Constant) -> Expr:
        """The number as it is written: 0.1 is a tenth, not the float next to it."""
        written = ast.get_source_segment(self._source, node) or ""
        digits, _, exponent = written.lower().partition("e")
        if len(re.sub(r"\D", "", digits)) > MAX_LITERAL_DIGITS:
            raise InvalidInput(f"a number may be written with {MAX_LITERAL_DIGITS} digits")
        if exponent and abs(int(exponent)) > _MAX_EXPONENT:
            raise InvalidInput(f"{written} is too large or too small")
        try:
            return Rational(Fraction(written))
        except ValueError as exc:
            raise InvalidInput(f"{written!r} is not a number") from exc

    def _named(self, name: str) -> Value:
        if name in self._names:
            return self._names[name]
        if name.startswith("_"):
            raise InvalidInput(f"a name may not begin with an underscore: {name!r}")
        if name in FUNCTIONS and self._unknown is Symbol:
            raise InvalidInput(f"the function {name} needs its arguments in brackets")
        return self._unknown(name)

    def _called(self, node: ast.Call) -> Value:
        if not isinstance(node.func, ast.Name):
            raise InvalidInput("two factors need a * between them")
        if node.keywords:
            raise _refusal(node.keywords[0])
        name = plain_name(node.func.id)
        return named(name).of(name, [self.value(argument) for argument in node.args])


def _combined(left: Expr, operator: ast.operator, right: Expr) -> Expr:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / _divisor(right)
        case ast.FloorDiv():
            return sympy.floor(left / _divisor(right))
        case ast.Mod():
            return remainder(left, right)
        case ast.Pow():
            return power(left, right)
        case _:
            raise _refusal(operator)


def _divisor(value: Expr) -> Expr:
    if value.is_zero:
        raise InvalidInput("division by zero")
    return value


def _refusal(node: ast.AST) -> InvalidInput:
    what = _REFUSED.get(type(node), type(node).__name__)
    return InvalidInput(f"{what} is not allowed in an expression")
