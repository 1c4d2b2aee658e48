"""An expert, or a council, as a plugin of a kernel."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from inspect import isasyncgen, isgenerator
from typing import Any, Self

from pydantic import Field
from semantic_kernel.contents import StreamingTextContent
from semantic_kernel.filters.functions.function_invocation_context import FunctionInvocationContext
from semantic_kernel.functions import (
    FunctionResult,
    KernelFunction,
    KernelFunctionFromMethod,
    KernelFunctionMetadata,
    KernelParameterMetadata,
    KernelPlugin,
)

from metier.bridges.asking import Asked, asked, conversation, words
from metier.bridges.semantic_kernel.contents import metadata_of
from metier.council import Council
from metier.errors import InvalidInput
from metier.experts.card import Card
from metier.experts.expert import Expert
from metier.experts.tools import Tool
from metier.plan import Message

ASK = "ask"
# Where a function's card is found in `metadata.additional_properties`.
CARD = "metier_card"
# Names of parameters that a kernel fills in itself.
RESERVED = frozenset({"arguments", "execution_settings", "kernel", "service"})

_QUESTION = KernelParameterMetadata(
    name="question",
    description="The question, with all that is needed to answer it",
    default_value=None,
    type_="str",  # pyrefly: ignore[unexpected-keyword]  # populated by name
    type_object=str,
    is_required=True,
)


def expert_plugin(
    expert: Expert | str, *, council: Council | None = None, plugin_name: str | None = None
) -> KernelPlugin:
    """An expert as a plugin: `ask`, which streams, and its tools.

    Args:
        expert: the expert, or the id of one of the council's.
        council: whose models and limits it uses; it is added to this council. If none is given,
            a council of the installed experts is made, with this one beside them.
        plugin_name: the expert's id if not given.

    Raises:
        UnknownExpert: no expert of the council has this id.
        InvalidInput: one of its tools is called `ask`.
    """
    who = asked(expert, council=council)
    found = who.council.registry.expert(str(who.expert))
    if ASK in found.tools:
        raise InvalidInput(
            f"{found.id} has a tool called {ASK!r}, which is the name of the plugin's function",
            hint=f'Call it otherwise: @tool(name="{ASK}_it")',
        )
    name = plugin_name or found.id
    tools = [_tool_function(each, name) for each in found.tools.values()]
    ask = AskFunction(who, name=ASK, plugin_name=name, card=found.card)
    return KernelPlugin(name=name, description=found.card.description, functions=[ask, *tools])


def council_plugin(council: Council, *, plugin_name: str = "council") -> KernelPlugin:
    """A council as a plugin: `ask`, which plans, and a function for each expert.

    Raises:
        InvalidInput: an expert's id is `ask`.
    """
    if ASK in council.registry.entries:
        raise InvalidInput(f"an expert is called {ASK!r}", hint="Give it another id")
    cards = council.registry.cards
    experts = [
        AskFunction(asked(name, council=council), name=name, plugin_name=plugin_name, card=card)
        for name, card in cards.items()
    ]
    ask = AskFunction(asked(council), name=ASK, plugin_name=plugin_name)
    description = "Local experts: " + "; ".join(card.description for card in cards.values())
    return KernelPlugin(name=plugin_name, description=description, functions=[ask, *experts])


class AskFunction(KernelFunction):
    """The function that asks an expert or a council; called through a kernel, filters fire."""

    asked: Any = Field(exclude=True)

    def __init__(
        self, who: Asked, *, name: str, plugin_name: str, card: Card | None = None
    ) -> None:
        described = "Ask local experts; who answers which part is planned"
        metadata = KernelFunctionMetadata(
            name=name,
            plugin_name=plugin_name,
            description=card.description if card else described,
            parameters=[_QUESTION],
            is_prompt=False,
            additional_properties={CARD: card.model_dump(mode="json")} if card else {},
        )
        super().__init__(metadata=metadata, asked=who)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy with its own metadata, which asks the same council."""
        return self.model_copy(update={"metadata": self.metadata.model_copy(deep=True)})

    async def _invoke_internal(self, context: FunctionInvocationContext) -> None:
        answer = await self.asked.answer(_conversation(context))
        context.result = FunctionResult(
            function=self.metadata,
            value=answer.with_footer,
            metadata={"arguments": context.arguments, **metadata_of(answer)},
        )

    async def _invoke_internal_stream(self, context: FunctionInvocationContext) -> None:
        pieces = _pieces(self.asked, _conversation(context))
        context.result = FunctionResult(function=self.metadata, value=pieces)


class ToolFunction(KernelFunction):
    """A tool, called as metier calls it.

    Its arguments are checked, where a kernel takes "false" for true; a plain `def` runs in a
    thread, where a kernel would run it on the event loop.
    """

    tool: Any = Field(exclude=True)

    async def _invoke_internal(self, context: FunctionInvocationContext) -> None:
        value = await self._called(context)
        if isasyncgen(value):
            value = [each async for each in value]
        elif isgenerator(value):
            value = list(value)
        self._give(context, value)

    async def _invoke_internal_stream(self, context: FunctionInvocationContext) -> None:
        self._give(context, await self._called(context))

    async def _called(self, context: FunctionInvocationContext) -> object:
        given = {
            name: context.arguments[name]
            for name in self.tool.parameters
            if name in context.arguments
        }
        return await self.tool.run(**self.tool.bound(given))

    def _give(self, context: FunctionInvocationContext, value: object) -> None:
        metadata = {"arguments": context.arguments}
        context.result = FunctionResult(function=self.metadata, value=value, metadata=metadata)


def _tool_function(tool: Tool, plugin_name: str) -> KernelFunction:
    made = KernelFunctionFromMethod(method=tool.call, plugin_name=plugin_name)
    if RESERVED & {parameter.name for parameter in made.parameters}:
        return made
    return ToolFunction(metadata=made.metadata, tool=tool)


def _conversation(context: FunctionInvocationContext) -> tuple[Message, ...]:
    return conversation(str(context.arguments.get("question") or ""))


async def _pieces(
    who: Asked, messages: tuple[Message, ...]
) -> AsyncGenerator[list[StreamingTextContent], None]:
    async with aclosing(who.stream(messages)) as events:
        async for event in events:
            if text := words(event):
                yield [StreamingTextContent(choice_index=0, text=text)]
