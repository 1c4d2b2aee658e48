"""Plugins of Semantic Kernel as experts, called through a real kernel."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
from bridges.kitchen import QUIET, card, council, models, told
from pydantic import BaseModel
from semantic_kernel import Kernel
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.mcp import MCPStdioPlugin
from semantic_kernel.connectors.openapi_plugin import OpenAPIFunctionExecutionParameters
from semantic_kernel.core_plugins import MathPlugin, TextPlugin, TimePlugin
from semantic_kernel.exceptions import FunctionExecutionException, OperationCancelledException
from semantic_kernel.filters import FilterTypes, FunctionInvocationContext
from semantic_kernel.functions import KernelPlugin, kernel_function

from metier.bridges.semantic_kernel import CouncilChatCompletion, from_kernel_plugin
from metier.errors import ExpertFailed, InvalidCard, InvalidInput, InvalidOutput
from metier.experts.expert import Expert
from metier.plan import Plan, Step

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.bridge(package="semantic-kernel", direction="in"),
    *QUIET,
]

Next = Callable[[FunctionInvocationContext], Awaitable[None]]


class Level(Enum):
    LOW = "low"
    HIGH = "high"


class Amount(BaseModel):
    grams: float


class Opaque:
    """A type that has no JSON schema."""

    def __init__(self, text: str) -> None:
        self.text = text


class Oven:
    """Runs an oven."""

    @kernel_function
    def zero(self) -> int:
        """Give nothing."""
        return 0

    @kernel_function
    def no(self) -> bool:
        """Say no."""
        return False

    @kernel_function
    def table(self) -> dict[str, float]:
        """Give a table."""
        return {"answer": 1, "confidence": 0.3}

    @kernel_function
    def nothing(self) -> None:
        """Do something."""

    @kernel_function
    def pieces(self) -> Any:
        """Give pieces."""
        yield "one"
        yield "two"

    @kernel_function
    async def later(self, text: str) -> str:
        """Answer later."""
        return text

    @kernel_function
    def thread(self) -> str:
        """Tell the thread."""
        return threading.current_thread().name

    @kernel_function
    def light(self, on: bool, minutes: int | None = None) -> str:
        """Switch the light."""
        return f"{on!r} {minutes!r}"

    @kernel_function
    def bake(
        self,
        degrees: Annotated[int, "how hot"],
        level: Level,
        dough: Amount,
        mode: Literal["fan", "grill"] = "fan",
        tags: list[str] | None = None,
    ) -> str:
        """Bake something."""
        return f"{degrees} {level.name} {dough.grams} {mode} {tags}"

    @kernel_function
    def eat(self, dish: str, spices: list[str]) -> str:
        """Eat, and change what was given."""
        spices.append("salt")
        return dish

    @kernel_function
    def either(self, amount: int | str, name: str) -> str:
        """Take this or that."""
        return f"{amount!r} {name}"

    @kernel_function
    def strange(self, thing: Opaque, name: str) -> str:
        """Take a thing."""
        return f"{thing.text} {name}"

    @kernel_function
    def kernel_of(self, kernel: Kernel) -> str:
        """Use the kernel."""
        return type(kernel).__name__

    @kernel_function
    def broken(self) -> str:
        """Fail."""
        raise ValueError("it is broken")

    @kernel_function
    def cancelled(self) -> str:
        """Be cancelled."""
        raise OperationCancelledException("stop")

    @kernel_function
    def wrapped(self) -> str:
        """Fail inside of a failure."""
        try:
            return self.broken()
        except ValueError as exc:
            raise FunctionExecutionException("it did not run") from exc


def named(experts: list[Expert], name: str) -> Expert:
    return next(expert for expert in experts if expert.id == name)


def oven(kernel: Kernel | None = None) -> dict[str, Expert]:
    return {expert.id: expert for expert in from_kernel_plugin(Oven(), kernel=kernel)}


@pytest.mark.shows("SK's core plugins (time, math, text), each function an expert")
@pytest.mark.parametrize(
    ("plugin", "name", "text", "reply", "expected"),
    [
        (TextPlugin(), "text_plugin_uppercase", "bread", None, "BREAD"),
        (TextPlugin(), "text_plugin_trim", " bread ", None, "bread"),
        (MathPlugin(), "math_plugin_add", "2 plus 3", '{"input": 2, "amount": 3}', "5.0"),
        (MathPlugin(), "math_plugin_subtract", "3 - 3", '{"input": 3, "amount": "3"}', "0.0"),
    ],
)
async def test_functions_of_core_plugins_are_experts(
    plugin: object, name: str, text: str, reply: str | None, expected: str
) -> None:
    expert = next(each for each in from_kernel_plugin(plugin) if each.id == name)
    answer = await told(expert, text, *([reply] if reply else []))
    assert answer.text == expected


async def test_every_function_of_the_core_plugins_becomes_an_expert() -> None:
    for plugin in (TimePlugin(), MathPlugin(), TextPlugin()):
        kernel = Kernel()
        functions = kernel.add_plugin(plugin, plugin_name=type(plugin).__name__)
        experts = from_kernel_plugin(plugin)
        assert len({expert.id for expert in experts}) == len(functions.functions)
        assert all(expert.card.description for expert in experts)


@pytest.mark.shows("no argument: called without a model")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("oven_zero", "0"),
        ("oven_no", "false"),
        ("oven_table", '{"answer":1,"confidence":0.3}'),
        ("oven_nothing", "no result"),
        ("oven_pieces", '["one","two"]'),
        ("oven_kernel_of", "Kernel"),
    ],
)
async def test_a_result_is_told_as_it_is(name: str, expected: str) -> None:
    assert (await told(oven()[name], "Do it")).text == expected


@pytest.mark.shows("one text: it is the subtask")
async def test_a_function_of_one_text_gets_the_subtask() -> None:
    assert (await told(oven()["oven_later"], "Say this")).text == "Say this"


@pytest.mark.shows("more: filled in by the model, following the schema, and checked")
@pytest.mark.parametrize(
    ("name", "text", "arguments", "expected"),
    [
        ("oven_light", "on for 5 minutes", {"on": "false", "minutes": "5"}, "False 5"),
        ("oven_light", "switch it on", {"on": True, "minutes": None}, "True None"),
        ("oven_light", "switch it on", {"on": True}, "True None"),
        (
            "oven_bake",
            "Bake 300 g at 180 degrees, high",
            {"degrees": "180", "level": "high", "dough": {"grams": 300}},
            "180 HIGH 300.0 fan None",
        ),
        (
            "oven_bake",
            "Bake 300 g at 180 degrees on the grill",
            {"degrees": 180, "level": "low", "dough": {"grams": 300}, "mode": "grill", "tags": []},
            "180 LOW 300.0 grill []",
        ),
        ("oven_either", "take 3 of bread", {"amount": 3, "name": "bread"}, "3 bread"),
    ],
)
async def test_arguments_are_filled_in_as_their_types(
    name: str, text: str, arguments: dict[str, Any], expected: str
) -> None:
    answer = await told(oven()[name], text, json.dumps(arguments))
    assert answer.text == expected
    assert answer.parts[0].checked is True


async def test_the_schema_of_the_arguments_binds_the_model() -> None:
    with models(general=['{"on": true}']) as server:
        expert = oven()["oven_light"]
        plan = Plan(question="on", steps=(Step(id="1", task="on", expert=expert.id),))
        await council(server, expert).run(plan)
    schema = server.requests[0].sampling.schema
    assert schema is not None
    assert schema["properties"]["on"]["type"] == "boolean"
    assert (schema["required"], schema["additionalProperties"]) == (["on"], False)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("oven_light", {"on": "perhaps"}, "argument 'on'"),
        ("oven_light", {}, "argument 'on': Field required"),
        ("oven_light", {"on": True, "off": False}, "argument 'off'"),
        ("oven_light", {"on": True, "minutes": 7}, "7 does not appear in the task"),
        (
            "oven_bake",
            {"degrees": 180, "level": "hot", "dough": {"grams": 300}},
            "argument 'level'",
        ),
    ],
)
async def test_arguments_that_do_not_fit_are_refused(
    name: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidOutput, match=words):
        await told(oven()[name], "180 degrees for 300 g", json.dumps(arguments))


async def test_a_type_that_only_the_plugin_knows_is_refused_and_not_guessed() -> None:
    with pytest.raises(InvalidOutput, match="argument 'thing'"):
        await told(oven()["oven_strange"], "Do it", '{"thing": {}, "name": "a"}')


async def test_arguments_are_made_anew_for_each_call() -> None:
    tool = oven()["oven_eat"].tools["eat"]
    arguments = {"dish": "soup", "spices": ["pepper"]}
    assert [await tool.run(**tool.bound(arguments)) for _ in range(2)] == ["soup", "soup"]
    assert arguments == {"dish": "soup", "spices": ["pepper"]}


@pytest.mark.shows("plain `def` in a thread, not on the event loop")
async def test_a_blocking_function_does_not_block_the_event_loop() -> None:
    answer = await told(oven()["oven_thread"], "Where?")
    assert answer.text != threading.current_thread().name


@pytest.mark.shows("the kernel's own filters fire")
async def test_the_kernels_filters_fire() -> None:
    kernel = Kernel()
    seen: list[str] = []

    @kernel.filter(FilterTypes.FUNCTION_INVOCATION)
    async def note(context: FunctionInvocationContext, next: Next) -> None:  # noqa: A002
        await next(context)
        seen.append(context.function.fully_qualified_name)

    await told(oven(kernel)["oven_zero"], "Do it")
    assert seen == ["Oven-zero"]
    assert kernel.plugins == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("oven_broken", "Oven-broken raised ValueError: it is broken"),
        ("oven_wrapped", "Oven-wrapped raised ValueError: it is broken"),
        ("oven_cancelled", "Oven-cancelled was cancelled by a filter"),
    ],
)
async def test_a_function_that_fails_says_its_own_error(name: str, words: str) -> None:
    with pytest.raises(ExpertFailed, match=words):
        await told(oven()[name], "Do it")


@pytest.mark.shows("a whole plugin as one expert with tools")
async def test_a_plugin_is_one_expert_whose_model_chooses() -> None:
    (expert,) = from_kernel_plugin(Oven(), granularity="plugin")
    assert (expert.id, expert.card.description) == ("oven", "Runs an oven.")
    assert len(expert.card.capabilities) == len(expert.tools)
    choice = json.dumps({"tool": "light", "arguments": {"on": "false"}})
    answer = await told(expert, "Light off", choice, "It is off.")
    assert (answer.text, answer.parts[0].checked) == ("It is off.", None)


@pytest.mark.shows("cards with examples in place of descriptions")
async def test_a_card_can_be_given() -> None:
    own = card("oven_light", "Is the light on?")
    experts = from_kernel_plugin(Oven(), cards={"light": own})
    assert next(each for each in experts if each.id == "oven_light").card == own
    (whole,) = from_kernel_plugin(Oven(), granularity="plugin", cards={"Oven": own})
    assert whole.card == own


@pytest.mark.parametrize(
    ("granularity", "words"),
    [("function", "nearest: 'light'"), ("plugin", "Cards can be given for: Oven")],
)
def test_a_card_for_nothing_is_refused(
    granularity: Literal["function", "plugin"], words: str
) -> None:
    with pytest.raises(InvalidCard, match=words):
        from_kernel_plugin(Oven(), granularity=granularity, cards={"lihgt": card("light")})


def test_a_plugin_without_functions_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has no function"):
        from_kernel_plugin(KernelPlugin(name="empty"))


@pytest.mark.shows("tools that other experts call by name, with typed results")
async def test_another_expert_calls_it_by_name() -> None:
    found = council(models(), *from_kernel_plugin(Oven())).registry.tool("oven_table.table")
    assert found is not None
    assert await found.run() == {"answer": 1, "confidence": 0.3}


async def test_the_planner_chooses_it_by_its_description() -> None:
    kernel_functions = from_kernel_plugin(TextPlugin())
    plan = await council(models(), *kernel_functions).plan("Convert a string to uppercase.")
    assert plan.steps[0].candidates[0].expert == "text_plugin_uppercase"


SKPROMPT = "Translate into Latin: {{$input}}"
CONFIG = {
    "schema": 1,
    "description": "Translate into Latin",
    "input_variables": [{"name": "input", "description": "the text", "is_required": True}],
}


@pytest.mark.shows("a folder of prompts, answered by a chat service of the kernel")
async def test_a_prompt_directory_is_an_expert(tmp_path: Path) -> None:
    folder = tmp_path / "writing" / "latin"
    folder.mkdir(parents=True)
    (folder / "skprompt.txt").write_text(SKPROMPT)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    plugin = KernelPlugin.from_directory("writing", str(tmp_path))
    with models(cooking=["panis"]) as server:
        kernel = Kernel(services=CouncilChatCompletion("cooking", council=council(server)))
        (expert,) = from_kernel_plugin(plugin, kernel=kernel)
        answer = await told(expert, "bread")
    assert answer.text == "panis"
    assert server.requests[0].messages[-1].content == "Translate into Latin: bread"
    assert expert.card.description == "Translate into Latin"


OPENAPI = {
    "openapi": "3.0.0",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "http://127.0.0.1:1"}],
    "paths": {
        "/price/{product-id}": {
            "get": {
                "operationId": "getPrice",
                "summary": "The price of a product",
                "parameters": [
                    {
                        "name": "product-id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer"},
                    },
                    {
                        "name": "currency",
                        "in": "query",
                        "schema": {"type": "string", "enum": ["EUR", "USD"]},
                    },
                ],
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
}


@pytest.mark.shows("a plugin from OpenAPI")
async def test_an_openapi_plugin_is_an_expert() -> None:
    async def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=f"{request.url.path}?{request.url.query.decode()}")

    async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as client:
        plugin = KernelPlugin.from_openapi(
            "shop",
            openapi_parsed_spec=OPENAPI,
            execution_settings=OpenAPIFunctionExecutionParameters(
                http_client=client, server_url_validation_allowed_base_urls=["http://127.0.0.1:1"]
            ),
        )
        (expert,) = from_kernel_plugin(plugin)
        arguments = json.dumps({"product_id": "7", "currency": "EUR"})
        answer = await told(expert, "The price of product 7 in euros", arguments)
    assert expert.id == "shop_get_price"
    assert answer.text == "/price/7?currency=EUR"


SERVER = """
from mcp.server.fastmcp import FastMCP

server = FastMCP("shop")


@server.tool()
def price(product: str, count: int) -> str:
    \"\"\"The price of some of a product.\"\"\"
    return f"{count} {product}: {count * 2} EUR"


server.run()
"""


@pytest.mark.shows("a plugin from MCP")
async def test_an_mcp_plugin_is_an_expert(tmp_path: Path) -> None:
    program = tmp_path / "shop.py"
    program.write_text(SERVER)
    async with MCPStdioPlugin(name="shop", command=sys.executable, args=[str(program)]) as plugin:
        (expert,) = from_kernel_plugin(plugin)
        answer = await told(expert, "What do 3 breads cost?", '{"product": "bread", "count": 3}')
    assert (expert.id, answer.text) == ("shop_price", "3 bread: 6 EUR")


@pytest.mark.shows("an agent, as the plugin that it is")
async def test_an_agent_is_an_expert() -> None:
    with models(cooking=["Forty minutes."]) as server:
        service = CouncilChatCompletion("cooking", council=council(server))
        agent = ChatCompletionAgent(service=service, name="baker", description="Bakes")
        plugin = Kernel().add_plugin(agent, plugin_name="baker")
        (expert,) = from_kernel_plugin(plugin)
        answer = await told(expert, "How long?", '{"messages": "How long?"}')
    assert answer.text == "Forty minutes."
