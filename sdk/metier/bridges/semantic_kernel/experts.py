"""Any plugin of Semantic Kernel as experts."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from functools import partial
from typing import Annotated, Any

import anyio.to_thread
from pydantic import Field, TypeAdapter, WithJsonSchema
from pydantic.errors import PydanticUserError
from semantic_kernel import Kernel
from semantic_kernel.exceptions import KernelException, KernelInvokeException
from semantic_kernel.functions import (
    KernelArguments,
    KernelFunction,
    KernelFunctionFromMethod,
    KernelParameterMetadata,
    KernelPlugin,
)

from metier.bridges.schemas import annotation_of, arguments_model
from metier.bridges.semantic_kernel.contents import value_of
from metier.bridges.semantic_kernel.plugin import RESERVED
from metier.bridges.tools import ForeignTool, Granularity, experts_of
from metier.errors import ExpertFailed, InvalidInput
from metier.experts.card import Card
from metier.experts.expert import Expert


def from_kernel_plugin(
    plugin: KernelPlugin | object,
    *,
    kernel: Kernel | None = None,
    granularity: Granularity = "function",
    cards: Mapping[str, Card] | None = None,
) -> list[Expert]:
    """A plugin as experts: one of SK's own, from OpenAPI, from MCP, a folder of prompts, an agent.

    Functions are called through the kernel, so that its filters and telemetry fire. A plain `def`
    runs in a thread, not on the event loop as a kernel would run it.

    Args:
        plugin: the plugin, or an object with marked methods. It is not added to the kernel.
        kernel: whose services, filters and telemetry are used; an empty one if not given.
        granularity: `function` makes an expert of each function, which answers with what that
            returns; `plugin` makes one expert, whose model chooses a function and tells its result.
        cards: cards in place of those made from the descriptions, by the name of the function, or
            of the plugin. A card with examples is chosen more surely.

    Raises:
        InvalidInput: the plugin has no function.
        InvalidCard: a card is given for something that is not there.
    """
    found = _plugin(plugin)
    tools = [_tool(function, kernel or Kernel()) for function in found]
    if not tools:
        raise InvalidInput(
            f"the plugin {found.name!r} has no function",
            hint="Mark its methods with @kernel_function; one of MCP has to be connected first",
        )
    return experts_of(
        found.name,
        tools,
        granularity=granularity,
        description=found.description or "",
        cards=cards,
    )


def _plugin(plugin: KernelPlugin | object) -> KernelPlugin:
    if isinstance(plugin, KernelPlugin):
        return plugin
    name = getattr(plugin, "name", None)
    named = name if isinstance(name, str) else type(plugin).__name__
    # The first paragraph of the class's own words, which a kernel would leave out.
    documented = inspect.cleandoc(type(plugin).__doc__ or "").partition("\n\n")[0]
    description = getattr(plugin, "description", None) or documented
    return KernelPlugin.from_object(named, plugin, description=str(description))


def _tool(function: KernelFunction, kernel: Kernel) -> ForeignTool:
    visible = [
        parameter
        for parameter in function.parameters
        if parameter.include_in_function_choices and parameter.name not in RESERVED
    ]
    required = frozenset(str(each.name) for each in visible if each.is_required)
    annotations = {str(each.name): _annotation(each) for each in visible}
    return ForeignTool(
        name=function.name,
        description=function.description or "",
        call=partial(_call, _threaded(function), kernel),
        shape=arguments_model(annotations, required=required),
        required=required,
    )


async def _call(function: KernelFunction, kernel: Kernel, **arguments: Any) -> Any:
    # New arguments for each call: a kernel writes into those that it is given.
    try:
        result = await kernel.invoke(function, KernelArguments(**arguments))
    except KernelInvokeException as exc:
        cause = _cause(exc)
        raise ExpertFailed(
            f"{function.fully_qualified_name} raised {type(cause).__name__}: {cause}"
        ) from exc
    if result is None:
        raise ExpertFailed(f"{function.fully_qualified_name} was cancelled by a filter")
    return value_of(result)


def _cause(error: BaseException) -> BaseException:
    """What went wrong, below what a kernel wraps around it."""
    while isinstance(error, KernelException) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _annotation(parameter: KernelParameterMetadata) -> Any:
    schema = _schema(parameter)
    kind = parameter.type_object
    if kind in (None, Any, object, inspect.Parameter.empty):
        return annotation_of(schema)
    described = Annotated[kind, Field(description=parameter.description)]
    try:
        TypeAdapter(kind).json_schema()
    except PydanticUserError:  # a type that only the plugin knows
        return Annotated[described, WithJsonSchema(schema)]
    return described


def _schema(parameter: KernelParameterMetadata) -> dict[str, Any]:
    """The parameter's schema; a kernel calls what it has no type for an object."""
    schema = dict(parameter.schema_data or {})
    if not parameter.type_:  # a variable of a prompt
        schema["type"] = "string"
    elif parameter.type_ == "Any":
        schema.pop("type", None)
    return schema


def _threaded(function: KernelFunction) -> KernelFunction:
    """The function, or a copy of it whose plain `def` runs in a thread."""
    if not isinstance(function, KernelFunctionFromMethod) or function.metadata.is_asynchronous:
        return function
    made = copy(function)
    made.method = _in_thread(function.method)
    return made


def _in_thread(method: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    def called(**arguments: Any) -> Any:
        result = method(**arguments)
        return list(result) if inspect.isgenerator(result) else result

    async def run(**arguments: Any) -> Any:
        result = await anyio.to_thread.run_sync(partial(called, **arguments))
        return await result if inspect.isawaitable(result) else result

    return run
