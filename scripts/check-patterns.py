#!/usr/bin/env python3
"""Check that the regular expressions of the packages take linear time on hostile text.

`re` holds the interpreter while it matches: a quadratic pattern lets one pasted file stop a server,
and no deadline helps. Each pattern is timed on texts that are made from its own characters and the
beginnings of its matches, repeated. The check fails if four times the text takes clearly more than
four times as long. What a function puts into a pattern is replaced by `foo` if it is not known.
"""

from __future__ import annotations

import ast
import importlib
import re
import signal
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, is_dataclass
from itertools import permutations, product
from math import inf
from pathlib import Path
from re import _compiler, _parser  # type: ignore[attr-defined]  # the only reader of the dialect
from re import _constants as op  # type: ignore[attr-defined]
from time import thread_time
from types import FrameType, ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "sdk/metier",
    *(f"plugins/{name}/metier_{name}" for name in ("math", "code", "medical")),
)

# What starts a program, and packages that are not written yet.
_LEFT_OUT = {"__main__", "template", "declarative"}

# How a pattern is used decides what is timed: only `match` and `fullmatch` begin at one place.
_WAYS = {
    "match": "match",
    "fullmatch": "fullmatch",
    **dict.fromkeys(("search", "finditer", "findall", "sub", "subn", "split"), "finditer"),
}
_EVERYWHERE = frozenset({"finditer"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# Linear code takes 4 times as long on 4 times the text, quadratic code 16 times.
SIZE, FACTOR = 250, 4
_SUSPECT, _GUILTY = 7, 9
# A time from which on they can be told apart, and one that is worth it.
_LEAST_S, _CLEAR_S = 0.0001, 0.1
_LONGEST_S = 3.0
_LONGEST_TEXT = 500_000
# What comes last decides whether a match fails, and is tried in all other ways.
_ENDS = "\0", "a", "\n\0"
_COMMON = "a0 \n.,-_#\"'`([{<>*=:;!?|$\\/“¹%+@é中\0"
_MOST_CHARS, _MOST_PAIRED, _MOST_WORDS, _MOST_LOOPS = 24, 6, 40, 40


@dataclass(frozen=True, slots=True)
class Used:
    """A pattern, where it is written, and a way in which it is used."""

    place: str
    pattern: re.Pattern[str]
    way: str


@dataclass(frozen=True, slots=True)
class Hostile:
    """A text of any size."""

    lead: str
    piece: str
    end: str

    def __str__(self) -> str:
        return " + ".join(
            filter(None, (_quoted(self.lead), f"n * {self.piece!r}", _quoted(self.end)))
        )

    def text(self, size: int) -> str:
        return self.lead + self.piece * (size // len(self.piece)) + self.end


def main() -> int:
    used = list(patterns())
    with ProcessPoolExecutor() as pool:
        found = list(
            pool.map(slow_on, (each.pattern for each in used), (each.way for each in used))
        )
    slow = [(each, text) for each, text in zip(used, found, strict=True) if text is not None]
    for each, text in slow:
        print(f"{each.place}: {each.way} is slower than linear on {text}", file=sys.stderr)
    return 1 if slow else 0


# Which patterns there are


def patterns() -> Iterator[Used]:
    """Every pattern of the packages, once for each way in which it is used."""
    sources = dict(_sources())
    ways = _ways(sources)
    seen = set[tuple[re.Pattern[str], str]]()
    for name, tree in sources.items():
        if not _imports_re(tree):
            continue
        module = importlib.import_module(name)
        for used in (*_held_by(module, ways), *_compiled_in(module, tree)):
            if (used.pattern, used.way) not in seen:
                seen.add((used.pattern, used.way))
                yield used


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in (ROOT / package for package in PACKAGES):
        for file in sorted(folder.rglob("*.py")):
            parts = file.relative_to(folder.parent).with_suffix("").parts
            if not _LEFT_OUT & set(parts):
                yield ".".join(parts).removesuffix(".__init__"), ast.parse(file.read_text("utf-8"))


def _imports_re(tree: ast.Module) -> bool:
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    return any(alias.name == "re" for node in imports for alias in node.names)


def _ways(sources: Mapping[str, ast.Module]) -> Mapping[str, set[str]]:
    """How each variable is used. A public name stands for all variables that are called so."""
    ways = defaultdict[str, set[str]](set)
    for module, tree in sources.items():
        way_of: dict[ast.expr, str | None] = {}
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=value, attr=method), args=args):
                    # With a position it begins anywhere.
                    way_of[value] = _WAYS.get(method, "finditer") if len(args) < 2 else "finditer"
                case ast.Attribute(value=value, attr="pattern" | "flags"):
                    way_of[value] = None
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                    if way := way_of.get(node, "finditer"):
                        ways[_key(module, name)].add(way)
    return ways


def _key(module: str, variable: str) -> str:
    return f"{module}.{variable}" if variable.startswith("_") else variable


def _held_by(module: ModuleType, ways: Mapping[str, set[str]]) -> Iterator[Used]:
    for variable, value in vars(module).items():
        for pattern in _within(value):
            for way in ways.get(_key(module.__name__, variable), _EVERYWHERE):
                yield Used(f"{module.__name__}.{variable}", pattern, way)


def _within(value: Any) -> Iterator[re.Pattern[str]]:  # noqa: ANN401  # whatever a module holds
    """The patterns in a value: itself, in a collection, in a dataclass."""
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, dict):
        yield from _within(tuple(value.values()))
    elif isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from _within(each)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _within(tuple(getattr(value, each.name, None) for each in fields(value)))


def _compiled_in(module: ModuleType, tree: ast.Module) -> Iterator[Used]:
    """The patterns that functions of a module compile."""
    functions = (node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS))
    for function in functions:
        for node in ast.walk(function):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="re"), attr=method), args=[first, *_]
                ) if method in {"compile", *_WAYS}:
                    place = f"{module.__name__}, line {node.lineno}"
                    for text in _texts(first, function, module):
                        pattern = re.compile(text, _flags(node, module))
                        yield Used(place, pattern, _WAYS.get(method, "finditer"))


def _texts(node: ast.expr, function: ast.AST, module: ModuleType) -> set[str]:
    """What an expression may stand for."""

    def of(*nodes: ast.expr) -> Iterable[set[str]]:
        return (_texts(each, function, module) for each in nodes)

    match node:
        case ast.JoinedStr(values=parts):
            return {"".join(texts) for texts in product(*of(*parts))}
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return {"".join(texts) for texts in product(*of(left, right))}
        case ast.FormattedValue(value=value):
            return set().union(*of(value))
        case ast.IfExp(body=one, orelse=other):
            return set().union(*of(one, other))
        case ast.Name(id=name) if assigned := list(_assigned(name, function)):
            return set().union(*of(*assigned))
    value = _evaluated(node, module)
    return {value} if isinstance(value, str) else {"foo"}


def _assigned(name: str, function: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value


def _flags(call: ast.Call, module: ModuleType) -> re.RegexFlag:
    values = [
        _evaluated(each, module) for each in (*call.args[1:], *(k.value for k in call.keywords))
    ]
    return next((each for each in values if isinstance(each, re.RegexFlag)), re.RegexFlag(0))


def _evaluated(node: ast.expr, module: ModuleType) -> object:
    """None if it depends on the arguments of the function."""
    try:
        return eval(ast.unparse(node), dict(vars(module)))  # noqa: S307  # our own source
    except Exception:  # noqa: BLE001  # whatever an expression raises without its variables
        return None


# What is hostile to a pattern


def hostile(pattern: re.Pattern[str]) -> Iterator[Hostile]:
    """Texts that repeat what a pattern reads, from the start or behind what leads to it."""
    tree = _parser.parse(pattern.pattern, pattern.flags)
    examples = _Examples(tree, _COMMON + pattern.pattern)
    looped, chars, words = dict[tuple[str, str], None](), dict[str, None](), dict[str, None]()
    for before, sequence in _sequences(tree, "", examples):
        words[before + examples.of(sequence)] = None
        for n, (kind, value) in enumerate(sequence):
            chars |= dict.fromkeys(examples.chars(kind, value))
            if kind in _REPEATS:
                lead, body = before + examples.of(sequence[:n]), examples.of(value[2])
                pieces = (*examples.first(value[2]), body, *examples.first(sequence[n + 1 :]))
                looped |= dict.fromkeys((lead, each) for each in pieces)
                words |= dict.fromkeys((lead + body, f"{lead}{body} ", examples.of(sequence[n:])))
    chars = dict.fromkeys(piece for _, piece in looped if len(piece) == 1) | chars
    pairs = map("".join, permutations([*chars][:_MOST_PAIRED], 2))
    pieces = [*[*chars][:_MOST_CHARS], *[*words][:_MOST_WORDS]]
    yield from (Hostile("", *each) for each in product(pieces, _ENDS) if each[0])
    yield from (Hostile("", pair, _ENDS[0]) for pair in pairs)
    yield from (Hostile(*each, end) for each in [*looped][:_MOST_LOOPS] for end in _ENDS if each[1])


_REPEATS = frozenset({op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT})
_ASSERTIONS = frozenset({op.ASSERT, op.ASSERT_NOT})
_CLASSES = frozenset({op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN})


def _sequences(
    sequence: Any,  # noqa: ANN401  # `re` does not name its type
    before: str,
    examples: _Examples,
) -> Iterator[tuple[str, Any]]:
    """A part of a pattern and all parts within it, each with a text that leads to it."""
    yield before, sequence
    for n, (kind, value) in enumerate(sequence):
        for part in _parts(kind, value):
            yield from _sequences(part, before + examples.of(sequence[:n]), examples)


def _parts(kind: Any, value: Any) -> Iterable[Any]:  # noqa: ANN401  # see _sequences
    if kind in _REPEATS:
        return [value[2]]
    if kind is op.SUBPATTERN:
        return [value[3]]
    if kind is op.ATOMIC_GROUP:
        return [value]
    if kind is op.BRANCH:
        return value[1]
    return [value[1]] if kind in _ASSERTIONS else []


class _Examples:
    """Short texts that the parts of a pattern match.

    Args:
        tree: the pattern, parsed.
        alphabet: characters that may be in them.
    """

    def __init__(self, tree: Any, alphabet: str) -> None:  # noqa: ANN401  # see _sequences
        self._state = tree.state
        self._alphabet = dict.fromkeys(alphabet)

    def of(self, sequence: Any) -> str:  # noqa: ANN401  # see _sequences
        """One that a part matches; what stands around it is not looked at."""
        return "".join(self._of_item(kind, value) for kind, value in sequence)

    def _of_item(self, kind: Any, value: Any) -> str:  # noqa: ANN401  # see _sequences
        if kind in _ASSERTIONS:
            return ""
        if parts := _parts(kind, value):
            return self.of(parts[0]) * (max(1, value[0]) if kind in _REPEATS else 1)
        return next(iter(self.chars(kind, value)), "")

    def chars(self, kind: Any, value: Any) -> list[str]:  # noqa: ANN401  # see _sequences
        """Some characters that an item reads; none if it is no class of characters."""
        if kind not in _CLASSES:
            return []
        one = _compiler.compile(_parser.SubPattern(self._state, [(kind, value)]))
        return [char for char in self._alphabet if one.fullmatch(char)][:3]

    def first(self, sequence: Any) -> list[str]:  # noqa: ANN401  # see _sequences
        """Some characters that a part reads first."""
        return [char for item in sequence[:1] for char in self.chars(*item)]


# How long it takes


def slow_on(pattern: re.Pattern[str], way: str) -> Hostile | None:
    """A text on which a pattern takes more than linear time; None if it was not seen to."""
    signal.signal(signal.SIGPROF, _stop)
    for text in hostile(pattern):
        took = _seconds(pattern, way, text.text(FACTOR * SIZE))
        if took == inf:
            return text
        if took < _LEAST_S or took < _SUSPECT * _seconds(pattern, way, text.text(SIZE)):
            continue
        if _is_guilty(pattern, way, text):
            return text
    return None


def _is_guilty(pattern: re.Pattern[str], way: str, text: Hostile) -> bool:
    """Whether it still takes too long where the text is long enough to measure it well."""
    size = SIZE
    while (took := _seconds(pattern, way, text.text(size))) < _CLEAR_S:
        if size >= _LONGEST_TEXT:
            return False
        size *= FACTOR
    before = min(_seconds(pattern, way, text.text(size // FACTOR)) for _ in range(3))
    # A busy machine makes a measurement longer, never shorter: a suspect is measured again.
    return took > _GUILTY * before and all(
        _seconds(pattern, way, text.text(size)) > _GUILTY * before for _ in range(3)
    )


def _seconds(pattern: re.Pattern[str], way: str, text: str) -> float:
    """Processor time that it takes; infinite if it had to be stopped."""
    start = thread_time()
    try:
        _use(pattern, way, text)
    except TimeoutError:
        return inf
    return thread_time() - start


def _use(pattern: re.Pattern[str], way: str, text: str) -> None:
    signal.setitimer(signal.ITIMER_PROF, _LONGEST_S)
    try:
        if way == "finditer":
            for _ in pattern.finditer(text):
                pass
        else:
            getattr(pattern, way)(text)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _stop(number: int, frame: FrameType | None) -> None:
    raise TimeoutError


def _quoted(text: str) -> str:
    return repr(text) if text else ""


if __name__ == "__main__":
    sys.exit(main())
