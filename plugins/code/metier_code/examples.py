"""Tests for a program: the examples that a question gives, and the asserts that a model writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

MOST = 5

_CALL = re.compile(r"\b([A-Za-z_]\w*)\(")
_GIVES = re.compile(r"\s*`?\s*(?:==|=>|->|→|returns|gives|should be|should return|is)\s*`?\s*")
_PROMPT = re.compile(r"^\s*>>>\s*(.+)\n\s*(\S.*)$", re.MULTILINE)


def examples(question: str) -> tuple[str, ...]:
    """The examples of a question, such as `f(2) == 4`, `f(2) -> 4` or a `>>>` session."""
    found = [_assert(call, value) for call, value in _PROMPT.findall(question)]
    found += [_assert(call, rest) for call, rest in _calls(question)]
    return tuple(dict.fromkeys(test for test in found if test))[:MOST]


def asserts(reply: str) -> tuple[str, ...]:
    """The one-line asserts of a model's reply; what does not parse is left out."""
    lines = (line.strip() for line in reply.splitlines())
    kept = (line for line in lines if line.startswith("assert ") and _parses(line))
    return tuple(dict.fromkeys(kept))[:MOST]


def defines(code: str) -> frozenset[str]:
    """The names of a program's functions and classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.parse(code).body if isinstance(node, kinds))


def concerns(test: str, names: frozenset[str]) -> bool:
    """Whether a test uses one of the names."""
    nodes = ast.walk(ast.parse(test))
    return any(isinstance(node, ast.Name) and node.id in names for node in nodes)


def _calls(text: str) -> Iterator[tuple[str, str]]:
    """Each call in a text that says what it gives, with the text after that."""
    for start in _CALL.finditer(text):
        end = _closing(text, start.end())
        gives = _GIVES.match(text, end)
        if gives:
            yield text[start.start() : end], text[gives.end() :].partition("\n")[0]


def _closing(text: str, start: int) -> int:
    """Where the bracket that was opened before `start` is closed."""
    depth = 1
    for at in range(start, len(text)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0:
            return at + 1
    return len(text)


def _assert(call: str, rest: str) -> str:
    """`assert call == value` for the longest literal that `rest` begins with, else ``""``."""
    for end in range(min(len(rest), 500), 0, -1):
        value = rest[:end].strip()
        test = f"assert {call.strip()} == {value}"
        if _is_literal(value) and _parses(test):
            return test
    return ""


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return True
