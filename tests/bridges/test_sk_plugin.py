"""An expert, or a council, as a plugin of a real kernel."""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any

import anyio
import pytest
from bridges.kitchen import COOKING, QUIET, Cooking, card, council, models
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from semantic_kernel import Kernel
from semantic_kernel.exceptions import KernelInvokeException
from semantic_kernel.filters import FilterTypes, FunctionInvocationContext
from semantic_kernel.functions import KernelArguments

from metier.bridges.semantic_kernel import council_plugin, expert_plugin
from metier.bridges.semantic_kernel.plugin import CARD
from metier.errors import (
    EmptyQuestion,
    InvalidInput,
    InvalidOutput,
    ModelServerBusy,
    UnknownExpert,
)
from metier.experts.card import Card
from metier.experts.expert import Expert
from metier.experts.tools import tool

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.bridge(package="semantic-kernel", direction="out"),
    *QUIET,
]

Next = Callable[[FunctionInvocationContext], Awaitable[None]]


@pytest.mark.shows("an Expert object given to `kernel.add_plugin` as it is")
async def test_an_expert_is_a_plugin_as_it_is() -> None:
    kernel = Kernel()
    plugin = kernel.add_plugin(Cooking(COOKING), plugin_name="cooking")
    result = await kernel.invoke(plugin["scale"], KernelArguments(grams=50.0, servings=3))
    assert result is not None
    assert result.value == 150
    assert plugin["scale"].description == "Scale an amount."
    assert [parameter.type_ for parameter in plugin["scale"].parameters] == ["float", "int"]


@pytest.mark.shows("`expert_plugin`: the function `ask`")
async def test_ask_answers_with_the_experts_words() -> None:
    kernel = Kernel()
    with models(cooking=["Forty minutes."]) as server:
        plugin = kernel.add_plugin(expert_plugin("cooking", council=council(server)))
        result = await kernel.invoke(plugin["ask"], question="How long does bread bake?")
    assert result is not None
    assert (str(result), result.value) == ("Forty minutes.", "Forty minutes.")
    assert result.metadata["answer"].parts[0].expert == "cooking"
    assert result.metadata["usage"].completion_tokens == 2


async def test_an_expert_object_is_added_to_the_council_that_it_uses() -> None:
    with models(baking=["Yes."]) as server:
        plugin = expert_plugin(Expert(card("baking")), council=council(server))
        result = await plugin["ask"].invoke(Kernel(), KernelArguments(question="Is it done?"))
    assert result is not None
    assert result.value == "Yes."


@pytest.mark.shows("`ask` streams")
async def test_ask_streams_its_words() -> None:
    kernel = Kernel()
    with models(cooking=["Forty minutes or so."]) as server:
        plugin = kernel.add_plugin(expert_plugin("cooking", council=council(server)))
        stream = kernel.invoke_stream(plugin["ask"], question="How long?")
        pieces = [piece[0].text async for piece in stream]  # pyrefly: ignore[bad-index, missing-attribute]
    assert pieces == ["Forty ", "minutes ", "or ", "so."]


async def test_a_cards_notice_comes_with_the_words() -> None:
    kernel = Kernel()
    baking = Expert(card("baking", disclaimer="Ask a baker."))
    with models(baking=["Forty minutes."] * 2) as server:
        plugin = kernel.add_plugin(expert_plugin("baking", council=council(server, baking)))
        whole = await kernel.invoke(plugin["ask"], question="How long?")
        stream = kernel.invoke_stream(plugin["ask"], question="How long?")
        pieces = [piece[0].text async for piece in stream]  # pyrefly: ignore[bad-index, missing-attribute]
    assert str(whole) == "".join(pieces) == "Forty minutes.\n\nAsk a baker."


async def test_what_was_streamed_can_be_had_as_a_result_too() -> None:
    kernel = Kernel()
    with models(cooking=["Forty minutes."]) as server:
        plugin = kernel.add_plugin(expert_plugin("cooking", council=council(server)))
        stream = kernel.invoke_stream(
            plugin["ask"], question="How long?", return_function_results=True
        )
        *_, last = [each async for each in stream]
    assert str(last) == "Forty minutes."


async def test_a_stream_that_is_left_early_ends_the_call() -> None:
    server = models(cooking=["One two three four five."])
    plugin = expert_plugin("cooking", council=council(server))
    stream = plugin["ask"].invoke_stream(Kernel(), KernelArguments(question="Count"))
    async for _ in stream:
        break
    await stream.aclose()
    del stream  # the kernel's stream leaves ours to the event loop, which closes it
    with anyio.fail_after(10):
        while not server.closed_early:
            await anyio.lowlevel.checkpoint()
    assert server.closed_early == ["cooking"]


@pytest.mark.shows("the card travels in `metadata.additional_properties`, also through `clone`")
def test_the_card_travels_with_the_function() -> None:
    kernel = Kernel()
    kernel.add_plugin(expert_plugin("cooking", council=council(models())))
    for each in (kernel, kernel.clone()):
        stored = each.get_function("cooking", "ask").metadata.additional_properties
        assert stored is not None
        assert Card.model_validate(stored[CARD]) == COOKING


async def test_a_copy_asks_the_same_council() -> None:
    with models(cooking=["Yes.", "No."]) as server:
        kernel = Kernel()
        kernel.add_plugin(expert_plugin("cooking", council=council(server)))
        clone = kernel.clone()
        copy = deepcopy(kernel.get_function("cooking", "ask"))
        answers = [
            await clone.invoke(plugin_name="cooking", function_name="ask", question="Done?"),
            await kernel.invoke(copy, question="Done?"),
        ]
    assert [str(answer) for answer in answers] == ["Yes.", "No."]


@pytest.mark.shows("function filters fire, and may change question and answer")
async def test_the_users_filters_fire() -> None:
    kernel = Kernel()
    seen: list[str] = []

    @kernel.filter(FilterTypes.FUNCTION_INVOCATION)
    async def shout(context: FunctionInvocationContext, next: Next) -> None:  # noqa: A002
        context.arguments["question"] = "How long does rye bread bake?"
        await next(context)
        assert context.result is not None
        seen.append(context.function.fully_qualified_name)
        context.result.value = str(context.result.value).upper()

    with models(cooking=[lambda request: request.messages[-1].content]) as server:
        plugin = kernel.add_plugin(expert_plugin("cooking", council=council(server)))
        result = await kernel.invoke(plugin["ask"], question="How long?")
    assert seen == ["cooking-ask"]
    assert str(result) == "HOW LONG DOES RYE BREAD BAKE?"


@pytest.mark.shows("OpenTelemetry spans of functions")
async def test_the_users_telemetry_sees_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    # The package has a function of the module's name.
    module = sys.modules["semantic_kernel.functions.kernel_function"]
    monkeypatch.setattr(module, "tracer", provider.get_tracer("test"))
    kernel = Kernel()
    with models(cooking=["Yes."]) as server:
        plugin = kernel.add_plugin(expert_plugin("cooking", council=council(server)))
        await kernel.invoke(plugin["ask"], question="Done?")
    assert [span.name for span in spans.get_finished_spans()] == ["execute_tool cooking-ask"]


@pytest.mark.shows("tools as functions: arguments checked, plain `def` in a thread")
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("scale", {"grams": "50"}, 100),
        ("scale", {"grams": 50, "servings": "3"}, 150),
        ("is_done", {"done": "false"}, False),
        ("words", {"text": "one two"}, ["one", "two"]),
    ],
)
async def test_tools_are_functions_with_their_types(
    name: str, arguments: dict[str, Any], expected: object
) -> None:
    kernel = Kernel()
    plugin = kernel.add_plugin(expert_plugin("cooking", council=council(models())))
    result = await kernel.invoke(plugin[name], KernelArguments(**arguments))
    assert result is not None
    assert result.value == expected


async def test_a_tool_does_not_block_the_event_loop() -> None:
    plugin = expert_plugin("cooking", council=council(models()))
    result = await plugin["thread"].invoke(Kernel())
    assert result is not None
    assert result.value != threading.current_thread().name


async def test_a_tool_that_streams_streams() -> None:
    plugin = expert_plugin("cooking", council=council(models()))
    stream = plugin["words"].invoke_stream(Kernel(), KernelArguments(text="one two"))
    assert [each async for each in stream] == ["one", "two"]


@pytest.mark.parametrize(
    ("function", "arguments", "error"),
    [
        ("ask", {"question": " "}, EmptyQuestion),
        ("ask", {}, EmptyQuestion),
        ("scale", {"grams": "much"}, InvalidOutput),
        ("ask", {"question": "Busy?"}, ModelServerBusy),
    ],
)
async def test_errors_are_ours_inside_of_the_kernels(
    function: str, arguments: dict[str, Any], error: type[Exception]
) -> None:
    kernel = Kernel()
    server = models(cooking=[ModelServerBusy("its queue is full")])
    plugin = kernel.add_plugin(expert_plugin("cooking", council=council(server)))
    with pytest.raises(KernelInvokeException) as caught:
        await kernel.invoke(plugin[function], KernelArguments(**arguments))
    assert isinstance(caught.value.__cause__, error)


async def test_a_stream_without_an_answer_is_an_error_of_its_type() -> None:
    server = models(cooking=[ModelServerBusy("its queue is full")])
    plugin = expert_plugin("cooking", council=council(server))
    stream = plugin["ask"].invoke_stream(Kernel(), KernelArguments(question="Busy?"))
    with pytest.raises(ModelServerBusy, match="its queue is full"):
        [each async for each in stream]


def test_an_expert_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownExpert, match="nearest: 'cooking'"):
        expert_plugin("cookin", council=council(models()))


def test_a_tool_called_ask_is_refused() -> None:
    class Asking(Expert):
        @tool
        def ask(self) -> str:
            """Ask."""
            return ""

    with pytest.raises(InvalidInput, match="a tool called 'ask'"):
        expert_plugin(Asking(card("asking")), council=council(models()))


@pytest.mark.shows("`council_plugin`: `ask` plans, a function for each expert does not")
async def test_a_council_is_a_plugin_with_a_function_for_each_expert() -> None:
    kernel = Kernel()
    with models(wine=["Riesling."], cooking=["Yes."]) as server:
        plugin = kernel.add_plugin(council_plugin(council(server)))
        planned = await kernel.invoke(plugin["ask"], question="Which wine goes with fish?")
        direct = await kernel.invoke(plugin["cooking"], question="Which wine goes with fish?")
    assert sorted(plugin.functions) == ["ask", "cooking", "general", "wine"]
    assert (str(planned), str(direct)) == ("Riesling.", "Yes.")
