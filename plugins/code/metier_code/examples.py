"""Tests for a program: the examples that a question gives, and the asserts that a model writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from metier.sandbox import quiet

MOST = 8
# Of each way to write an example so many are tried: reading one that is none takes time.
_MOST_TRIED = 40
# No longer test is read.
_MAX_LINE = 1000

_CALL = re.compile(r"(\bdef\s++)?\b([A-Za-z_]\w*)\(")
_BRACKET = re.compile(r"[(\[{}\])]")
# A function that is defined as mathematics does: `tri(n) = 1 + n / 2`. Its argument is a letter.
_DEFINED = re.compile(
    r"\b([A-Za-z_]\w*)\((?:[^()\"']*+[\"'])*+[^()\"'a-z]*+[a-z][^()\"']*+\)[ \t]*=(?=[^=>])"
)
_GIVES = re.compile(
    r"(?<![ \t])[ \t]*+`?[ \t]*+(?:==>|===?|=>|->|→|➞|⇒|➔|#[ \t]*(?:=>|->|returns?)?:?|="
    r"|(?:must |should |will )?(?:returns?|give|gives|equals?|be|evaluates? to)\b|is)[ \t]*`?[ \t]*"
)
_PROMPT = re.compile(
    r"^[ \t]*+>>>[ \t]*+(.+)\n(?:[ \t]*+\.\.\..*\n)*+[ \t]*+(\S.*)?$", re.MULTILINE
)
_SIGNATURE = re.compile(r"\bdef\s+([A-Za-z_]\w*)\s*\(")
# "For lst = [1, 2] the output should be 3", "Input: n = 5" and "Output: 1" below it.
_GIVEN = re.compile(
    r"\b(?:for|if|when|given|input)\b:?[ \t]*+`?([A-Za-z_]\w*+[ \t]*+=)(?!=)", re.IGNORECASE
)
_THEN = re.compile(
    r"`?(?<![ \t])[ \t]*+[,;.:]?[ \t]*+(?:then[ \t]++)?"
    r"(?:\b(?:the[ \t]++)?(?P<what>output|result|answer|function|it)\b|=>|->|→|➞)",
    re.IGNORECASE,
)
_IS = re.compile(r"\b(?:be|is|returns?|give|gives)\b", re.IGNORECASE)
_BELOW = re.compile(r"[ \t]*(?:expected[ \t]+)?output:?", re.IGNORECASE)
_BEGINS_LITERAL = re.compile(
    r"\s*(?:[-+.\d\"'([{]|[bru]{1,2}[\"']|(?:true|false|null|none)\b|set\()", re.IGNORECASE
)
# What may follow a value: nothing that goes on calculating with it.
_GOES_ON = re.compile(r"(?<![ \t])[ \t]*+[-+*/%<>=!&|^(\[{.]{1,8}[ \t]*[\w\"'(\[{]|\w")
_AS_PYTHON = {"true": "True", "false": "False", "null": "None", "none": "None"}


def examples(question: str) -> tuple[str, ...]:
    """The examples of a question, as asserts.

    Read are `f(2) == 4`, `f(2) -> 4`, `f(2) returns 4`, a `>>>` session, and, where the question
    shows the function's head, `For n = 2 the output should be 4`.
    """
    called = (_assert(call, rest) for call, rest in _calls(question))
    ways = (_sessions(question), called, _described(question))
    return _first(chain.from_iterable(islice(way, _MOST_TRIED) for way in ways))


def asserts(reply: str) -> tuple[str, ...]:
    """The one-line asserts of a model's reply; what does not parse is left out."""
    lines = (line.strip() for line in reply.splitlines())
    return _first(line for line in lines if line.startswith("assert ") and _statements(line))


def _first(tests: Iterable[str]) -> tuple[str, ...]:
    """The first that differ and are not empty."""
    found: dict[str, None] = {}
    for test in tests:
        if test:
            found[test] = None
        if len(found) == MOST:
            break
    return tuple(found)


def defines(code: str) -> frozenset[str]:
    """The names of a program's functions and classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    with quiet():
        body = ast.parse(code).body
    return frozenset(node.name for node in body if isinstance(node, kinds))


def concerns(test: str, names: frozenset[str]) -> bool:
    """Whether a test uses one of the names."""
    with quiet():
        tree = ast.parse(test)
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(tree))


def _sessions(question: str) -> Iterator[str]:
    for call, value in (match.groups("") for match in _PROMPT.finditer(question)):
        match _statements(call):
            case [ast.Expr(value=ast.Compare())]:
                yield f"assert {call.strip()}"
            case _:
                yield _assert(call, value)


def _calls(text: str) -> Iterator[tuple[str, str]]:
    """Each call in a text that says what it gives, with the text after that."""
    closed = _closed(text)
    defined = {match[1] for match in _DEFINED.finditer(text)}
    for start, end in _lines(text):
        prompt = text.find(">>>", start, end)
        for call in _CALL.finditer(text, start, end if prompt < 0 else prompt):
            after = closed.get(call.end() - 1, len(text))
            gives = _GIVES.match(text, after)
            is_notation = gives and gives[0].strip() == "=" and call[2] in defined
            if gives and not is_notation and not call[1]:
                yield text[call.start() : after], _line_at(text, gives.end())


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends."""
    start = 0
    for line in text.split("\n"):
        yield start, start + len(line)
        start += len(line) + 1


def _line_at(text: str, start: int) -> str:
    return text[start : start + _MAX_LINE].partition("\n")[0]


def _closed(text: str) -> dict[int, int]:
    """Where the bracket that is opened at a place is closed."""
    closed: dict[int, int] = {}
    waiting: list[int] = []
    for bracket in _BRACKET.finditer(text):
        if bracket[0] in "([{":
            waiting.append(bracket.start())
        elif waiting:
            closed[waiting.pop()] = bracket.end()
    return closed


def _described(question: str) -> Iterator[str]:
    """Examples that name the arguments: `For n = 2 the output should be 4`."""
    heads = _SIGNATURE.findall(question)
    if len(set(heads)) != 1:
        return
    for given, rest in _given(question):
        call = f"{heads[0]}({given.strip().rstrip(',;')})"
        if _is_all_literal(call):
            yield _assert(call, rest)


def _given(text: str) -> Iterator[tuple[str, str]]:
    """Arguments that a line gives, and what it, or the line below, says of the result."""
    lines = [line for line in text.split("\n") if line.strip()]
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        last = max((match.start() for match in _IS.finditer(line)), default=0)
        at = 0
        while given := _GIVEN.search(line, at):
            if said := _said(line, given.end(), last):
                end, at = said
                yield line[given.start(1) : end], _value(line, at)
                continue
            if output := _BELOW.match(below):
                yield line[given.start(1) :].rstrip(" \t`,;."), _value(below, output.end())
            break


def _said(line: str, start: int, last: int) -> tuple[int, int] | None:
    """Where the arguments end and the result begins; no `is` stands behind `last`."""
    for then in _THEN.finditer(line, start):
        if then["what"] is None:
            return then.start(), then.end()
        if then.end() <= last and (found := _IS.search(line, then.end())):
            return then.start(), found.end()
    return None


def _value(line: str, start: int) -> str:
    return line[start : start + _MAX_LINE].lstrip(" \t").removeprefix(":").lstrip(" \t")


def _is_all_literal(call: str) -> bool:
    match _statements(call):
        case [ast.Expr(value=ast.Call(args=[], keywords=[_, *_] as keywords))]:
            return all(_is_literal(keyword.value) for keyword in keywords)
    return False


def _assert(call: str, rest: str) -> str:
    """`assert call == value` for the longest literal that `rest` begins with, else ``""``."""
    call = call.strip()
    if len(call) > _MAX_LINE or not _BEGINS_LITERAL.match(rest):
        return ""
    for end in range(min(len(rest), 500), 0, -1):
        value = rest[:end].strip()
        value = _AS_PYTHON.get(value, value)
        test = f"assert {call} == {value}"
        if _is_literal(value) and len(_statements(test)) == 1:
            return "" if _GOES_ON.match(rest, len(rest[:end].rstrip())) else test
    return ""


def _is_literal(value: str | ast.expr) -> bool:
    try:
        with quiet():
            ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _statements(line: str) -> list[ast.stmt]:
    """What a line of Python holds; nothing if it does not parse, or is too long."""
    try:
        with quiet():
            return ast.parse(line.strip()).body if len(line) <= _MAX_LINE else []
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return []
