"""Which of the calls that a model wants are made: offered ones, with arguments that fit.

A call that a model wrote as text may be one that it read: a document that holds a call, or asks for
one, can make a small model write it. So such a call is refused if an argument comes from a document
and not from the user's words, or if an earlier result or pasted text spells the whole call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union

from pydantic import ConfigDict, TypeAdapter, ValidationError

from metier.models.server import ToolCall, ToolSpec
from metier.models.written_calls import Written
from metier.plan import Message

_TAG = re.compile(r"<(/?)(document|result|returned)\b[^<>]{0,2000}>", re.IGNORECASE)
# Small models write numbers as strings and strings as numbers.
_LAX = ConfigDict(coerce_numbers_to_str=True)
_TYPES: dict[object, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
    "null": None,
}


def offered(name: str, tools: Sequence[ToolSpec]) -> ToolSpec | None:
    """The tool of this name, or the only one of this name in any plugin (`shop-price`: `price`)."""
    for tool in tools:
        if tool.name == name:
            return tool
    found = [tool for tool in tools if _bare(tool.name) == _bare(name)]
    return found[0] if len(found) == 1 else None


def checked(written: Written, tools: Sequence[ToolSpec]) -> ToolCall | None:
    """The call, if its tool was offered and its arguments fit; else None."""
    tool = offered(written.name, tools)
    if tool is None:
        return None
    arguments = _fitting(written.arguments, tool.schema)
    return None if arguments is None else ToolCall(name=tool.name, arguments=arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a conversation says, in small letters: the user's own words apart from mere data."""

    own: str
    documents: str
    results: str

    @classmethod
    def of(cls, messages: Sequence[Message]) -> Said:
        """What the user's messages say. Those of the model and of the system do not count."""
        texts: dict[str, list[str]] = {"": [], "document": [], "result": []}
        for message in messages:
            if message.role == "user":
                for tag, text in _parts(message.content):
                    texts[tag].append(text.casefold())
        own, documents, results = ("\n".join(each) for each in texts.values())
        return cls(own=own, documents=documents, results=results)

    def quotes(self, call: ToolCall) -> bool:
        """Whether the model has read the call rather than wants it."""
        values = [text.casefold() for text in _leaves(call.arguments) if text]
        foreign = [value for value in values if value not in self.own]
        if any(value in self.documents for value in foreign):
            return True
        if _spelt(call.name, self.documents) and not values:
            return True
        if _spelt(call.name, self.results):
            return not values or any(value in self.results for value in foreign)
        return _spelt(call.name, self.own) and not foreign


def _spelt(name: str, text: str) -> bool:
    """Whether a text spells a call of this tool: its name as a string of JSON, or with brackets."""
    for each in {name.casefold(), _bare(name).casefold()}:
        escaped = re.escape(each)
        if re.search(rf"[\"'>]{escaped}[\"'<\\]|\b{escaped}\(", text):
            return True
    return False


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """The pieces of a text, each with the kind of data that it is; empty for the user's words."""
    open_tags: list[str] = []
    at = 0
    for tag in _TAG.finditer(text):
        yield (open_tags[-1] if open_tags else ""), text[at : tag.start()]
        at = tag.end()
        if not tag[1]:
            open_tags.append("document" if tag[2].lower() == "document" else "result")
        elif open_tags:
            open_tags.pop()
    yield (open_tags[-1] if open_tags else ""), text[at:]


def _leaves(value: object) -> Iterator[str]:
    match value:
        case Mapping():
            for each in value.values():
                yield from _leaves(each)
        case list():
            for each in value:
                yield from _leaves(each)
        case bool() | None:
            return
        case _:
            yield str(value)


def _bare(name: str) -> str:
    """A tool's name without that of its plugin."""
    return re.split(r"[-.]", name)[-1]


def _fitting(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments as the schema's types; None if one is missing, unknown or does not fit."""
    properties = schema.get("properties") or {}
    required = schema.get("required") or ()
    given = {name: value for name, value in arguments.items() if value is not None}
    if not given.keys() <= properties.keys() or not given.keys() >= set(required):
        return None
    try:
        return {name: _as_type(value, properties[name]) for name, value in given.items()}
    except (ValidationError, TypeError):  # the latter of a schema whose choices are no scalars
        return None


def _as_type(value: object, schema: object) -> object:
    """A value as the type of its schema, as far as it says one.

    Raises:
        ValidationError: it cannot be read as one of this type, or is none of the choices.
    """
    given = schema if isinstance(schema, Mapping) else {}
    kinds = given.get("type")
    types = [_TYPES.get(kind, Any) for kind in (kinds if isinstance(kinds, list) else [kinds])]
    union: Any = Union
    fitted = TypeAdapter(union[tuple(types)], config=_LAX).validate_python(value)
    if choices := given.get("enum"):
        literal: Any = Literal
        TypeAdapter(literal[tuple(choices)]).validate_python(fitted)
    return fitted
