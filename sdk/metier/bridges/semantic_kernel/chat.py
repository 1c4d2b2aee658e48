"""A council as a chat service of Semantic Kernel."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from pydantic import Field
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents import (
    AuthorRole,
    ChatHistory,
    ChatMessageContent,
    FinishReason,
    StreamingChatMessageContent,
)
from semantic_kernel.utils.telemetry.model_diagnostics.decorators import (
    trace_chat_completion,
    trace_streaming_chat_completion,
)

from metier.bridges.asking import Asked, asked, words
from metier.bridges.semantic_kernel.contents import messages_of, metadata_of
from metier.council import Council
from metier.errors import InvalidSettings
from metier.events import Answered, Token
from metier.experts.expert import Expert

PROVIDER = "metier"
# What Semantic Kernel itself puts among the settings.
_ITS_OWN = frozenset({"ai_model_id", "function_choice_behavior", "service_id"})


class CouncilPromptExecutionSettings(PromptExecutionSettings):
    """What can be set for one request.

    How models write is set by the experts' cards: a temperature here would be that of nobody.

    Attributes:
        experts: the only experts that may be chosen.
        timeout_s: deadline, in seconds.
        max_calls: model calls.
    """

    experts: list[str] | None = None
    timeout_s: float | None = Field(None, gt=0)
    max_calls: int | None = Field(None, ge=1)


class CouncilChatCompletion(ChatCompletionClientBase):
    """A council, or one expert, as a chat service: in a kernel, or behind a `ChatCompletionAgent`.

    It plans and calls tools itself: functions of the kernel are not offered to its models; make
    them experts with `from_kernel_plugin`. An answer's `metadata` has `answer` and `usage`.

    Args:
        target: who answers: a council, an expert, or the id of one of `council`'s.
        council: whose models an expert uses, as in `expert_plugin`.
        ai_model_id: its name as a model.
        service_id: its name in the kernel; `ai_model_id` if not given.
    """

    asked: Any = Field(exclude=True)

    def __init__(
        self,
        target: Council | Expert | str,
        *,
        council: Council | None = None,
        ai_model_id: str = "council",
        service_id: str = "",
    ) -> None:
        who = asked(target, council=council)
        super().__init__(ai_model_id=ai_model_id, service_id=service_id, asked=who)

    def get_prompt_execution_settings_class(self) -> type[PromptExecutionSettings]:
        """The settings of a council."""
        return CouncilPromptExecutionSettings

    def service_url(self) -> str | None:
        """Where its models are."""
        return self.asked.council.server.address

    @trace_chat_completion(PROVIDER)
    async def _inner_get_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings
    ) -> list[ChatMessageContent]:
        answer = await _limited(self.asked, settings).answer(messages_of(chat_history.messages))
        message = ChatMessageContent(
            role=AuthorRole.ASSISTANT,
            content=answer.with_footer,
            ai_model_id=self.ai_model_id,
            finish_reason=FinishReason.STOP,
            metadata=metadata_of(answer),
        )
        return [message]

    @trace_streaming_chat_completion(PROVIDER)
    async def _inner_get_streaming_chat_message_contents(
        self,
        chat_history: ChatHistory,
        settings: PromptExecutionSettings,
        function_invoke_attempt: int = 0,
    ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
        stream = _limited(self.asked, settings).stream(messages_of(chat_history.messages))
        async with aclosing(stream) as events:
            async for event in events:
                match event:
                    case Token(answer=True):
                        yield [chunk(event.text, model=self.ai_model_id)]
                    case Answered():
                        metadata = metadata_of(event.answer)
                        yield [chunk(words(event), model=self.ai_model_id, metadata=metadata)]
                    case _:
                        pass


def chunk(
    text: str, *, model: str, name: str | None = None, metadata: dict[str, Any] | None = None
) -> StreamingChatMessageContent:
    """A piece of an answer; the last has the footer, and the metadata of the whole."""
    return StreamingChatMessageContent(
        role=AuthorRole.ASSISTANT,
        choice_index=0,
        content=text,
        ai_model_id=model,
        name=name,
        finish_reason=None if metadata is None else FinishReason.STOP,
        metadata=metadata or {},
    )


def _limited(who: Asked, settings: PromptExecutionSettings) -> Asked:
    """Who is asked, as the settings of a request say.

    Raises:
        InvalidSettings: there is no such setting; a kernel would drop it without a word.
    """
    known = CouncilPromptExecutionSettings.model_fields.keys()
    if unknown := sorted(settings.extension_data.keys() - known - _ITS_OWN):
        raise InvalidSettings(
            f"a council has no setting {unknown[0]!r} (it has: experts, max_calls, timeout_s)",
            hint="Leave it out; the experts' cards say how their models write",
        )
    assert isinstance(settings, CouncilPromptExecutionSettings)  # the base class has cast them
    limits = who.limits or who.council.limits
    limits = replace(
        limits,
        timeout_s=settings.timeout_s or limits.timeout_s,
        max_calls=settings.max_calls or limits.max_calls,
    )
    experts = who.experts if settings.experts is None else tuple(settings.experts)
    return replace(who, limits=limits, experts=experts)
