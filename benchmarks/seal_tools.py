"""Calls of functions by a small model, on requests of Seal-Tools that need one call.

Each request is asked with five functions: the right one and four others, of its own field if there
are as many. A call is right if the function is, and if it has exactly the right arguments, compared
without regard to case and to how numbers are written.
"""

from __future__ import annotations

import random
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contract import Metric, say, share_of
from benchmarks.data import Row, rows
from metier.bridges.semantic_kernel import ModelChatCompletion, ModelPromptExecutionSettings
from metier.models.ollama import OllamaServer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from semantic_kernel import Kernel
    from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
    from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
    from semantic_kernel.connectors.ai.ollama import (
        OllamaChatCompletion,
        OllamaChatPromptExecutionSettings,
    )
    from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
    from semantic_kernel.contents import ChatHistory, FunctionCallContent
    from semantic_kernel.filters.functions.function_invocation_context import (
        FunctionInvocationContext,
    )
    from semantic_kernel.functions import (
        KernelFunction,
        KernelFunctionMetadata,
        KernelParameterMetadata,
        KernelPlugin,
    )

FILES = ["sealtools/tools.jsonl", "sealtools/requests.jsonl"]
PLUGIN = "tools"
OFFERED = 5
NUM_CTX = 4096
MAX_TOKENS = 192
# The baseline is asked the first of the requests only: what it reads of a text is known.
BASELINE = 20
_NAME = re.compile(r"\w+", re.ASCII)
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


class Declared(KernelFunction):
    """A function of which only the declaration is used."""

    async def _invoke_internal(self, context: FunctionInvocationContext) -> None:
        raise NotImplementedError

    async def _invoke_internal_stream(self, context: FunctionInvocationContext) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request with the functions that are offered, and the call that is right."""

    text: str
    tools: Sequence[Row]
    name: str
    arguments: Mapping[str, Any]


def requests(folder: Path, *, limit: int | None, seed: int) -> list[Asked]:
    """The requests that need one call, in an order by hash, each with four other functions."""
    tools = [tool for tool in rows(folder, FILES[0]) if _is_usable(tool)]
    known = {tool["api_name"]: tool for tool in tools}
    found = []
    draw = random.Random(seed)
    for row in rows(folder, FILES[1], limit=sys.maxsize):
        (call,) = row["calling"]
        if (right := known.get(call["api"])) is None:
            continue
        near = [tool for tool in tools if tool["field"] == right["field"] and tool != right]
        others = draw.sample(near if len(near) >= OFFERED - 1 else tools, OFFERED - 1)
        offered = [right, *(tool for tool in others if tool != right)]
        draw.shuffle(offered)
        found.append(
            Asked(text=row["query"], tools=offered, name=call["api"], arguments=call["parameters"])
        )
    return found[:limit]


def _is_usable(tool: Row) -> bool:
    """Whether Semantic Kernel takes its names."""
    return all(map(_NAME.fullmatch, (tool["api_name"], *tool["parameters"])))


async def calls_right(
    host: str, model: str, asked: Sequence[Asked]
) -> tuple[dict[str, Metric], dict[str, Metric]]:
    """With text calls read, and by Semantic Kernel's own connector, each request in turn."""
    server = OllamaServer(host, num_ctx=NUM_CTX)
    behavior = FunctionChoiceBehavior.Auto(auto_invoke=False)
    reading = ModelChatCompletion(server, model)
    own = OllamaChatCompletion(ai_model_id=model, host=host)
    options = {"num_ctx": NUM_CTX, "temperature": 0.0, "seed": 0, "num_predict": MAX_TOKENS}
    ways: list[tuple[ChatCompletionClientBase, PromptExecutionSettings]] = [
        (
            reading,
            ModelPromptExecutionSettings(max_tokens=MAX_TOKENS, function_choice_behavior=behavior),
        ),
        (
            own,
            OllamaChatPromptExecutionSettings(options=options, function_choice_behavior=behavior),
        ),
    ]
    right: list[list[bool]] = [[], []]
    named: list[list[bool]] = [[], []]
    for at, request in enumerate(asked):
        for number, (service, settings) in enumerate(ways if at < BASELINE else ways[:1]):
            name, arguments = await _called(service, settings, request)
            named[number].append(name == request.name)
            right[number].append(name == request.name and _same(arguments, request.arguments))
            say(
                f"{('read', 'own')[number]} {right[number][-1]}: {request.text[:60]!r} → "
                f"{name}({arguments}); right: {request.name}({dict(request.arguments)})"
            )
    await server.aclose()
    with_it, without = (
        {"sk.calls_right": share_of(right[number]), "sk.calls_named": share_of(named[number])}
        for number in (0, 1)
    )
    return with_it, without


async def _called(
    service: ChatCompletionClientBase, settings: PromptExecutionSettings, request: Asked
) -> tuple[str | None, Mapping[str, Any]]:
    kernel = Kernel()
    functions = [_declared(tool) for tool in request.tools]
    kernel.add_plugin(KernelPlugin(name=PLUGIN, functions=functions))
    history = ChatHistory()
    history.add_user_message(request.text)
    given = settings.model_copy(deep=True)
    message = await service.get_chat_message_content(history, given, kernel=kernel)
    calls = (
        [item for item in message.items if isinstance(item, FunctionCallContent)] if message else []
    )
    if len(calls) != 1:
        return None, {}
    return (calls[0].name or "").removeprefix(f"{PLUGIN}-"), calls[0].parse_arguments() or {}


def _declared(tool: Row) -> KernelFunction:
    parameters = [
        KernelParameterMetadata(
            name=name,
            description=each["description"],
            default_value=None,
            type_=each["type"],  # pyrefly: ignore[unexpected-keyword]  # populated by name
            is_required=name in tool["required"],
            schema_data={"type": _TYPES[each["type"]], "description": each["description"]},
        )
        for name, each in tool["parameters"].items()
    ]
    metadata = KernelFunctionMetadata(
        name=tool["api_name"],
        plugin_name=PLUGIN,
        description=tool["api_description"],
        parameters=parameters,
        is_prompt=False,
    )
    return Declared(metadata=metadata)


def _same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return found.keys() == wanted.keys() and all(
        _plain(found[name]) == _plain(value) for name, value in wanted.items()
    )


def _plain(value: object) -> object:
    """A value as it is compared: a number by its size, a text without case and outer marks."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    text = " ".join(str(value).casefold().split()).strip(" .,'\"")
    try:
        return float(text)
    except ValueError:
        return text
