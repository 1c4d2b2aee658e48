"""Fenced code blocks: finding them, and making one of code that came without."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from metier.sandbox import quiet

# The parser takes seconds for a megabyte, and nothing else in this process runs meanwhile.
MAX_CHARS = 100_000
_FENCE = re.compile(r"```([\w+#.-]*)[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language (may be empty) and its code."""

    language: str
    code: str


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a text; one that was cut off counts up to its end."""
    return [Block(match[1].lower(), match[2]) for match in _FENCE.finditer(text)]


def fenced(text: str) -> str:
    """The text with its code in a closed, fenced block that names its language.

    Small models forget the fence, its end, or the language; the code is theirs, the fence ours.
    """
    if not blocks(text):
        code = text.strip()
        return f"```python\n{code}\n```" if is_python(code) else text
    if text.count("```") % 2:
        text = f"{text.rstrip()}\n```"
    return _FENCE.sub(_named, text)


def is_python(code: str) -> bool:
    """Whether it is more than one word of Python that parses; not looked at if it is too long."""
    if len(code) > MAX_CHARS:
        return False
    try:
        with quiet():
            body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(not isinstance(node, ast.Expr) for node in body)


def _named(match: re.Match[str]) -> str:
    if match[1] or not is_python(match[2]):
        return match[0]
    return match[0].replace("```", "```python", 1)
