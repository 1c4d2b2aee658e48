"""The name that a question gives to a function: small models like to choose another."""

from __future__ import annotations

import ast
import builtins
import re

from metier.sandbox import quiet

_CALL = r"`?\b([A-Za-z_]\w{0,60})\(([^()\n]{0,200})\)"
_ASKED = re.compile(
    r"\b(?:function|def|func|funktion|fonction|función|funzione|função|"
    r"write|schreibe?|écri[st]|escribe|scrivi|escreve)\s+"
    r"(?:(?:called|named|namens|mit dem namen|appelée|nommée|llamada|chiamata)\s+)?" + _CALL,
    re.IGNORECASE,
)
_BESIDE_PYTHON = (
    re.compile(rf"\bpython\b[^()\n]{{0,40}}?{_CALL}", re.IGNORECASE),
    re.compile(rf"{_CALL}[^()\n]{{0,40}}?\bpython\b", re.IGNORECASE),
)
# `Python function(s)` names none, nor does `print(x) in Python` unless it is to be written.
_NO_NAMES = frozenset({"def", "function", "functions", "python", "code", "program", "script"})
_BUILTIN = frozenset(dir(builtins))


def named_as_asked(text: str, code: str, question: str) -> str:
    """An answer whose only function has the name that the question asks for.

    Unchanged if the question names none or several, if the code has that name already, or if its
    function takes another number of arguments.

    Args:
        code: the Python of the answer's blocks.
    """
    asked = asked_functions(question)
    defined = _functions(code)
    if len(asked) != 1 or len(defined) != 1:
        return text
    (name, wanted), (written, taken) = asked.pop(), defined.pop()
    if wanted != taken or re.search(rf"\b{name}\b", code):
        return text
    return re.sub(rf"\b{written}\b", name, text)


def asked_functions(question: str) -> set[tuple[str, int]]:
    """The functions that a question names, each with its number of arguments."""
    beside = [call for pattern in _BESIDE_PYTHON for call in pattern.findall(question)]
    own = [(name, listed) for name, listed in beside if name not in _BUILTIN]
    calls = [
        (name, [each.strip() for each in listed.split(",") if each.strip()])
        for name, listed in [*_ASKED.findall(question), *own]
    ]
    return {
        (name, len(arguments))
        for name, arguments in calls
        if name.lower() not in _NO_NAMES and all(each[0].isidentifier() for each in arguments)
    }


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
