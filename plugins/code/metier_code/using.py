"""The numbers that the steps before found: a program is to use them, not to compute them again.

A small model is told "answer = 452.02" and computes the number again in its function, wrongly, or
invents another. So its program is to begin with `GIVEN = 452.0218`, and is written once more if it
neither uses that number nor computes it from those of the question before.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass

from metier import Task
from metier.sandbox import quiet
from metier_code.naming import asked_functions

_ONLY = "GIVEN"
# A value with one number: `x = 13`, `$1,234.50`, `-40 °C`; no sum, no date, no power of ten.
_VALUE = re.compile(
    r"(?:[^\W\d]\w{0,30} = )?[^\w\s.,+-]?\s?([-−]?\d{1,15}(?:,\d{3})*(?:[.,]\d{1,15})?)"
    r"(?![\deE.,])\s?([^\d*+=^:\n-]{0,24})"
)
_THOUSANDS = re.compile(r"[-−]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMERAL = re.compile(r"(?<![\w.])\d{1,15}(?:,\d{3})*(?:\.\d{1,15})?")
# A function for any value is not about the one that was found.
_FOR_ANY = re.compile(
    r"\b(?:any|every|each|all|other|another|given|general\w*|arbitrary|same|beliebige\w*|jede\w*|"
    r"tout\w*|n['’]importe|autres?|cualquier\w*|otr[oa]s?|qualsiasi|altr[oi]|qualquer|outr[oa]s?)\b",
    re.IGNORECASE,
)
# Numbers that agree so well are the same one, rounded.
_ALIKE = 0.005
# Up to it, numbers stand in programs for many reasons.
_COMMON = 2
# `1.200` is more than a thousand in some languages.
_AMBIGUOUS = re.compile(r"[-−]?[1-9]\d{0,2}\.\d{3}")
_BLOCK = re.compile(r"```(?:python|py)[ \t]*\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number that an earlier step gave.

    Attributes:
        name: that a program is to give it.
        shown: as it was written, with its unit: `452.0218 ml`.
    """

    name: str
    value: float
    unit: str
    shown: str

    @property
    def line(self) -> str:
        """Its line in a program: `GIVEN = 452.0218  # ml`."""
        return f"{self.name} = {self.value:.15g}{f'  # {self.unit}' * bool(self.unit)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the earlier steps gave.

    Attributes:
        asked: the numbers of their questions.
    """

    numbers: tuple[Number, ...]
    asked: frozenset[float]

    @property
    def wish(self) -> str:
        """What is added to the request."""
        lines = "\n".join(each.line for each in self.numbers)
        return f"Begin the code with this, and use {self._of('name')}:\n{lines}"

    @property
    def reminder(self) -> str:
        """What is added if a program uses none of the numbers."""
        return f"{self.wish}\nDo not compute that again."

    @property
    def note(self) -> str:
        """What the answer says if no program uses one."""
        return f"Note: this code does not use the earlier result, {self._of('shown')}."

    def is_used(self, code: str) -> bool:
        """Whether a program uses a number, or computes it from those of the question before.

        One that does not parse counts as well, since its answer says so. A number such as 2 is
        used only if it is compared with something, or has its name.
        """
        if (tree := _parsed(code)) is None or self._undefined(tree):
            return True
        stated = list(_constants(tree))
        own = [each for each in self.asked if each > _COMMON]
        return any(_has(tree, each, stated) for each in self.numbers) or (
            bool(own) and all(_is_stated(n, stated) or _is_stated(n / 100, stated) for n in own)
        )

    def defined(self, text: str, code: str) -> str:
        """The text with the line of each number whose name its program uses and does not define."""
        tree, block = _parsed(code), _BLOCK.search(text)
        if tree is None or block is None:
            return text
        added = [each.line for each in self._undefined(tree)]
        lines, first = text[block.end() :].split("\n"), _first_line(tree)
        return text[: block.end()] + "\n".join([*lines[:first], *added, *lines[first:]])

    def _of(self, field: str) -> str:
        return ", ".join(getattr(each, field) for each in self.numbers)

    def _undefined(self, tree: ast.AST) -> list[Number]:
        used: set[str] = set()
        defined: set[str] = set()
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Load()):
                    used.add(name)
                case ast.Name(id=name) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                    defined.add(name)
                case ast.alias(name=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    defined.add(name)
                case _:
                    pass
        return [each for each in self.numbers if each.name in used - defined]


def given_in(task: Task, *, besides: str) -> Given | None:
    """The numbers for the program of a task; None if it needs none.

    Args:
        besides: the expert whose results are programs.
    """
    inputs = [each for each in task.inputs if each.expert != besides]
    numerals = [_number(text) for each in inputs for text in _NUMERAL.findall(each.task)]
    asked = frozenset(number for number in numerals if number is not None)
    counts = [count for _, count in asked_functions(task.text)]
    # `bmi(kg, m)` after the BMI of 88 kg and 1.76 m is for others, too.
    is_general = len(asked) > 1 and max(counts, default=0) >= len(asked)
    if is_general or _FOR_ANY.search(task.text):
        return None
    values = [item for each in inputs for item in each.values.items()]
    numbers: dict[str, Number] = {}
    for name, value in values:
        # Of `143883*pi/1000 ≈ 452.0218 ml` the decimal is taken; `59*509` is not one number.
        _, sign, shown = value.rpartition("≈")
        shown = shown.strip()
        found = _VALUE.fullmatch(shown)
        if found is None or (not sign and _AMBIGUOUS.fullmatch(found[1])):
            continue
        if (number := _number(found[1])) is not None:
            key = _ONLY if len(values) == 1 else _constant(name, taken=numbers)
            numbers[key] = Number(name=key, value=number, unit=found[2].strip(), shown=shown)
    return Given(numbers=tuple(numbers.values()), asked=asked) if numbers else None


def _number(digits: str) -> float | None:
    """`8,849` is a thousand and more, `1,85` has a decimal comma, `1200,450,980` is no number."""
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    with suppress(ValueError):
        return float(digits.replace(",", ".").replace("−", "-"))
    return None


def _constant(name: str, *, taken: Collection[str]) -> str:
    plain = re.sub(r"\W+", "_", name).strip("_").upper()
    name = plain if plain.isidentifier() else _ONLY
    return f"{name}_{len(taken) + 1}" if name in taken else name


def _parsed(code: str) -> ast.Module | None:
    try:
        with quiet():
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _first_line(tree: ast.Module) -> int:
    """Behind how many lines a program may define something: `from __future__` comes first."""
    first = 0
    for node in tree.body:
        match node:
            case ast.ImportFrom(module="__future__", end_lineno=int(line)):
                first = line
            case ast.Expr(value=ast.Constant()):  # the docstring
                continue
            case _:
                break
    return first


def _constants(tree: ast.AST) -> Iterator[float]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=int(value) | float(value)) if not isinstance(value, bool):
                with suppress(OverflowError):
                    yield abs(float(value))
            case _:
                pass


def _has(tree: ast.AST, number: Number, stated: list[float]) -> bool:
    """Whether a program states a number."""
    if abs(number.value) in range(_COMMON + 1):
        parts = [part for node in ast.walk(tree) for part in _telling(node, number.name)]
        whole = [part for part in parts if isinstance(part, ast.Constant | ast.UnaryOp)]
        stated = [value for part in whole for value in _constants(part)]
    return _is_stated(number.value, stated)


def _telling(node: ast.AST, name: str) -> list[ast.expr]:
    """What is compared there, or what a name is given."""
    match node:
        case ast.Compare(left=left, comparators=others):
            return [left, *others]
        case ast.Assign(targets=[ast.Name(id=given)], value=value) if given == name:
            return [value]
        case _:
            return []


def _is_stated(value: float, stated: list[float]) -> bool:
    return any(abs(each - abs(value)) <= _ALIKE * abs(value) for each in stated)
