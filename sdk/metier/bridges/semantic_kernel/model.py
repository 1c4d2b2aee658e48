"""A model of metier's server as a chat service of Semantic Kernel that calls functions.

Semantic Kernel's own connector sees only calls that Ollama has read. This one goes through
`ModelServer`, which also reads the calls that small models write into their text.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from pydantic import Field
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.completion_usage import CompletionUsage
from semantic_kernel.connectors.ai.function_call_choice_configuration import (
    FunctionCallChoiceConfiguration,
)
from semantic_kernel.connectors.ai.function_calling_utils import (
    kernel_function_metadata_to_function_call_format,
)
from semantic_kernel.connectors.ai.function_choice_type import FunctionChoiceType
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents import (
    AuthorRole,
    ChatHistory,
    ChatMessageContent,
    FunctionCallContent,
    StreamingChatMessageContent,
    StreamingTextContent,
    TextContent,
)
from semantic_kernel.utils.telemetry.model_diagnostics.decorators import (
    trace_chat_completion,
    trace_streaming_chat_completion,
)

from metier.bridges.semantic_kernel.chat import PROVIDER
from metier.bridges.semantic_kernel.contents import messages_of
from metier.errors import InvalidSettings
from metier.models.server import ChatRequest, Chunk, ModelServer, Sampling, ToolCall, ToolSpec
from metier.plan import Message


class ModelPromptExecutionSettings(PromptExecutionSettings):
    """How the model writes in one request.

    Attributes:
        tools: set by Semantic Kernel from the functions that it offers.
    """

    temperature: float = Field(0.0, ge=0, le=2)
    seed: int = 0
    max_tokens: int | None = Field(None, ge=1)
    tools: list[dict[str, Any]] | None = None


class ModelChatCompletion(ChatCompletionClientBase):
    """One model as a chat service, with the functions of the kernel.

    Args:
        server: who runs the model: `council.server`, for example.
        ai_model_id: the model's name on the server.
        service_id: its name in the kernel; `ai_model_id` if not given.
    """

    SUPPORTS_FUNCTION_CALLING: ClassVar[bool] = True
    server: Any = Field(exclude=True)

    def __init__(self, server: ModelServer, ai_model_id: str, *, service_id: str = "") -> None:
        super().__init__(
            ai_model_id=ai_model_id, service_id=service_id or ai_model_id, server=server
        )

    def get_prompt_execution_settings_class(self) -> type[PromptExecutionSettings]:
        """The settings of a model."""
        return ModelPromptExecutionSettings

    def service_url(self) -> str | None:
        """Where the model is."""
        return self.server.address

    @trace_chat_completion(PROVIDER)
    async def _inner_get_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings
    ) -> list[ChatMessageContent]:
        async with aclosing(self.server.chat(self._request(chat_history, settings))) as stream:
            chunks = [chunk async for chunk in stream]
        text = "".join(chunk.text for chunk in chunks)
        calls = _contents(call for chunk in chunks for call in chunk.calls)
        message = ChatMessageContent(
            role=AuthorRole.ASSISTANT,
            items=[*([TextContent(text=text)] if text else []), *calls],
            ai_model_id=self.ai_model_id,
            metadata=_metadata(chunks[-1]),
        )
        return [message]

    @trace_streaming_chat_completion(PROVIDER)
    async def _inner_get_streaming_chat_message_contents(
        self,
        chat_history: ChatHistory,
        settings: PromptExecutionSettings,
        function_invoke_attempt: int = 0,
    ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
        async with aclosing(self.server.chat(self._request(chat_history, settings))) as stream:
            async for chunk in stream:
                words = StreamingTextContent(choice_index=0, text=chunk.text)
                piece = StreamingChatMessageContent(
                    role=AuthorRole.ASSISTANT,
                    choice_index=0,
                    items=[*([words] if chunk.text else []), *_contents(chunk.calls)],
                    ai_model_id=self.ai_model_id,
                    metadata=_metadata(chunk) if chunk.done else {},
                    function_invoke_attempt=function_invoke_attempt,
                )
                yield [piece]

    def _request(self, history: ChatHistory, settings: PromptExecutionSettings) -> ChatRequest:
        assert isinstance(settings, ModelPromptExecutionSettings)  # the base class has cast them
        sampling = Sampling(
            temperature=settings.temperature, seed=settings.seed, max_tokens=settings.max_tokens
        )
        return ChatRequest(
            model=self.ai_model_id,
            messages=_turns(history.messages),
            sampling=sampling,
            tools=tuple(map(_tool, settings.tools or ())),
        )

    def _verify_function_choice_settings(self, settings: PromptExecutionSettings) -> None:
        behavior = settings.function_choice_behavior
        kind = behavior.type_ if behavior else None
        if kind not in (None, FunctionChoiceType.AUTO):
            raise InvalidSettings(
                f"a model cannot be told whether to call functions: {kind.value!r}",
                hint="Use FunctionChoiceBehavior.Auto() with filters that leave the right ones",
            )

    def _update_function_choice_settings_callback(
        self,
    ) -> Callable[
        [FunctionCallChoiceConfiguration, PromptExecutionSettings, FunctionChoiceType], None
    ]:
        return _offer

    def _reset_function_choice_settings(self, settings: PromptExecutionSettings) -> None:
        if isinstance(settings, ModelPromptExecutionSettings):
            settings.tools = None


def _offer(
    choice: FunctionCallChoiceConfiguration,
    settings: PromptExecutionSettings,
    kind: FunctionChoiceType,
) -> None:
    assert isinstance(settings, ModelPromptExecutionSettings)
    functions = choice.available_functions or []
    settings.tools = [kernel_function_metadata_to_function_call_format(each) for each in functions]


def _tool(offered: dict[str, Any]) -> ToolSpec:
    function = offered["function"]
    return ToolSpec(
        name=function["name"],
        description=function.get("description") or "",
        schema=function.get("parameters") or {},
    )


def _contents(calls: Iterable[ToolCall]) -> list[FunctionCallContent]:
    return [
        FunctionCallContent(id=f"call_{number}", name=call.name, arguments=dict(call.arguments))
        for number, call in enumerate(calls)
    ]


def _turns(history: Sequence[ChatMessageContent]) -> tuple[Message, ...]:
    """The conversation; calls that the model made are told as it writes them."""
    turns: list[Message] = []
    for message in history:
        calls = [item for item in message.items if isinstance(item, FunctionCallContent)]
        if calls:
            said = "\n".join(_told(call) for call in calls)
            turns.append(Message(role="assistant", content=said))
        else:
            turns += messages_of([message])
    return tuple(turns)


def _told(call: FunctionCallContent) -> str:
    return json.dumps({"name": call.name, "arguments": call.parse_arguments() or {}})


def _metadata(last: Chunk) -> dict[str, Any]:
    usage = CompletionUsage(
        prompt_tokens=last.usage.prompt_tokens, completion_tokens=last.usage.completion_tokens
    )
    return {"usage": usage}
