"""Functions of other systems as experts: cards for them, and arguments from a subtask."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, RootModel
from pydantic_core import to_json

from metier.errors import InvalidCard, nearest
from metier.experts.card import Capability, Card
from metier.experts.expert import Context, Expert, Task, messages_for
from metier.experts.tool_choice import checked_arguments, one_line
from metier.experts.tools import Tool

_LONGEST_TEXT = 2000
_LONGEST_ID = 63
_ARGUMENT_TOKENS = 300

Granularity = Literal["function", "plugin"]
Filled = RootModel[dict[str, Any]]


@dataclass(frozen=True)
class ForeignTool(Tool):
    """A function of another system, with the model of its arguments.

    Attributes:
        shape: as `schemas.arguments_model` makes it.
        required: the arguments that must be there.
    """

    shape: type[BaseModel]
    required: frozenset[str]

    @property
    def arguments(self) -> type[BaseModel]:
        """The model of its arguments."""
        return self.shape

    def bound(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as its types; those that were left out stay out, as it has defaults.

        Raises:
            InvalidOutput: they do not fit; the message names the argument.
        """
        filled = super().bound(arguments)
        return {
            name: value
            for name, value in filled.items()
            if value is not None or name in self.required
        }

    @property
    def only_text(self) -> str | None:
        """The argument that takes a subtask as it stands: the only one that must be there."""
        if len(self.required) != 1:
            return None
        (name,) = self.required
        schema = self.shape.model_json_schema()["properties"][name]
        free = schema.get("type") == "string" and not {"enum", "const", "pattern"} & schema.keys()
        return name if free else None


class ToolExpert(Expert):
    """An expert that answers with what one function returns.

    A function without arguments is called. One that needs a single text gets the subtask as it
    stands. Else a model fills the arguments in, following their schema; a number that does not
    appear in the task is refused.
    """

    def __init__(self, card: Card, tool: ForeignTool) -> None:
        super().__init__(card)
        self._tool = tool

    @cached_property
    def tools(self) -> dict[str, Tool]:
        """The function, for other experts too."""
        return {self._tool.name: self._tool}

    async def answer(self, task: Task, context: Context) -> AsyncIterator[str]:
        """What the function returns, as text."""
        yield text_of(await self._tool.run(**await self._arguments(task, context)))

    async def _arguments(self, task: Task, context: Context) -> dict[str, Any]:
        """The arguments as the function's types."""
        tool = self._tool
        if not tool.parameters:
            return {}
        alone = not task.inputs and not task.documents
        if alone and (name := tool.only_text) is not None:
            return {name: task.text}
        return await self._filled(task, context)

    async def _filled(self, task: Task, context: Context) -> dict[str, Any]:
        schema = self._tool.shape.model_json_schema()
        asked = _FILL.format(name=one_line(self._tool.name), arguments=_listed(schema))
        sampling = replace(context.sampling, max_tokens=_ARGUMENT_TOKENS, schema=schema)
        messages = messages_for(self.card, task, extra=asked)
        arguments = (await context.structured(messages, Filled, sampling=sampling)).root
        bound = checked_arguments(self._tool, arguments, task.said)
        context.mark_checked(True, how="the numbers of its arguments are in the question")
        return bound


class ToolsExpert(Expert):
    """An expert whose tools are the functions of another system's plugin."""

    def __init__(self, card: Card, tools: Iterable[ForeignTool]) -> None:
        super().__init__(card)
        self._tools = {tool.name: tool for tool in tools}

    @cached_property
    def tools(self) -> dict[str, Tool]:
        """The functions by name."""
        return dict(self._tools)


_FILL = (
    "Fill in the arguments of the function {name}:\n{arguments}\n\n"
    "Reply with JSON. Copy every argument from the question as it stands there, calculate nothing, "
    "and leave out what the question does not say."
)


def experts_of(
    source: str,
    tools: Sequence[ForeignTool],
    *,
    granularity: Granularity = "function",
    description: str = "",
    cards: Mapping[str, Card] | None = None,
) -> list[Expert]:
    """Functions as experts.

    Args:
        source: whose functions they are; the first part of the experts' ids.
        granularity: `function` makes an expert of each, which answers with what it returns;
            `plugin` makes one expert, whose model chooses a function and tells its result.
        description: what they are for together.
        cards: cards in place of those made from the descriptions, by the name of the function, or
            of the source.

    Raises:
        InvalidCard: a card is given for something that is not there.
    """
    given = dict(cards or {})
    whole = granularity == "plugin"
    known = [source] if whole else [tool.name for tool in tools]
    if unknown := sorted(given.keys() - set(known)):
        raise InvalidCard(
            f"a card is given for {unknown[0]!r}, which is not there{nearest(unknown[0], known)}",
            hint=f"Cards can be given for: {', '.join(known)}",
        )
    if whole:
        joined = description or "; ".join(tool.description for tool in tools if tool.description)
        card = given.get(source) or card_of(identifier(source), joined, tools)
        return [ToolsExpert(card, tools)]
    ids = distinct(identifier(f"{source}_{tool.name}") for tool in tools)
    return [
        ToolExpert(given.get(tool.name) or card_of(expert_id, tool.description, [tool]), tool)
        for expert_id, tool in zip(ids, tools, strict=True)
    ]


def card_of(expert_id: str, description: str, tools: Sequence[ForeignTool]) -> Card:
    """A card with a capability for each function. Without examples it is chosen less surely."""
    names = distinct(identifier(tool.name) for tool in tools)
    capabilities = tuple(
        Capability(name=name, description=sentence(tool.description, name))
        for name, tool in zip(names, tools, strict=True)
    )
    described = sentence(description, expert_id)
    return Card(id=expert_id, description=described, capabilities=capabilities)


def identifier(name: str) -> str:
    """A name in the form that ids have here: `MixerBox-getUser` as `mixer_box_get_user`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    plain = re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")
    return re.sub(r"^(?=[^a-z]|$)", "f_", plain)[:_LONGEST_ID].rstrip("_")


def distinct(names: Iterable[str]) -> list[str]:
    """The names, each made different from those before it by a number."""
    found: dict[str, None] = {}
    for name in names:
        number, each = 1, name
        while each in found:
            number += 1
            each = f"{name[: _LONGEST_ID - 4]}_{number}"
        found[each] = None
    return list(found)


def text_of(value: object) -> str:
    """A result for readers: texts as they are, everything else as JSON."""
    if isinstance(value, str):
        return value
    return "no result" if value is None else to_json(value, fallback=str).decode()


def sentence(description: str, name: str) -> str:
    """A description that a card takes: one line, not empty, and not too long."""
    return one_line(description)[:_LONGEST_TEXT].strip() or name.replace("_", " ")


def _listed(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    lines = []
    for name, given in schema["properties"].items():
        needed = "" if name in required else ", may be left out"
        meaning = given.get("description", "")
        line = one_line(f"- {name} ({given.get('type', 'any')}{needed}): {meaning}")
        lines.append(line.rstrip(": "))
    return "\n".join(lines)
