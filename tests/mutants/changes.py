"""Mutants of a module: its syntax tree with one small mistake."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "sdk" / "metier"

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.UAdd: ast.USub, ast.USub: ast.UAdd,
}  # fmt: skip
_LEFT_OUT = ("annotation", "returns", "decorator_list", "type_params")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change.

    Attributes:
        lines: which a test must reach to notice it; empty if it runs when the module is imported.
    """

    file: Path
    number: int
    lines: range
    change: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(PACKAGE)}:{self.change}"

    @property
    def module(self) -> str:
        """The name by which it is imported."""
        return ".".join(self.file.relative_to(PACKAGE.parent).with_suffix("").parts)

    def tree(self) -> ast.Module:
        """The module with the change."""
        tree = ast.parse(self.file.read_text(encoding="utf-8"))
        for number, (parent, field, at, new, _) in enumerate(_changes(tree)):
            if number == self.number:
                _put(parent, field, at, new)
                return ast.fix_missing_locations(tree)
        raise LookupError(self)


def mutants(file: Path) -> list[Mutant]:
    """All mutants of a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: list[Mutant] = []
    for number, (parent, field, at, new, lines) in enumerate(_changes(tree)):
        old = getattr(parent, field)
        old = old if at is None else old[at]
        change = f"{_shown(old)} -> {_shown(new)}"
        found.append(Mutant(file, number, lines, f"{old.lineno}: {change}"))
    return found


_Change = tuple[ast.AST, str, int | None, ast.AST, range]


def _changes(tree: ast.AST) -> Iterator[_Change]:
    """Parent, field, place in a list, what comes there instead, and the lines to be reached."""
    yield from _below(tree, range(0))


def _below(parent: ast.AST, lines: range) -> Iterator[_Change]:
    for field, value in ast.iter_fields(parent):
        if field in _LEFT_OUT:
            continue
        for at, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_for_people(node, parent):
                continue
            inside = lines
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                # Defaults run when the function is made.
                inside = range(0) if field == "args" else range(1, 2)
            if inside and isinstance(node, ast.stmt):
                below = getattr(node, "body", None)
                end = max(node.lineno, below[0].lineno - 1) if below else node.end_lineno
                inside = range(node.lineno, (end or node.lineno) + 1)
            for new in _instead_of(node, top=not inside):
                yield parent, field, at, new, inside
            if not isinstance(node, ast.Raise):
                yield from _below(node, inside)


def _is_for_people(node: ast.AST, parent: ast.AST) -> bool:
    """What no behaviour depends on: messages, docstrings, types, checks of the types' checker."""
    match node:
        case ast.JoinedStr() | ast.Assert() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Constant(value=str(text)):
            return " " in text.strip()
        case ast.keyword(arg=arg):
            return arg in ("strict", "encoding", "hint", "defer_build")
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in ("__all__", "__slots__", "__match_args__")
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Call(func=ast.Name(id="Notice" | "cast" | "assert_never" | "TypeVar")):
            return True
        case ast.Subscript(value=ast.Name(id="Literal")):
            return True
    return False


def _instead_of(node: ast.AST, *, top: bool) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(op=ast.BitOr()) if top:
            pass  # a type
        case ast.Constant(value=value):
            if (other := _other(value)) is not None:
                yield _with(node, value=other)
        case ast.Call(args=[first, second, *rest]):
            if _has_an_order(node.func, first, second):
                yield _with(node, args=[second, first, *rest])
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            yield operand
        case ast.IfExp(test=test):
            yield _with(node, test=ast.UnaryOp(op=ast.Not(), operand=test))
        case ast.expr():
            yield from _with_other_operator(node)
        case ast.stmt():
            yield from _instead_of_statement(node)


def _has_an_order(called: ast.expr, *arguments: ast.expr) -> bool:
    if isinstance(called, ast.Name) and called.id in ("max", "min"):
        return False
    return not any(isinstance(each, ast.Starred) for each in arguments)


def _other(value: object) -> object | None:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}XX"
    return None


def _with_other_operator(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[op, *more]):
            if new := _SWAPPED.get(type(op)):
                yield _with(node, ops=[new(), *more])
        case ast.BoolOp(op=op) | ast.BinOp(op=op) | ast.UnaryOp(op=op) | ast.AugAssign(op=op):
            if new := _SWAPPED.get(type(op)):
                yield _with(node, op=new())


def _instead_of_statement(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.If(test=test) | ast.While(test=test):
            yield _with(node, test=ast.UnaryOp(op=ast.Not(), operand=test))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield _with(node, value=ast.Constant(value=None))
        case ast.AugAssign():
            yield from _with_other_operator(node)
    if isinstance(node, ast.AugAssign | ast.Expr | ast.Raise | ast.Break | ast.Continue):
        yield ast.copy_location(ast.Pass(), node)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _put(parent: ast.AST, field: str, at: int | None, new: ast.AST) -> None:
    if at is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[at] = new


def _shown(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0][:90]
