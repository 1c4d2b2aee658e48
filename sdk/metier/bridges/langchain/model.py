"""A council as a chat model of LangChain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, Literal

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models.chat_models import BaseChatModel, LangSmithParams
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ToolMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from metier.answer import Answer
from metier.bridges.asking import asked, words
from metier.council import Council
from metier.engine.cutting import Cut
from metier.engine.engine import Limits
from metier.errors import InvalidSettings
from metier.events import Answered, Event, Token
from metier.experts.expert import Expert, delimited
from metier.plan import Message

_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
}


class CouncilChatModel(BaseChatModel):
    """A council, or one expert, as a chat model; a `Runnable` as every chat model is.

    How models write is set by the experts' cards: there is no temperature here. An answer's
    `response_metadata["answer"]` is metier's `Answer` as JSON.

    Args:
        target: who answers: a council, an expert, or the id of one of `council`'s.
        council: whose models and limits an expert uses; it is added to this council. If none is
            given, a council of the installed experts is made, with this one beside them.
        experts: the only experts that a council may choose.
        limits: what a question may cost; those of the council if not given.
        model_name: its name as a model.
    """

    asked: Any = Field(exclude=True)
    model_name: str = "council"

    def __init__(
        self,
        target: Council | Expert | str,
        *,
        council: Council | None = None,
        experts: Sequence[str] | None = None,
        limits: Limits | None = None,
        model_name: str = "council",
        **base: Any,
    ) -> None:
        who = asked(target, council=council, experts=experts, limits=limits)
        super().__init__(asked=who, model_name=model_name, **base)

    @property
    def _llm_type(self) -> str:
        return "metier-council"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        name = kwargs.get("model", self.model_name)
        return params | LangSmithParams(ls_provider="metier", ls_model_name=name)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        _refuse(kwargs)
        return self._result(self.asked.answer_sync(messages_of(messages)), stop)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        _refuse(kwargs)
        return self._result(await self.asked.answer(messages_of(messages)), stop)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        _refuse(kwargs)
        cut = Cut(stop or ())
        with closing(self.asked.stream_sync(messages_of(messages))) as events:
            for event in events:
                for chunk in self._chunks(event, cut):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(str(chunk.message.text), chunk=chunk)
                    yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        _refuse(kwargs)
        cut = Cut(stop or ())
        async with aclosing(self.asked.stream(messages_of(messages))) as events:
            async for event in events:
                for chunk in self._chunks(event, cut):
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(str(chunk.message.text), chunk=chunk)
                    yield chunk

    def _chunks(self, event: Event, cut: Cut) -> Iterator[ChatGenerationChunk]:
        """What an event adds to the reply: words, and at the end what is known of it."""
        match event:
            case Token(answer=True):
                if text := cut.take(event.text):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=text))
            case Answered():
                last = AIMessageChunk(
                    content=cut.take(words(event)) + cut.rest(),
                    usage_metadata=_usage(event.answer),
                    response_metadata=self._metadata(event.answer),
                    chunk_position="last",
                )
                yield ChatGenerationChunk(message=last)
            case _:
                pass

    def _result(self, answer: Answer, stop: list[str] | None) -> ChatResult:
        cut = Cut(stop or ())
        message = AIMessage(
            content=cut.take(answer.with_footer) + cut.rest(),
            usage_metadata=_usage(answer),
            response_metadata=self._metadata(answer),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _metadata(self, answer: Answer) -> dict[str, Any]:
        return {"model_name": self.model_name, "answer": answer.model_dump(mode="json")}


def messages_of(messages: Iterable[BaseMessage]) -> tuple[Message, ...]:
    """LangChain's messages as a conversation; results of tools are data, between tags."""
    return tuple(
        Message(role=_ROLES.get(message.type, "user"), content=text)
        for message in messages
        if (text := _words(message)).strip()
    )


def _words(message: BaseMessage) -> str:
    text = str(message.text)
    return delimited("result", text) if isinstance(message, ToolMessage) else text


def _usage(answer: Answer) -> UsageMetadata:
    used = answer.usage
    return UsageMetadata(
        input_tokens=used.prompt_tokens,
        output_tokens=used.completion_tokens,
        total_tokens=used.prompt_tokens + used.completion_tokens,
    )


def _refuse(settings: Mapping[str, Any]) -> None:
    """Raise `InvalidSettings` for what would have no effect."""
    for name in settings:
        raise InvalidSettings(
            f"a council has no setting {name!r} for a call",
            hint="Leave it out; the experts' cards say how their models write",
        )
