"""A council as an agent of Semantic Kernel."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import aclosing
from typing import Any, ClassVar

from pydantic import Field
from semantic_kernel import Kernel
from semantic_kernel.agents import (
    Agent,
    AgentResponseItem,
    AgentThread,
    ChatHistoryAgentThread,
)
from semantic_kernel.agents.channels.agent_channel import AgentChannel
from semantic_kernel.agents.channels.chat_history_channel import ChatHistoryChannel
from semantic_kernel.contents import (
    AuthorRole,
    ChatHistory,
    ChatMessageContent,
    StreamingChatMessageContent,
)
from semantic_kernel.functions import KernelArguments
from semantic_kernel.utils.telemetry.agent_diagnostics.decorators import (
    trace_agent_get_response,
    trace_agent_invocation,
    trace_agent_streaming_invocation,
)

from metier.answer import Answer
from metier.bridges.asking import asked, words
from metier.bridges.semantic_kernel.chat import chunk
from metier.bridges.semantic_kernel.contents import messages_of, metadata_of
from metier.council import Council
from metier.events import Answered, Event, PlanReady, StepDone, Token
from metier.experts.expert import Expert
from metier.plan import Message

Messages = str | ChatMessageContent | list[str | ChatMessageContent] | None
OnMessage = Callable[[ChatMessageContent], Awaitable[None]]


class CouncilAgent(Agent):
    """A council, or one expert, as an agent: alone, in orchestrations, as target of a handoff.

    It calls no function of its kernel, so it hands nothing over itself. The results of a plan's
    steps go to `on_intermediate_message` as they come, under their experts' names.

    Args:
        target: who answers: a council, an expert, or the id of one of `council`'s.
        council: whose models an expert uses, as in `expert_plugin`.
        description: what it is for, for those who choose among agents; from the cards where not
            given.
        instructions: what is said to the experts' models before every question.
    """

    channel_type: ClassVar[type[AgentChannel] | None] = ChatHistoryChannel
    asked: Any = Field(exclude=True)

    def __init__(
        self,
        target: Council | Expert | str,
        *,
        council: Council | None = None,
        name: str = "council",
        description: str | None = None,
        instructions: str | None = None,
    ) -> None:
        who = asked(target, council=council)
        cards = who.council.registry.cards
        named = [cards[who.expert]] if who.expert else list(cards.values())
        described = description or "; ".join(card.description for card in named)
        super().__init__(name=name, description=described, instructions=instructions, asked=who)

    @trace_agent_get_response
    async def get_response(
        self, messages: Messages = None, *, thread: AgentThread | None = None, **kwargs: Any
    ) -> AgentResponseItem[ChatMessageContent]:
        """The answer as one message; its `metadata` has `answer` and `usage`.

        Raises:
            MetierError: nothing could be answered.
        """
        thread = await self._thread(messages, thread)
        answer = await self.asked.answer(await self._conversation(thread, **kwargs))
        return await self._said(answer, thread)

    @trace_agent_invocation
    async def invoke(
        self,
        messages: Messages = None,
        *,
        thread: AgentThread | None = None,
        on_intermediate_message: OnMessage | None = None,
        **kwargs: Any,
    ) -> AsyncIterable[AgentResponseItem[ChatMessageContent]]:
        """The answer as the only item."""
        thread = await self._thread(messages, thread)
        async with aclosing(self._events(thread, on_intermediate_message, **kwargs)) as events:
            async for event in events:
                if isinstance(event, Answered):
                    yield await self._said(event.answer, thread)

    @trace_agent_streaming_invocation
    async def invoke_stream(
        self,
        messages: Messages = None,
        *,
        thread: AgentThread | None = None,
        on_intermediate_message: OnMessage | None = None,
        **kwargs: Any,
    ) -> AsyncIterable[AgentResponseItem[StreamingChatMessageContent]]:
        """The answer's words as they come; the last piece carries the metadata."""
        thread = await self._thread(messages, thread)
        async with aclosing(self._events(thread, on_intermediate_message, **kwargs)) as events:
            async for event in events:
                match event:
                    case Token(answer=True):
                        yield self._piece(event.text, thread)
                    case Answered():
                        await self._said(event.answer, thread)
                        yield self._piece(words(event), thread, metadata=metadata_of(event.answer))
                    case _:
                        pass

    async def create_channel(
        self, chat_history: ChatHistory | None = None, thread_id: str | None = None
    ) -> AgentChannel:
        """Its place in a group chat."""
        # It names the thread's class without importing it.
        names = {"ChatHistoryAgentThread": ChatHistoryAgentThread}
        ChatHistoryChannel.model_rebuild(_types_namespace=names)
        thread = ChatHistoryAgentThread(chat_history=chat_history, thread_id=thread_id)
        messages = [message async for message in thread.get_messages()]
        return ChatHistoryChannel(messages=messages, thread=thread)

    async def _thread(
        self, messages: Messages, thread: AgentThread | None
    ) -> ChatHistoryAgentThread:
        return await self._ensure_thread_exists_with_messages(
            messages=messages,
            thread=thread,
            construct_thread=ChatHistoryAgentThread,
            expected_type=ChatHistoryAgentThread,
        )

    async def _conversation(
        self,
        thread: ChatHistoryAgentThread,
        *,
        arguments: KernelArguments | None = None,
        kernel: Kernel | None = None,
        instructions_override: str | None = None,
        **_: Any,  # what other agents understand is passed to all of them
    ) -> tuple[Message, ...]:
        instructions = instructions_override or await self.format_instructions(
            kernel or self.kernel, self._merge_arguments(arguments)
        )
        history = [message async for message in thread.get_messages()]
        return messages_of(history, instructions=instructions)

    async def _events(
        self, thread: ChatHistoryAgentThread, on_message: OnMessage | None, **kwargs: Any
    ) -> AsyncGenerator[Event, None]:
        several = False
        stream = self.asked.stream(await self._conversation(thread, **kwargs))
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, PlanReady):
                    several = len(event.plan.steps) > 1
                if on_message is not None and several and isinstance(event, StepDone):
                    await on_message(_step_message(event))
                yield event

    async def _said(
        self, answer: Answer, thread: ChatHistoryAgentThread
    ) -> AgentResponseItem[ChatMessageContent]:
        message = ChatMessageContent(
            role=AuthorRole.ASSISTANT,
            name=self.name,
            content=answer.with_footer,
            ai_model_id=self.name,
            metadata=metadata_of(answer),
        )
        await thread.on_new_message(message)
        return AgentResponseItem(message=message, thread=thread)

    def _piece(
        self, text: str, thread: AgentThread, *, metadata: dict[str, Any] | None = None
    ) -> AgentResponseItem[StreamingChatMessageContent]:
        message = chunk(text, model=self.name, name=self.name, metadata=metadata)
        return AgentResponseItem(message=message, thread=thread)


def _step_message(event: StepDone) -> ChatMessageContent:
    return ChatMessageContent(
        role=AuthorRole.ASSISTANT,
        name=event.expert,
        content=event.text,
        metadata={"step_id": event.step_id, "task": event.task},
    )
