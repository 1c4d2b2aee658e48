"""A calculation that a model wrote as lines of Python: read, and never run.

A small code model reasons better in commented Python than in JSON (docs/results/end-to-end.md).
What is read is straight-line code: assignments, and what is printed or returned; functions are
made that by `inlining`. A loop, a condition or a string is refused, and each expression goes the
same way as any other, through `expressions`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from metier.errors import InvalidInput
from metier.sandbox import quiet
from metier_math.inlining import straightened
from metier_math.program import MAX_READ_STEPS, Assignment, Program

MAX_CHARS = 8000

_FENCE = re.compile(r"```(?:[Pp]ython|py)?[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s)#++\s*+(.+)")
_RESULT = "answer"
_SAME = frozenset({"float", "Fraction", "Decimal", "Rational", "Integer"})
_MODULES = frozenset({"math", "np", "numpy", "statistics", "sympy", "sp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A calculation, and what each of its steps follows from.

    Attributes:
        notes: the comment above each step; empty where it has none.
    """

    program: Program
    notes: tuple[str, ...]


def worked(reply: str) -> Worked:
    """The calculation that a reply holds, in its first fenced block or in all of it.

    Raises:
        InvalidInput: it is no Python, or more than assignments and a result.
    """
    source = _source(reply)
    try:
        with quiet():
            tree = ast.parse(source)
        lines = [line for node in straightened(tree) for line in _line(node)]
    except RecursionError as exc:
        raise InvalidInput("it is nested too deeply to be read") from exc
    except (SyntaxError, ValueError, MemoryError) as exc:
        raise InvalidInput("it is not Python") from exc
    comments = _comments(source)
    if not lines or len(lines) > MAX_READ_STEPS:
        raise InvalidInput(f"it has {len(lines)} steps, where 1 to {MAX_READ_STEPS} are read")
    steps = tuple(Assignment(name=name, expression=term) for name, term, _ in _ending(lines))
    notes = tuple(comments.get(at, "") for _, _, at in _ending(lines))
    return Worked(program=Program(operation="evaluate", steps=steps), notes=notes)


_Line = tuple[str, str, int]


def _source(reply: str) -> str:
    found = _FENCE.search(reply)
    source = found[1] if found else reply
    if len(source) > MAX_CHARS:
        raise InvalidInput(f"it has {len(source)} characters, where {MAX_CHARS} are read")
    return source


def _comments(source: str) -> dict[int, str]:
    """What is said of each line: its own comment, or those on the lines right above it."""
    said: dict[int, str] = {}
    above: list[str] = []
    for number, line in enumerate(source.splitlines(), 1):
        comment = _COMMENT.search(line)
        if comment and line.lstrip().startswith("#"):
            above.append(comment[1].rstrip())
        elif line.strip():
            said[number] = comment[1].rstrip() if comment else " ".join(above)
            above = []
    return said


def _ending(lines: list[_Line]) -> list[_Line]:
    """The lines up to the last result; a result that only names the step before it is that."""
    ends = [n for n, (name, _, _) in enumerate(lines) if name == _RESULT]
    if not ends:
        return lines
    *before, (_, term, _) = lines = lines[: ends[-1] + 1]
    return before if before and term == before[-1][0] else lines


def _line(node: ast.stmt) -> Iterator[_Line]:
    match node:
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            for name, value in _assigned(node):
                yield name.lower(), _term(value), node.lineno
        case ast.Return(value=ast.expr() as value):
            yield from _result([value], node.lineno)
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[*_, _] as shown)):
            yield from _result(shown, node.lineno)
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.Pass():
            return
        case _:
            raise _refused(node)


def _result(shown: list[ast.expr], at: int) -> Iterator[_Line]:
    """The last number of what is shown, if any is."""
    for value in reversed(shown):
        parts = value.values if isinstance(value, ast.JoinedStr) else [value]
        for part in reversed(parts):
            number = part.value if isinstance(part, ast.FormattedValue) else part
            if not (isinstance(number, ast.Constant) and isinstance(number.value, str)):
                # Of a function's result: where the function says it.
                yield _RESULT, _term(number), getattr(number, "lineno", at)
                return


def _assigned(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            yield name, value
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            for target, value in zip(names, values, strict=False):
                yield ast.unparse(target), value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.AugAssign(target=ast.Name(id=name), op=operator, value=value):
            yield name, ast.BinOp(left=ast.Name(id=name), op=operator, right=value)
        case _:
            raise _refused(node)


def _refused(node: ast.stmt) -> InvalidInput:
    return InvalidInput(f"a calculation in lines has no {type(node).__name__}")


def _term(node: ast.expr) -> str:
    return ast.unparse(ast.fix_missing_locations(_AsWritten().visit(node)))


class _AsWritten(ast.NodeTransformer):
    """Python's names for what the expressions call otherwise."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Name(id=node.id.lower(), ctx=ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name), args=args):
                if module in _MODULES:
                    return self.visit(ast.Call(func=ast.Name(id=name), args=args, keywords=[]))
            case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _SAME:
                return self._number(argument)
            case ast.Call(func=ast.Name(id="Fraction" | "Rational"), args=[above, below]):
                return self.visit(ast.BinOp(left=above, op=ast.Div(), right=below))
            case ast.Call(func=ast.Name(id="int"), args=[argument]):
                return _truncated(self._number(argument))
            case ast.Call(func=ast.Name(id="len"), args=[ast.List(elts=elements)]):
                return ast.Constant(value=len(elements))
        return self.generic_visit(node)  # type: ignore[return-value]

    def _number(self, node: ast.expr) -> ast.expr:
        """The argument of `Decimal("0.5")` and `float(x)`."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return ast.Name(id=node.value, ctx=ast.Load())
        return self.visit(node)  # type: ignore[no-any-return]


def _truncated(node: ast.expr) -> ast.expr:
    """Towards zero, as `int` does."""
    size = ast.Call(func=ast.Name(id="abs"), args=[node], keywords=[])
    whole = ast.Call(func=ast.Name(id="floor"), args=[size], keywords=[])
    sign = ast.Call(func=ast.Name(id="sign"), args=[node], keywords=[])
    return ast.BinOp(left=sign, op=ast.Mult(), right=whole)
