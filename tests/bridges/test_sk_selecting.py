"""A chat service that is offered only the functions that fit, in a real kernel."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, ClassVar

import pytest
from bridges.kitchen import QUIET, council, models
from pydantic import PrivateAttr
from semantic_kernel import Kernel
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.function_choice_behavior import (
    FunctionChoiceBehavior,
    FunctionChoiceType,
)
from semantic_kernel.connectors.ai.prompt_execution_settings import PromptExecutionSettings
from semantic_kernel.contents import (
    AuthorRole,
    ChatHistory,
    ChatMessageContent,
    FunctionCallContent,
    StreamingChatMessageContent,
    StreamingTextContent,
)
from semantic_kernel.functions import KernelFunctionFromMethod, KernelPlugin, kernel_function

from metier.bridges.semantic_kernel import (
    ExpertSelectingChatCompletion,
    FunctionSelector,
    expert_plugin,
)
from metier.testing import FixedEmbedder

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.bridge(package="semantic-kernel", direction="out"),
    *QUIET,
]

SUBJECTS = (
    "weather forecast tomorrow",
    "train timetable station",
    "currency exchange rate",
    "poem rhyme verse",
    "stock market price",
    "tax law deduction",
    "recipe oven bread",
    "football match score",
)


class Recording(ChatCompletionClientBase):
    """A chat service that notes which functions it is offered, and calls what is scripted."""

    SUPPORTS_FUNCTION_CALLING: ClassVar[bool] = True
    _calls: list[str] = PrivateAttr(default_factory=list)
    _offered: list[list[str]] = PrivateAttr(default_factory=list)
    _now: list[str] = PrivateAttr(default_factory=list)

    def scripted(self, *calls: str) -> Recording:
        self._calls = list(calls)
        return self

    @property
    def offered(self) -> list[list[str]]:
        return self._offered

    def _update_function_choice_settings_callback(self) -> Callable[..., None]:
        def note(configuration: Any, settings: PromptExecutionSettings, kind: object) -> None:
            functions = configuration.available_functions or []
            self._now = [each.fully_qualified_name for each in functions]

        return note

    async def _inner_get_chat_message_contents(
        self, chat_history: ChatHistory, settings: PromptExecutionSettings
    ) -> list[ChatMessageContent]:
        self._note(settings)
        items: list[Any] = [FunctionCallContent(id="1", name=name) for name in self._next()]
        if items:
            return [ChatMessageContent(role=AuthorRole.ASSISTANT, items=items)]
        return [ChatMessageContent(role=AuthorRole.ASSISTANT, content="Done.")]

    async def _inner_get_streaming_chat_message_contents(
        self,
        chat_history: ChatHistory,
        settings: PromptExecutionSettings,
        function_invoke_attempt: int = 0,
    ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
        self._note(settings)
        items: list[Any] = [FunctionCallContent(id="1", name=name) for name in self._next()]
        yield [
            StreamingChatMessageContent(
                role=AuthorRole.ASSISTANT,
                choice_index=0,
                items=items or [StreamingTextContent(choice_index=0, text="Done.")],
                ai_model_id=self.ai_model_id,
                function_invoke_attempt=function_invoke_attempt,
            )
        ]

    def _note(self, settings: PromptExecutionSettings) -> None:
        given = settings.function_choice_behavior is not None
        self._offered.append(self._now if given else [])

    def _next(self) -> list[str]:
        return [self._calls.pop(0)] if self._calls else []


def plugin(name: str, subjects: Sequence[str]) -> KernelPlugin:
    functions = []
    for subject in subjects:

        @kernel_function(name=subject.partition(" ")[0], description=f"Tells the {subject}")
        def told() -> str:
            return "told"

        functions.append(KernelFunctionFromMethod(method=told, plugin_name=name))
    return KernelPlugin(name=name, functions=functions)


def kernel() -> Kernel:
    made = Kernel()
    made.add_plugin(plugin("info", SUBJECTS))
    return made


def selecting(inner: ChatCompletionClientBase, *, top: int = 2) -> ExpertSelectingChatCompletion:
    return ExpertSelectingChatCompletion(inner, FunctionSelector(FixedEmbedder(), top=top))


def said(*texts: str) -> ChatHistory:
    history = ChatHistory()
    for text in texts:
        history.add_user_message(text)
    return history


def auto(**filters: list[str]) -> PromptExecutionSettings:
    behavior = FunctionChoiceBehavior.Auto(filters=filters or None)  # pyrefly: ignore[bad-argument-type]
    return PromptExecutionSettings(function_choice_behavior=behavior)


@pytest.mark.shows("`ExpertSelectingChatCompletion`: only the functions that fit are offered")
async def test_the_functions_that_fit_are_offered_and_no_others() -> None:
    inner = Recording(ai_model_id="scripted")
    history = said("Which poem has a rhyme?", "How is the weather tomorrow?")
    await selecting(inner).get_chat_message_contents(history, auto(), kernel=kernel())
    (offered,) = inner.offered
    assert len(offered) == 2
    assert "info-weather" in offered


@pytest.mark.shows("it works streaming, under a `ChatCompletionAgent`, which calls what was chosen")
@pytest.mark.parametrize("streaming", [False, True])
async def test_it_works_under_an_agent_which_calls_what_was_chosen(streaming: bool) -> None:
    inner = Recording(ai_model_id="scripted").scripted("info-weather")
    agent = ChatCompletionAgent(service=selecting(inner), kernel=kernel(), name="agent")
    if streaming:
        pieces = [each async for each in agent.invoke_stream("How is the weather tomorrow?")]
        assert pieces[-1].message.content == "Done."
    else:
        assert str(await agent.get_response("How is the weather tomorrow?")) == "Done."
    assert ["info-weather" in offered for offered in inner.offered] == [True, True]


@pytest.mark.shows("a function that was not chosen cannot be called")
async def test_a_function_that_was_not_chosen_cannot_be_called() -> None:
    inner = Recording(ai_model_id="scripted").scripted("info-poem")
    history = said("How is the weather tomorrow?")
    await selecting(inner, top=1).get_chat_message_contents(history, auto(), kernel=kernel())
    assert "not part of the provided tools" in str(history.messages[-1].items[0])


@pytest.mark.shows("the user's own filters hold")
async def test_what_the_user_excludes_is_not_chosen_from() -> None:
    inner = Recording(ai_model_id="scripted")
    settings = auto(excluded_functions=["info-weather"])
    history = said("How is the weather tomorrow?")
    await selecting(inner).get_chat_message_contents(history, settings, kernel=kernel())
    (offered,) = inner.offered
    assert len(offered) == 2
    assert "info-weather" not in offered
    assert settings.function_choice_behavior is not None
    assert settings.function_choice_behavior.filters == {"excluded_functions": ["info-weather"]}


@pytest.mark.shows("nothing to choose: no function is offered, not all of them")
@pytest.mark.parametrize("cast_before", [False, True])
async def test_without_a_question_no_function_is_offered(cast_before: bool) -> None:
    inner = Recording(ai_model_id="scripted")
    settings = auto()
    if cast_before:
        settings.pack_extension_data()
    history = ChatHistory(system_message="Be brief.")
    await selecting(inner).get_chat_message_contents(history, settings, kernel=kernel())
    assert inner.offered == [[]]


async def test_without_a_behavior_nothing_is_chosen() -> None:
    inner = Recording(ai_model_id="scripted")
    service = selecting(inner)
    history = said("How is the weather tomorrow?")
    await service.get_chat_message_contents(history, PromptExecutionSettings(), kernel=kernel())
    assert inner.offered == [[]]


async def test_the_kind_of_behavior_stays() -> None:
    kinds: list[object] = []

    class Noting(Recording):
        def _note(self, settings: PromptExecutionSettings) -> None:
            assert settings.function_choice_behavior is not None
            kinds.append(settings.function_choice_behavior.type_)

    settings = PromptExecutionSettings(function_choice_behavior=FunctionChoiceBehavior.NoneInvoke())
    history = said("How is the weather tomorrow?")
    service = selecting(Noting(ai_model_id="scripted"))
    await service.get_chat_message_contents(history, settings, kernel=kernel())
    assert kinds == [FunctionChoiceType.NONE]


@pytest.mark.shows("functions of an orchestration are kept in every turn")
async def test_functions_of_an_orchestration_are_kept() -> None:
    inner = Recording(ai_model_id="scripted")
    made = kernel()
    made.add_plugin(plugin("Handoff", ["transfer_to_baker"]))
    history = said("How is the weather tomorrow?")
    await selecting(inner).get_chat_message_contents(history, auto(), kernel=made)
    assert "Handoff-transfer_to_baker" in inner.offered[0]


@pytest.mark.shows("functions that the conversation has called stay offered")
async def test_functions_that_were_called_stay_offered() -> None:
    inner = Recording(ai_model_id="scripted").scripted("info-weather")
    service = selecting(inner, top=1)
    history = said("How is the weather tomorrow?")
    made = kernel()
    await service.get_chat_message_contents(history, auto(), kernel=made)
    history.add_user_message("Which poem has a rhyme?")
    await service.get_chat_message_contents(history, auto(), kernel=made)
    assert sorted(inner.offered[-1]) == ["info-poem", "info-weather"]


async def test_vectors_are_made_once_and_for_new_functions_only() -> None:
    embedder = FixedEmbedder()
    selector = FunctionSelector(embedder, top=2)
    made = kernel()
    for _ in range(2):
        await selector.select("weather", made.get_full_list_of_function_metadata())
    made.add_plugin(plugin("more", ["opera singer"]))
    await selector.select("weather", made.get_full_list_of_function_metadata())
    counts = [len(texts) for texts in embedder.calls]
    assert counts == [2 * len(SUBJECTS), 1, 1, 2, 1]


async def test_examples_make_it_surer() -> None:
    examples = {"info-poem": ["Something for my aunt's birthday card", "A birthday present"]}
    plain = FunctionSelector(FixedEmbedder(), top=1)
    taught = FunctionSelector(FixedEmbedder(), top=1, examples=examples)
    functions = kernel().get_full_list_of_function_metadata()
    text = "Something for a birthday card"
    assert await taught.select(text, functions) == ["info-poem"]
    assert await plain.select(text, functions) != ["info-poem"]


@pytest.mark.shows("a function of `expert_plugin` is found by the examples of its card")
async def test_the_card_of_an_expert_is_used() -> None:
    made = kernel()
    made.add_plugin(expert_plugin("wine", council=council(models())))
    selector = FunctionSelector(FixedEmbedder(), top=1)
    functions = made.get_full_list_of_function_metadata()
    assert await selector.select("Which wine goes with fish?", functions) == ["wine-ask"]


async def test_functions_with_names_that_look_alike_are_told_apart() -> None:
    made = Kernel()
    made.add_plugin(plugin("info", ["getUser weather", "get_user poem"]))
    selector = FunctionSelector(FixedEmbedder(), top=1)
    functions = made.get_full_list_of_function_metadata()
    assert await selector.select("weather", functions) == ["info-getUser"]
    assert await selector.select("poem", functions) == ["info-get_user"]
