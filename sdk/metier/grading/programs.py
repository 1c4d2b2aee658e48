"""The Python program that a text gives as its answer, and whether it passes its tests."""

from __future__ import annotations

import ast
import re
import textwrap

from metier.grading.kinds import Code
from metier.sandbox.sandbox import quiet

_FENCE = re.compile(
    r"^[ \t]*+(`{3,}+|~{3,}+)[ \t]*+([\w+#.-]*+)[^\n]*\n(.*?)(?:^[ \t]*+\1|\Z)", re.M | re.S
)
_PYTHON = frozenset({"", "python", "py", "python3"})
# The parser takes seconds for a megabyte, and nothing else in this process runs meanwhile.
MAX_CHARS = 100_000


def program_in(text: str, kind: Code) -> str | None:
    """The fenced Python of a text, or all of it where it is nothing but Python.

    With an entry point, the blocks up to the last that defines it: what follows are examples of
    its use. None if there is no program, or none that defines the entry point, or if it has more
    than 100,000 characters.
    """
    blocks = [block for block in _blocks(text) if _parsed(block) is not None]
    defining = [n for n, block in enumerate(blocks) if kind.entry_point in _defined(block)]
    if kind.entry_point:
        blocks = blocks[: defining[-1] + 1] if defining else []
    program = "\n\n".join(blocks).strip("\n")
    return program if 0 < len(program) <= MAX_CHARS else None


def normal_program(code: str) -> str:
    """A program without comments, spacing and docstrings."""
    tree = _parsed(code)
    if tree is None:
        return code
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.body = [each for each in node.body if not _is_text(each)]
    return _written(tree)


def _written(tree: ast.AST) -> str:
    """A tree node by node, as `ast.dump`, which runs out of stack where a tree is deep."""
    written: list[str] = []
    waiting: list[object] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.AST | list):
            parts = (
                node if isinstance(node, list) else [value for _, value in ast.iter_fields(node)]
            )
            written.append(f"{type(node).__name__}/{len(parts)}")
            waiting += reversed(parts)
        elif type(node) is int:  # in decimal it could have more digits than Python writes
            written.append(hex(node))
        else:
            written.append(repr(node))
    return " ".join(written)


def _blocks(text: str) -> list[str]:
    fenced = [match for match in _FENCE.finditer(text) if match[2].lower() in _PYTHON]
    if fenced:
        return [textwrap.dedent(match[3]) for match in fenced]
    tree = _parsed(text)
    is_program = tree is not None and any(not isinstance(node, ast.Expr) for node in tree.body)
    return [text] if is_program else []


def _parsed(code: str) -> ast.Module | None:
    if len(code) > MAX_CHARS:
        return None
    try:
        with quiet():
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defined(code: str) -> frozenset[str]:
    tree = _parsed(code)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = {node.name for node in tree.body if isinstance(node, kinds)} if tree else set()
    for node in tree.body if tree else ():
        if isinstance(node, ast.Assign):  # f = lambda x: …
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
