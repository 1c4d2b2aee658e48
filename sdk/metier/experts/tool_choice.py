"""Which tool a model may choose, with which arguments, and what is checked of its choice."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeGuard

from pydantic import BaseModel

from metier.errors import InvalidOutput
from metier.experts.tools import Tool

NO_TOOL = "none"


class ToolChoice(BaseModel):
    """Which tool to call, with which arguments."""

    tool: str
    arguments: dict[str, Any] = {}


_CHOOSE = (
    "Which of these functions answers it?\n{tools}\n\n"
    'Reply with JSON: {{"tool": its name, "arguments": its arguments}}. Copy every argument from '
    "the question as it stands there, and calculate nothing. Where no function helps: "
    '{{"tool": "none"}}.'
)
# Decimal rounds numbers of up to 28 digits; so many numbers are looked at.
_MOST_DIGITS = 12
_MOST_ROUNDED = 100
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# One number, written with a decimal point or with a decimal comma, and perhaps in groups.
_POINT = re.compile(r"(?:\d+|\d{1,3}(?:,\d{2,3})*,\d{3})(?:\.\d+)?")
_COMMA = re.compile(r"(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?")


def asking_for(tools: Mapping[str, Tool]) -> str:
    """What a model is asked, with the tools listed."""
    return _CHOOSE.format(tools="\n".join(_shown(entry) for entry in tools.values()))


def choice_schema(tools: Mapping[str, Tool], *, may_decline: bool) -> dict[str, Any]:
    """A grammar for a tool's name with its own arguments, or "none" where it may decline."""
    choices: list[dict[str, Any]] = [
        {
            "type": "object",
            "properties": {
                "tool": {"const": name},
                "arguments": entry.arguments.model_json_schema(),
            },
            "required": ["tool", "arguments"],
        }
        for name, entry in tools.items()
    ]
    nothing = {"type": "object", "properties": {"tool": {"const": NO_TOOL}}}
    declined = [nothing | {"required": ["tool"]}] if may_decline else []
    return {"anyOf": [*choices, *declined]}


def checked_choice(
    choice: ToolChoice, offered: Mapping[str, Tool], *, may_decline: bool
) -> ToolChoice:
    """The choice, if it is one that was offered: a grammar binds only the servers that enforce it.

    Raises:
        InvalidOutput: it names another tool, or declines although it may not.
    """
    if choice.tool in offered or (may_decline and choice.tool == NO_TOOL):
        return choice
    listed = ", ".join(map(repr, offered))
    raise InvalidOutput(f"the model chose {choice.tool!r}, and was offered {listed}")


def states(text: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a text holds every argument: each number, and each string in any case of letters."""
    known = _numbers_in(text)

    def stated(value: object) -> bool:
        if _is_number(value):
            return _exact(value) in known
        if isinstance(value, list):
            return all(map(stated, value))
        return isinstance(value, str) and value.casefold() in text.casefold()

    return all(map(stated, arguments.values()))


def tells(text: str, returned: str, said: str) -> bool | None:
    """Whether a text says what a tool returned; None if that cannot be seen.

    It does if it has a number that was returned, rounded or not, and no number that neither was
    returned nor said; without numbers, if the words that were returned stand in it.
    """
    wanted, known = _numbers_in(returned), _numbers_in(said)
    rounded = [each for each in wanted if each.adjusted() < _MOST_DIGITS][:_MOST_ROUNDED]
    read = [_read(token) for token in set(_NUMBER.findall(text))]
    told = [not one.isdisjoint(wanted) or _rounds(one, rounded) for one in read]
    if not all(got or not one.isdisjoint(known) for got, one in zip(told, read, strict=True)):
        return False
    if wanted:
        return any(told) or None
    words = one_line(returned).casefold()
    return (bool(words) and words in one_line(text).casefold()) or None


def _rounds(readings: Collection[Decimal], known: Collection[Decimal]) -> bool:
    """Whether one of the readings is one of these numbers, rounded to as many places."""
    return any(
        each.quantize(Decimal((0, (1,), int(number.as_tuple().exponent)))) == number
        for number in readings
        if len(number.as_tuple().digits) <= _MOST_DIGITS
        and -int(number.as_tuple().exponent) <= _MOST_DIGITS
        for each in known
    )


def checked_arguments(tool: Tool, arguments: Mapping[str, Any], said: str) -> dict[str, Any]:
    """The arguments as the tool's types, each of their numbers found in the text.

    Numbers are looked for at any depth of lists and objects, and within strings. Both what the
    model wrote and what the tool will get are checked: its types may make a number of a word.

    Raises:
        InvalidOutput: an argument does not fit its type, or has a number that the text does not.
    """
    bound = tool.bound(dict(arguments))
    known = _numbers_in(said)
    fixed = frozenset(_fixed_in(tool.arguments.model_json_schema()))
    for name, value in arguments.items():
        for number in _numbers_of([value, bound.get(name)], fixed):
            if not _is_known(number, known):
                raise InvalidOutput(
                    f"the argument {name} = {value!r}: {number} does not appear in the task"
                )
    return bound


def _shown(entry: Tool) -> str:
    properties = entry.arguments.model_json_schema().get("properties", {})
    arguments = ", ".join(f"{name}: {prop.get('type', 'any')}" for name, prop in properties.items())
    return one_line(f"- {entry.name}({arguments}): {entry.description}")


def one_line(text: str) -> str:
    """What a function says of itself, on the one line that it has in a prompt."""
    return " ".join(text.split())


def _numbers_in(text: str) -> set[Decimal]:
    """Every number that a text can be read to hold."""
    return {number for token in set(_NUMBER.findall(text)) for number in _read(token)}


def _read(token: str) -> set[Decimal]:
    """What digits with points and commas may mean: 1,234.5 is one number, 1.2.3 is three."""
    whole = _as_one(token)
    return whole.union(*map(_read, set(_pieces(token))))


def _as_one(token: str) -> set[Decimal]:
    """The token as one number, with a decimal point or a decimal comma."""
    point = {token.replace(",", "")} if _POINT.fullmatch(token) else set[str]()
    comma = {token.replace(".", "").replace(",", ".")} if _COMMA.fullmatch(token) else set[str]()
    return {Decimal(text) for text in point | comma}


def _pieces(token: str) -> list[str]:
    """The token as several numbers: a list, a date, a version, an address."""
    if "," in token:
        return token.split(",")
    return token.split(".") if token.count(".") > 1 else []


def _is_known(number: float | Decimal | str, known: Collection[Decimal]) -> bool:
    """Whether a value, or the digits in a string, are among the known numbers."""
    if not isinstance(number, str):
        return _exact(number) in known
    pieces = _pieces(number)
    alone = not _as_one(number).isdisjoint(known)
    return alone or (bool(pieces) and all(_is_known(piece, known) for piece in pieces))


def _numbers_of(value: object, fixed: Collection[str]) -> Iterator[int | float | Decimal | str]:
    """The numbers of a value at any depth; those in strings as they are written there.

    Args:
        fixed: strings that the schema itself offers, such as the names of an enumeration.
    """
    match value:
        case bool():
            return
        case int() | float() | Decimal():
            yield value
        case str():
            yield from () if value in fixed else _NUMBER.findall(value)
        case Mapping():
            yield from _numbers_of([*value.keys(), *value.values()], fixed)
        case list() | tuple() | set() | frozenset():
            for each in value:
                yield from _numbers_of(each, fixed)
        case BaseModel():
            yield from _numbers_of(value.model_dump(exclude_unset=True), fixed)
        case _:  # pydantic made it of what the model wrote, which is checked itself
            return


def _fixed_in(schema: object) -> Iterator[str]:
    """The strings that a JSON schema gives as the only choices."""
    match schema:
        case dict():
            yield from filter(_is_text, [schema.get("const"), *schema.get("enum", ())])
            for each in schema.values():
                yield from _fixed_in(each)
        case list():
            for each in schema:
                yield from _fixed_in(each)
        case _:
            return


def _exact(value: float | Decimal) -> Decimal:
    """The size of a number; a float is the decimal that it is written as."""
    return abs(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)
