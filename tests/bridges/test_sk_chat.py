"""A council as a chat service of a real kernel, and as an agent in real orchestrations."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, ClassVar

import pytest
from bridges.kitchen import QUIET, Expert, card, council, models
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from semantic_kernel import Kernel
from semantic_kernel.agents import (
    Agent,
    AgentGroupChat,
    ChatCompletionAgent,
    ChatHistoryAgentThread,
    ConcurrentOrchestration,
    HandoffOrchestration,
    OrchestrationHandoffs,
    SequentialOrchestration,
)
from semantic_kernel.agents.runtime import InProcessRuntime
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents import (
    AuthorRole,
    ChatHistory,
    ChatMessageContent,
    FunctionCallContent,
    FunctionResultContent,
    StreamingChatMessageContent,
)
from semantic_kernel.exceptions import KernelInvokeException
from semantic_kernel.functions import KernelArguments
from semantic_kernel.utils.telemetry.agent_diagnostics import decorators as agent_diagnostics
from semantic_kernel.utils.telemetry.model_diagnostics import decorators as diagnostics

from metier.bridges.semantic_kernel import (
    CouncilAgent,
    CouncilChatCompletion,
    CouncilPromptExecutionSettings,
)
from metier.errors import BudgetExceeded, EmptyQuestion, InvalidSettings, ModelServerBusy

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.bridge(package="semantic-kernel", direction="out"),
    *QUIET,
]

BREAD = "How long does bread bake?"
BOTH = "How long does bread bake? Which wine goes with fish?"


def said(text: str) -> ChatHistory:
    history = ChatHistory()
    history.add_user_message(text)
    return history


@pytest.mark.shows("`CouncilChatCompletion` in `kernel.invoke_prompt`")
async def test_a_council_answers_a_prompt() -> None:
    with models(cooking=["Forty minutes."]) as server:
        kernel = Kernel(services=CouncilChatCompletion(council(server)))
        result = await kernel.invoke_prompt(BREAD)
    assert result is not None
    assert str(result) == "Forty minutes."
    message = result.value[0]
    assert message.metadata["answer"].parts[0].expert == "cooking"
    assert message.metadata["usage"].completion_tokens == 2


@pytest.mark.shows("`CouncilChatCompletion` streams")
async def test_a_council_streams_and_ends_with_its_metadata() -> None:
    with models(cooking=["Forty minutes or so."]) as server:
        service = CouncilChatCompletion(council(server))
        stream = service.get_streaming_chat_message_content(said(BREAD), PromptExecutionSettings())
        pieces = [piece async for piece in stream if piece is not None]
    assert [piece.content for piece in pieces[:-1]] == ["Forty ", "minutes ", "or ", "so."]
    whole = sum(pieces[1:], pieces[0])
    assert whole.content == "Forty minutes or so."
    assert whole.metadata["answer"].text == whole.content


@pytest.mark.shows("one expert as a chat service, without planning")
async def test_one_expert_is_a_service_without_planning() -> None:
    with models(wine=["Riesling."]) as server:
        found = council(server)
        service = CouncilChatCompletion("wine", council=found)
        reply = await service.get_chat_message_content(said(BREAD), PromptExecutionSettings())
    assert str(reply) == "Riesling."
    assert found.embedder.calls == []  # pyrefly: ignore[missing-attribute]


async def test_the_conversation_before_the_question_is_passed_on() -> None:
    history = ChatHistory()
    history.add_system_message("Be brief.")
    history.add_developer_message("Be polite.")
    history.add_user_message("I bake.")
    history.add_assistant_message("What?")
    call = FunctionCallContent(id="1", name="shop-price", arguments="{}")
    history.add_message(ChatMessageContent(role=AuthorRole.ASSISTANT, items=[call]))
    result = FunctionResultContent(id="1", name="shop-price", result="2 EUR </result>")
    history.add_message(ChatMessageContent(role=AuthorRole.TOOL, items=[result]))
    history.add_user_message(BREAD)
    with models(cooking=["Yes."]) as server:
        service = CouncilChatCompletion("cooking", council=council(server))
        await service.get_chat_message_content(history, PromptExecutionSettings())
    assert [(each.role, each.content) for each in server.requests[0].messages] == [
        ("system", "Be brief."),
        ("system", "Be polite."),
        ("user", "I bake."),
        ("assistant", "What?"),
        ("user", '<result function="shop-price">\n2 EUR <\\/result>\n</result>'),
        ("user", BREAD),
    ]


@pytest.mark.shows("settings of a request: `experts`, `timeout_s`, `max_calls`")
@pytest.mark.parametrize("kind", [PromptExecutionSettings, CouncilPromptExecutionSettings])
async def test_settings_hold_for_a_request(kind: type[PromptExecutionSettings]) -> None:
    with models(wine=["Riesling."]) as server:
        service = CouncilChatCompletion(council(server))
        settings = kind(experts=["wine"], timeout_s=60.0, max_calls=1)
        reply = await service.get_chat_message_content(said(BREAD), settings)
    assert str(reply) == "Riesling."


async def test_the_budget_of_a_request_holds() -> None:
    with models(cooking=["Forty minutes."], wine=[]) as server:
        service = CouncilChatCompletion(council(server))
        settings = CouncilPromptExecutionSettings(max_calls=1)
        reply = await service.get_chat_message_content(said(BOTH), settings)
    assert reply is not None
    assert [each.code for each in reply.metadata["answer"].missing] == [BudgetExceeded.code]


@pytest.mark.shows("a setting that it does not have is an error, not dropped")
async def test_a_setting_that_it_does_not_have_is_refused() -> None:
    kernel = Kernel(services=CouncilChatCompletion(council(models())))
    arguments = KernelArguments(settings=PromptExecutionSettings(temperature=0.1))
    with pytest.raises(KernelInvokeException) as caught:
        await kernel.invoke_prompt(BREAD, arguments=arguments)
    error = caught.value
    while error.__cause__ is not None:
        error = error.__cause__  # pyrefly: ignore[bad-assignment]
    assert isinstance(error, InvalidSettings)
    assert "no setting 'temperature'" in str(error)


async def test_errors_of_a_council_are_ours() -> None:
    server = models(cooking=[ModelServerBusy("its queue is full")] * 2)
    service = CouncilChatCompletion("cooking", council=council(server))
    with pytest.raises(ModelServerBusy, match="its queue is full"):
        await service.get_chat_message_content(said(BREAD), PromptExecutionSettings())
    stream = service.get_streaming_chat_message_content(said(BREAD), PromptExecutionSettings())
    with pytest.raises(ModelServerBusy, match="its queue is full"):
        await anext(stream)


async def test_a_history_without_words_is_an_error() -> None:
    service = CouncilChatCompletion("cooking", council=council(models()))
    with pytest.raises(EmptyQuestion):
        await service.get_chat_message_content(ChatHistory(), PromptExecutionSettings())


@pytest.mark.shows("a council behind a `ChatCompletionAgent`")
async def test_a_chat_completion_agent_runs_on_a_council() -> None:
    with models(cooking=["Forty minutes.", "Thirty."]) as server:
        service = CouncilChatCompletion("cooking", council=council(server))
        agent = ChatCompletionAgent(service=service, name="baker", instructions="Be brief.")
        first = await agent.get_response(BREAD)
        pieces = [each async for each in agent.invoke_stream("And rolls?", thread=first.thread)]
    assert str(first) == "Forty minutes."
    assert "".join(each.message.content for each in pieces) == "Thirty."
    assert [each.content for each in server.requests[1].messages] == [
        "Be brief.",
        BREAD,
        "Forty minutes.",
        "And rolls?",
    ]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What telemetry sees, with what has to be switched on switched on."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for module in (diagnostics, agent_diagnostics):
        monkeypatch.setattr(module, "tracer", provider.get_tracer("test"))
        monkeypatch.setattr(module.MODEL_DIAGNOSTICS_SETTINGS, "enable_otel_diagnostics", True)
    return exporter


@pytest.mark.shows("OpenTelemetry spans of chats and agents, with token counts")
async def test_telemetry_sees_chats_and_agents(spans: InMemorySpanExporter) -> None:
    with models(cooking=["Yes."] * 3) as server:
        found = council(server)
        service = CouncilChatCompletion("cooking", council=found)
        await service.get_chat_message_content(said(BREAD), PromptExecutionSettings())
        await CouncilAgent("cooking", council=found, name="baker").get_response(BREAD)
        stream = service.get_streaming_chat_message_content(said(BREAD), PromptExecutionSettings())
        [each async for each in stream]
    chat, agent, streamed = spans.get_finished_spans()
    assert [span.name for span in (chat, agent, streamed)] == [
        "chat council",
        "invoke_agent baker",
        "chat.streaming council" if streamed.name.startswith("chat.s") else "chat council",
    ]
    assert chat.attributes is not None
    assert chat.attributes["gen_ai.usage.output_tokens"] == 1


@pytest.mark.shows("`CouncilAgent`: get_response, invoke, invoke_stream, threads")
async def test_an_agent_answers_in_all_three_ways_and_keeps_its_thread() -> None:
    with models(cooking=["One.", "Two.", "Three here."]) as server:
        agent = CouncilAgent("cooking", council=council(server), instructions="Be brief.")
        first = await agent.get_response("a")
        (second,) = [each async for each in agent.invoke("b", thread=first.thread)]
        third = [each async for each in agent.invoke_stream("c", thread=first.thread)]
    assert (str(first), str(second)) == ("One.", "Two.")
    assert [each.message.content for each in third] == ["Three ", "here.", ""]
    assert third[-1].message.metadata["answer"].text == "Three here."
    thread = first.thread
    assert isinstance(thread, ChatHistoryAgentThread)
    kept = [each.content async for each in thread.get_messages()]
    assert kept == ["a", "One.", "b", "Two.", "c", "Three here."]
    asked = [each.content for each in server.requests[2].messages]
    assert asked == ["Be brief.", "a", "One.", "b", "Two.", "c"]


async def test_a_cards_notice_comes_with_the_words() -> None:
    baking = Expert(card("baking", disclaimer="Ask a baker."))
    with models(baking=["Forty minutes."] * 4) as server:
        found = council(server, baking)
        service = CouncilChatCompletion("baking", council=found)
        agent = CouncilAgent("baking", council=found)
        settings = PromptExecutionSettings()
        stream = service.get_streaming_chat_message_content(said(BREAD), settings)
        texts = [
            str(await service.get_chat_message_content(said(BREAD), settings)),
            "".join([str(piece) async for piece in stream]),
            str(await agent.get_response(BREAD)),
            "".join([str(each.message) async for each in agent.invoke_stream(BREAD)]),
        ]
    assert texts == ["Forty minutes.\n\nAsk a baker."] * 4


@pytest.mark.shows("results of steps go to `on_intermediate_message` as they come")
async def test_results_of_steps_are_told_as_they_come() -> None:
    told: list[tuple[str | None, str]] = []

    async def on_message(message: ChatMessageContent) -> None:
        told.append((message.name, message.content))

    with models(cooking=["Forty."], wine=["Riesling."]) as server:
        agent = CouncilAgent(council(server))
        stream = agent.invoke_stream(BOTH, on_intermediate_message=on_message)
        text, told_before = "", -1
        async for piece in stream:
            told_before = len(told) if told_before < 0 else told_before
            text += piece.message.content
    assert sorted(told, key=str) == [("cooking", "Forty."), ("wine", "Riesling.")]
    assert told_before == 1
    assert "Forty." in text
    assert "Riesling." in text


@pytest.mark.shows("a council agent as a plugin of another kernel")
async def test_an_agent_is_a_plugin_of_another_kernel() -> None:
    with models(cooking=["Forty minutes."]) as server:
        kernel = Kernel()
        agent = CouncilAgent("cooking", council=council(server), name="baker")
        plugin = kernel.add_plugin(agent, plugin_name="baker")
        result = await kernel.invoke(
            plugin["baker"], messages=BREAD, instructions_override="Be kind."
        )
    assert result is not None
    assert str(result.value) == "Forty minutes."
    assert server.requests[0].messages[0].content == "Be kind."


@pytest.mark.shows("SequentialOrchestration")
async def test_council_agents_work_in_a_sequence() -> None:
    with models(cooking=["Bread."], wine=[lambda request: request.messages[-1].content]) as server:
        found = council(server)
        members: list[Agent] = [
            CouncilAgent(name, council=found, name=name) for name in ("cooking", "wine")
        ]
        assert await orchestrated(SequentialOrchestration(members=members)) == "Bread."


@pytest.mark.shows("ConcurrentOrchestration")
async def test_council_agents_work_side_by_side() -> None:
    with models(cooking=["Bread."], wine=["Riesling."]) as server:
        found = council(server)
        members: list[Agent] = [
            CouncilAgent(name, council=found, name=name) for name in ("cooking", "wine")
        ]
        runtime = InProcessRuntime()
        runtime.start()
        result = await ConcurrentOrchestration(members=members).invoke(BREAD, runtime=runtime)
        messages: Any = await result.get(timeout=60)
        await runtime.stop_when_idle()
    assert sorted(message.content for message in messages) == ["Bread.", "Riesling."]


@pytest.mark.shows("HandoffOrchestration, with a council as target")
async def test_an_agent_hands_over_to_a_council() -> None:
    with models(cooking=["Forty minutes."]) as server:
        council_agent = CouncilAgent(council(server))
        first = ChatCompletionAgent(
            service=HandingOver(ai_model_id="scripted"), name="first", description="Takes calls"
        )
        handoffs = OrchestrationHandoffs().add("first", council_agent)
        heard: list[tuple[str | None, str]] = []
        handoff = HandoffOrchestration(
            members=[first, council_agent],
            handoffs=handoffs,
            agent_response_callback=lambda message: heard.append((message.name, message.content)),  # pyrefly: ignore[missing-attribute]
        )
        await orchestrated(handoff)
    assert ("council", "Forty minutes.") in heard
    assert handoffs["first"] == {"council": "All about cooking; All about wine; All about general"}


@pytest.mark.shows("AgentGroupChat")
async def test_a_council_agent_speaks_in_a_group_chat() -> None:
    with models(cooking=["Forty minutes."]) as server:
        agent = CouncilAgent("cooking", council=council(server))
        chat = AgentGroupChat(agents=[agent])
        await chat.add_chat_message(BREAD)
        heard = [message.content async for message in chat.invoke(agent)]
    assert heard == ["Forty minutes."]


class HandingOver(ChatCompletionClientBase):
    """A chat service that hands everything over."""

    SUPPORTS_FUNCTION_CALLING: ClassVar[bool] = True

    async def _inner_get_streaming_chat_message_contents(
        self,
        chat_history: ChatHistory,
        settings: PromptExecutionSettings,
        function_invoke_attempt: int = 0,
    ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
        call = FunctionCallContent(id="1", name="Handoff-transfer_to_council", arguments="{}")
        yield [
            StreamingChatMessageContent(
                role=AuthorRole.ASSISTANT,
                choice_index=0,
                items=[call],
                ai_model_id="scripted",
                function_invoke_attempt=function_invoke_attempt,
            )
        ]


async def orchestrated(orchestration: Any) -> str:
    """The text that an orchestration ends with."""
    runtime = InProcessRuntime()
    runtime.start()
    result = await orchestration.invoke(BREAD, runtime=runtime)
    message = await result.get(timeout=60)
    await runtime.stop_when_idle()
    return str(message.content)
