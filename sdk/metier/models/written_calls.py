"""Calls of tools that a model writes into its text, as small models do.

`qwen2.5-coder` answers with `{"name": …, "arguments": {…}}`, bare, in a code fence or between tags
that its tokenizer does not know as such, and a server that waits for the tags sees only text. What
is found here is only what was written; `call_checks` says whether it may be called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# A call is short. Of a longer text, such as a quoted document, only the beginning is read.
_MOST_CHARS = 16_000
_MOST_OBJECTS = 16
_NAMES = ("name", "function", "tool", "tool_name", "function_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "kwargs")
# What may stand between a call and its neighbours: fences, tags, list signs, a word for them.
_FRAME = re.compile(
    r"(?:[\s,;:\[\]`]|</?(?:tool_call|tools?|function_call|functions?|xml|json)>"
    r"|\b(?:json|tool_call|function_call|xml)\b)*+",
    re.IGNORECASE,
)
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A call as it was written, before any check.

    Attributes:
        start: where it begins in the text.
        end: where it ends.
    """

    name: str
    arguments: dict[str, Any]
    start: int
    end: int


def written_calls(text: str) -> list[Written]:
    """The calls that a text consists of, in order; empty if it says anything else after them.

    Words before the first call are allowed ("I will look that up:"), words between and after are
    not: a text that goes on talking quotes or explains a call.
    """
    if len(text) > _MOST_CHARS:
        return []
    found = list(_objects(text))
    read = [_calls_in(value, start, end) for start, end, value in found]
    if not read or not all(read):
        return []
    ends = [end for _, end, _ in found]
    starts = [start for start, _, _ in found[1:]]
    after = [text[end:start] for end, start in zip(ends, [*starts, len(text)], strict=True)]
    if not all(map(_FRAME.fullmatch, after)):
        return []
    return [call for calls in read for call in calls]


def _objects(text: str) -> Iterator[tuple[int, int, object]]:
    """The JSON objects of a text that lie in no other, and where they begin and end."""
    at = text.find("{")
    tried = 0
    while at >= 0 and tried < _MOST_OBJECTS:
        tried += 1
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield at, end, value
        at = text.find("{", end)


def _calls_in(value: object, start: int, end: int) -> list[Written]:
    """The call that a JSON value is, or the calls that it wraps."""
    if not isinstance(value, dict):
        return []
    given: dict[str, Any] = value
    if isinstance(several := given.get("tool_calls"), list):
        return [call for each in several for call in _calls_in(each, start, end)]
    if isinstance(inner := given.get("function") or given.get("tool_call"), dict):
        return _calls_in(inner, start, end)
    name = next((given[key] for key in _NAMES if isinstance(given.get(key), str)), None)
    arguments = _arguments(given)
    if name is None or arguments is None:
        return []
    return [Written(name=name, arguments=arguments, start=start, end=end)]


def _arguments(value: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a call; none were written if there is no key for them."""
    given = next((value[key] for key in _ARGUMENTS if key in value), {})
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return None
    if not given:  # null, or an empty list
        return {}
    return given if isinstance(given, dict) else None
