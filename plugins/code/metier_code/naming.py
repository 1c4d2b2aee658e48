"""The name that a question gives to a function: small models like to choose another."""

from __future__ import annotations

import ast
import re

from metier.sandbox import quiet

_ASKED = re.compile(
    r"\b(?:function|def|funktion|fonction|función|funzione|função)\s+"
    r"(?:(?:called|named|namens|mit dem namen|appelée|nommée|llamada|chiamata)\s+)?"
    r"`?([A-Za-z_]\w{0,60})\(([^()\n]{0,200})\)",
    re.IGNORECASE,
)


def named_as_asked(text: str, code: str, question: str) -> str:
    """An answer whose only function has the name that the question asks for.

    Unchanged if the question names none or several, if the code has that name already, or if its
    function takes another number of arguments.

    Args:
        code: the Python of the answer's blocks.
    """
    asked = {(name, _count(arguments)) for name, arguments in _ASKED.findall(question)}
    defined = _functions(code)
    if len(asked) != 1 or len(defined) != 1:
        return text
    (name, wanted), (written, taken) = asked.pop(), defined.pop()
    if wanted != taken or re.search(rf"\b{name}\b", code):
        return text
    return re.sub(rf"\b{written}\b", name, text)


def _functions(code: str) -> set[tuple[str, int]]:
    """The functions at the top level, each with its number of arguments."""
    try:
        with quiet():
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    return {
        (node.name, len(node.args.args)) for node in tree.body if isinstance(node, ast.FunctionDef)
    }


def _count(arguments: str) -> int:
    return len([each for each in arguments.split(",") if each.strip()])
