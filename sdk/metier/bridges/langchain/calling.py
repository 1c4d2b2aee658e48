"""A model of metier's server as a chat model of LangChain that calls tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr

from metier.bridges.langchain.model import messages_of
from metier.council.sync import Portal
from metier.errors import InvalidSettings
from metier.models.server import ChatRequest, Chunk, ModelServer, Sampling, ToolSpec
from metier.plan import Message


class ModelChatModel(BaseChatModel):
    """One model of the server as a chat model; `bind_tools` gives it functions to call.

    Calls that a small model writes into its text are read as those of others are.

    Args:
        server: who runs the model: `council.server`, for example.
        model_name: the model's name on the server.
        sampling: how it writes.
    """

    server: Any = Field(exclude=True)
    model_name: str
    sampling: Any = Field(exclude=True)
    _portal: Portal = PrivateAttr(default_factory=Portal)

    def __init__(
        self,
        server: ModelServer,
        model_name: str,
        *,
        sampling: Sampling = Sampling(),
        **base: Any,
    ) -> None:
        super().__init__(server=server, model_name=model_name, sampling=sampling, **base)

    @property
    def _llm_type(self) -> str:
        return "metier-model"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools that it may call.

        Raises:
            InvalidSettings: `tool_choice` wants a call made; a model decides for itself.
        """
        if tool_choice not in (None, "auto"):
            raise InvalidSettings(
                f"a model cannot be told to call a tool: tool_choice = {tool_choice!r}",
                hint="Leave it out, and bind only the tools that may be called",
            )
        return self.bind(tools=[convert_to_openai_tool(each) for each in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._portal.call(partial(self._agenerate, messages, stop, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        tools: Sequence[dict[str, Any]] = (),
        **kwargs: Any,
    ) -> ChatResult:
        for name in kwargs:
            raise InvalidSettings(
                f"a model has no setting {name!r} for a call", hint="Give it a `sampling`"
            )
        request = ChatRequest(
            model=self.model_name,
            messages=_turns(messages),
            sampling=_stopping(self.sampling, stop),
            tools=tuple(map(_tool, tools)),
        )
        async with aclosing(self.server.chat(request)) as stream:
            chunks = [chunk async for chunk in stream]
        return ChatResult(generations=[ChatGeneration(message=self._message(chunks))])

    def _message(self, chunks: Sequence[Chunk]) -> AIMessage:
        calls = [call for chunk in chunks for call in chunk.calls]
        used = chunks[-1].usage
        return AIMessage(
            content="".join(chunk.text for chunk in chunks),
            tool_calls=[
                tool_call(name=call.name, args=dict(call.arguments), id=f"call_{number}")
                for number, call in enumerate(calls)
            ],
            usage_metadata=UsageMetadata(
                input_tokens=used.prompt_tokens,
                output_tokens=used.completion_tokens,
                total_tokens=used.prompt_tokens + used.completion_tokens,
            ),
            response_metadata={"model_name": self.model_name},
        )


def _stopping(sampling: Sampling, stop: Sequence[str] | None) -> Sampling:
    return replace(sampling, stop=(*sampling.stop, *(stop or ())))


def _tool(offered: dict[str, Any]) -> ToolSpec:
    function = offered["function"]
    return ToolSpec(
        name=function["name"],
        description=function.get("description") or "",
        schema=function.get("parameters") or {},
    )


def _turns(messages: Iterable[BaseMessage]) -> tuple[Message, ...]:
    """The conversation; calls that the model made are told as it writes them."""
    turns: list[Message] = []
    for message in messages:
        if isinstance(message, AIMessage) and message.tool_calls:
            said = "\n".join(_told(each["name"], each["args"]) for each in message.tool_calls)
            turns.append(Message(role="assistant", content=said))
        else:
            turns += messages_of([message])
    return tuple(turns)


def _told(name: str, arguments: dict[str, Any]) -> str:
    return json.dumps({"name": name, "arguments": arguments})
