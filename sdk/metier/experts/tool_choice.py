"""Which skill a model may choose, with which arguments, and what is checked of its choice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from pydantic import BaseModel

from metier.errors import InvalidOutput
from metier.experts.tools import Skill

NO_SKILL = "none"


class SkillChoice(BaseModel):
    """Which skill to call, with which arguments."""

    skill: str
    arguments: dict[str, Any] = {}


_CHOOSE = (
    "Which of these functions answers it?\n{skills}\n\n"
    'Reply with JSON: {{"skill": its name, "arguments": its arguments}}. Copy every argument from '
    "the question as it stands there, and calculate nothing. Where no function helps: "
    '{{"skill": "none"}}.'
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def asking_for(skills: Mapping[str, Skill]) -> str:
    """What a model is asked, with the skills listed."""
    return _CHOOSE.format(skills="\n".join(_shown(entry) for entry in skills.values()))


def choice_schema(skills: Mapping[str, Skill], *, may_decline: bool) -> dict[str, Any]:
    """A grammar for a skill's name with its own arguments, or "none" where it may decline."""
    choices: list[dict[str, Any]] = [
        {
            "type": "object",
            "properties": {
                "skill": {"const": name},
                "arguments": entry.arguments.model_json_schema(),
            },
            "required": ["skill", "arguments"],
        }
        for name, entry in skills.items()
    ]
    nothing = {"type": "object", "properties": {"skill": {"const": NO_SKILL}}}
    declined = [nothing | {"required": ["skill"]}] if may_decline else []
    return {"anyOf": [*choices, *declined]}


def states(text: str, arguments: Mapping[str, Any]) -> bool:
    """Whether a text holds every argument: each number, and each string in any case of letters."""
    known = _numbers_in(text)

    def stated(value: object) -> bool:
        if _is_number(value):
            return abs(value) in known
        if isinstance(value, list):
            return all(map(stated, value))
        return isinstance(value, str) and value.casefold() in text.casefold()

    return all(map(stated, arguments.values()))


def check_numbers(arguments: Mapping[str, Any], said: str) -> None:
    """Refuse a number that nobody said.

    Raises:
        InvalidOutput: an argument is a number that stands nowhere in the text.
    """
    known = _numbers_in(said)
    for name, value in arguments.items():
        if _is_number(value) and abs(value) not in known:
            raise InvalidOutput(f"the argument {name} = {value!r} stands nowhere in the task")


def _shown(entry: Skill) -> str:
    properties = entry.arguments.model_json_schema().get("properties", {})
    arguments = ", ".join(f"{name}: {prop.get('type', 'any')}" for name, prop in properties.items())
    return f"- {entry.name}({arguments}): {entry.description}"


def _numbers_in(text: str) -> set[float]:
    return {float(number.replace(",", "")) for number in _NUMBER.findall(text)}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
