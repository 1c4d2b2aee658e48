"""Tests for a program: the examples that a question gives, and the asserts that a model writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

MOST = 8

_CALL = re.compile(r"\b([A-Za-z_]\w*)\(")
_GIVES = re.compile(
    r"[ \t]*`?[ \t]*(?:==>|===?|=>|->|→|➞|⇒|➔|#[ \t]*(?:=>|->|returns?)?:?|="
    r"|(?:must |should |will )?(?:returns?|give|gives|equals?|be|evaluates? to)\b|is)[ \t]*`?[ \t]*"
)
_PROMPT = re.compile(r"^[ \t]*>>>[ \t]*(.+)\n(?:[ \t]*\.\.\..*\n)*[ \t]*(\S.*)?$", re.MULTILINE)
_SIGNATURE = re.compile(r"\bdef\s+([A-Za-z_]\w*)\s*\(")
# "For lst = [1, 2] the output should be 3", "Input: n = 5" and "Output: 1" below it.
_GIVEN = re.compile(
    r"\b(?:for|if|when|given|input)\b:?[ \t]*`?([A-Za-z_]\w*[ \t]*=(?!=)[^\n]*?)`?"
    r"[ \t]*(?:[,;.:]?[ \t]*(?:then[ \t]+)?\b(?:the[ \t]+)?(?:output|result|answer|function|it)\b"
    r"[^\n]*?\b(?:be|is|returns?|give|gives)\b|=>|->|→|➞|[,;.]?\s*\n[ \t]*(?:expected[ \t]+)?"
    r"output:?)[ \t]*:?[ \t]*",
    re.IGNORECASE,
)
# What may follow a value: nothing that goes on calculating with it.
_GOES_ON = re.compile(r"[ \t]*[-+*/%<>=!&|^(\[{.]+[ \t]*[\w\"'(\[{]|\w")
_AS_PYTHON = {"true": "True", "false": "False", "null": "None", "none": "None"}


def examples(question: str) -> tuple[str, ...]:
    """The examples of a question, as asserts.

    Read are `f(2) == 4`, `f(2) -> 4`, `f(2) returns 4`, a `>>>` session, and, where the question
    shows the function's head, `For n = 2 the output should be 4`.
    """
    found = [
        *_sessions(question),
        *(_assert(call, rest) for call, rest in _calls(question)),
        *_described(question),
    ]
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


def _sessions(question: str) -> Iterator[str]:
    for call, value in _PROMPT.findall(question):
        compares = _parses(call) and isinstance(ast.parse(call.strip()).body[0], ast.Expr)
        if compares and isinstance(ast.parse(call.strip(), mode="eval").body, ast.Compare):
            yield f"assert {call.strip()}"
        else:
            yield _assert(call, value)


def _calls(text: str) -> Iterator[tuple[str, str]]:
    """Each call in a text that says what it gives, with the text after that."""
    for start in _CALL.finditer(text):
        end = _closing(text, start.end())
        before = text[: start.start()].rsplit("\n", 1)[-1]
        gives = _GIVES.match(text, end)
        is_notation = gives and gives[0].strip() == "=" and _is_defined(start[1], text)
        if gives and not is_notation and not re.search(r">>>|\bdef\s+$", before):
            yield text[start.start() : end], text[gives.end() :].partition("\n")[0]


def _is_defined(name: str, text: str) -> bool:
    """Whether a text defines a function as mathematics does: `tri(n) = 1 + n / 2`."""
    return bool(re.search(rf"\b{name}\([^()]*[a-z][^()\"']*\)[ \t]*=[^=>]", text))


def _described(question: str) -> Iterator[str]:
    """Examples that name the arguments: `For n = 2 the output should be 4`."""
    heads = _SIGNATURE.findall(question)
    if len(set(heads)) != 1:
        return
    for given in _GIVEN.finditer(question):
        call = f"{heads[0]}({given[1].strip().rstrip(',;')})"
        rest = question[given.end() :].partition("\n")[0]
        if _parses(call) and _is_all_literal(call):
            yield _assert(call, rest)


def _is_all_literal(call: str) -> bool:
    node = ast.parse(call, mode="eval").body
    keywords = node.keywords if isinstance(node, ast.Call) and not node.args else []
    return bool(keywords) and all(_is_literal(ast.unparse(k.value)) for k in keywords)


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
        value = _AS_PYTHON.get(value, value)
        test = f"assert {call.strip()} == {value}"
        if _is_literal(value) and _parses(test):
            return "" if _GOES_ON.match(rest, len(rest[:end].rstrip())) else test
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
