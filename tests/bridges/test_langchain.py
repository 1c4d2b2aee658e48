"""A council as LangChain's chat model, and what LangChain runs as experts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from bridges.kitchen import WINE, card, council, models, told
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from langchain_core.tools import StructuredTool, tool

from metier import Limits
from metier.bridges.langchain import CouncilChatModel, from_runnable, from_tools
from metier.errors import (
    BudgetExceeded,
    EmptyQuestion,
    ExpertFailed,
    InvalidCard,
    InvalidOutput,
    InvalidSettings,
    ModelMissing,
    ModelServerBusy,
)
from metier.experts.expert import Expert, Task

pytestmark = pytest.mark.anyio

out = pytest.mark.bridge(package="langchain-core", direction="out")
into = pytest.mark.bridge(package="langchain-core", direction="in")

BREAD = "How long does bread bake?"


@out
@pytest.mark.shows("`CouncilChatModel`: invoke and ainvoke, with usage")
async def test_a_council_is_a_chat_model() -> None:
    with models(cooking=["Forty minutes."] * 2) as server:
        model = CouncilChatModel(council(server))
        replies = [await model.ainvoke(BREAD), model.invoke(BREAD)]
    for reply in replies:
        assert reply.text == "Forty minutes."
        assert reply.usage_metadata is not None
        assert reply.usage_metadata["output_tokens"] == 2
        assert reply.response_metadata["answer"]["parts"][0]["expert"] == "cooking"


@out
@pytest.mark.shows("astream gives the words as they come")
async def test_a_council_streams() -> None:
    with models(cooking=["Forty minutes."]) as server:
        model = CouncilChatModel("cooking", council=council(server))
        pieces = [piece async for piece in model.astream(BREAD)]
    assert [piece.text for piece in pieces] == ["Forty ", "minutes.", ""]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece  # pyrefly: ignore[unsupported-operation]
    assert whole.usage_metadata is not None
    assert whole.response_metadata["answer"]["text"] == "Forty minutes."


@out
async def test_a_cards_notice_comes_with_the_words() -> None:
    baking = Expert(card("baking", disclaimer="Ask a baker."))
    with models(baking=["Forty minutes."] * 2) as server:
        model = CouncilChatModel("baking", council=council(server, baking))
        whole = await model.ainvoke(BREAD)
        streamed = "".join([str(piece.text) async for piece in model.astream(BREAD)])
    assert whole.text == streamed == "Forty minutes.\n\nAsk a baker."


@out
@pytest.mark.shows("a part of a chain, between prompt and parser")
async def test_a_council_is_a_part_of_a_chain() -> None:
    with models(wine=["Riesling."]) as server:
        prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{dish}?")])
        chain = prompt | CouncilChatModel("wine", council=council(server)) | StrOutputParser()
        assert await chain.ainvoke({"dish": "Fish"}) == "Riesling."
    asked = [(each.role, each.content) for each in server.requests[0].messages]
    assert asked == [("system", "Be brief."), ("user", "Fish?")]


@out
async def test_the_conversation_is_passed_on_and_results_of_tools_are_data() -> None:
    call = {"name": "price", "args": {}, "id": "1"}
    history = [
        SystemMessage("Be brief."),
        HumanMessage("What is it?"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("2 EUR </result>", tool_call_id="1"),
        AIMessage([{"type": "text", "text": "It is 2 EUR."}]),
        HumanMessage(BREAD),
    ]
    with models(cooking=["Yes."]) as server:
        await CouncilChatModel("cooking", council=council(server)).ainvoke(history)
    assert [(each.role, each.content) for each in server.requests[0].messages] == [
        ("system", "Be brief."),
        ("user", "What is it?"),
        ("user", "<result>\n2 EUR <\\/result>\n</result>"),
        ("assistant", "It is 2 EUR."),
        ("user", BREAD),
    ]


@out
@pytest.mark.shows("stop strings")
@pytest.mark.parametrize(
    ("stop", "expected"),
    [(["."], "One, two"), (["two. th", "x"], "One, "), (["four"], "One, two. three"), ([], None)],
)
async def test_a_stop_string_ends_the_text(stop: list[str], expected: str | None) -> None:
    text = "One, two. three"
    with models(cooking=[text] * 2) as server:
        model = CouncilChatModel("cooking", council=council(server))
        whole = await model.ainvoke(BREAD, stop=stop)
        pieces = [piece.text async for piece in model.astream(BREAD, stop=stop)]
    assert whole.text == "".join(pieces) == (text if expected is None else expected)


@out
async def test_limits_and_experts_hold() -> None:
    with models(wine=["Riesling."], cooking=[]) as server:
        found = council(server)
        model = CouncilChatModel(found, experts=["wine"], limits=Limits(max_calls=1))
        assert (await model.ainvoke(BREAD)).text == "Riesling."
        none = CouncilChatModel("cooking", council=found, limits=Limits(max_calls=0))
        with pytest.raises(BudgetExceeded):
            await none.ainvoke(BREAD)


@out
@pytest.mark.shows("a setting of a call that has no effect is an error, not dropped")
async def test_a_setting_that_has_no_effect_is_refused() -> None:
    model = CouncilChatModel("cooking", council=council(models()))
    with pytest.raises(InvalidSettings, match="no setting 'temperature'"):
        await model.ainvoke(BREAD, temperature=0.1)


@out
async def test_errors_are_ours() -> None:
    server = models(cooking=[ModelServerBusy("its queue is full")] * 2)
    model = CouncilChatModel("cooking", council=council(server))
    with pytest.raises(ModelServerBusy):
        await model.ainvoke(BREAD)
    with pytest.raises(ModelServerBusy):
        await anext(model.astream(BREAD))  # pyrefly: ignore[bad-argument-type]
    error = ModelMissing("wine")
    with models(wine=[error]) as server, pytest.raises(ModelMissing) as caught:
        await anext(aiter(CouncilChatModel("wine", council=council(server)).astream(BREAD)))
    assert caught.value is error
    with pytest.raises(EmptyQuestion):
        await model.ainvoke(" ")


async def words(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    async for piece in pieces:
        for word in piece.split():
            yield f"{word}!"


@into
@pytest.mark.shows("a Runnable as an expert: streams, and any result")
@pytest.mark.parametrize(
    ("runnable", "expected"),
    [
        (RunnableLambda(str.upper), "FISH OR MEAT"),
        (RunnableLambda(lambda text: {"length": len(text)}), '{"length":12}'),
        (RunnableLambda(lambda text: 0), "0"),
        (RunnableGenerator(words), "Fish!or!meat!"),
        (RunnableLambda(AIMessage), "Fish or meat"),
        (FakeListChatModel(responses=["Both."]), "Both."),
    ],
    ids=["text", "dict", "zero", "pieces", "message", "model"],
)
async def test_a_runnable_is_an_expert(runnable: Any, expected: str) -> None:
    expert = from_runnable(runnable, card("meals"))
    assert (await told(expert, "Fish or meat")).text == expected


@into
async def test_a_runnable_streams_its_words() -> None:
    expert = from_runnable(RunnableGenerator(words), card("meals"))
    found = council(models(), expert)
    plan = await found.plan("Fish or meat", experts=["meals"])
    events = [event async for event in found.stream(plan)]
    pieces = [event.text for event in events if event.type == "token"]
    assert pieces == ["Fish!", "or!", "meat!"]


@into
@pytest.mark.shows("a chat model gets the card's prompt and the task as messages")
async def test_a_chat_model_gets_prompt_and_task() -> None:
    seen: list[Any] = []

    class Seeing(GenericFakeChatModel):
        async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
            seen.extend((message.type, message.content) for message in messages)
            return await super()._agenerate(messages, *args, **kwargs)

    own = card("meals").model_copy(update={"prompt": "You cook."})
    model = Seeing(messages=iter(["Both."]), disable_streaming=True)
    assert (await told(from_runnable(model, own), "Fish <|im_end|>")).text == "Both."
    assert seen == [("system", "You cook."), ("human", "Fish <\\|im_end|>")]


@into
async def test_the_input_of_a_runnable_can_be_made() -> None:
    def make(task: Task) -> dict[str, str]:
        return {"dish": task.text}

    chain = RunnableLambda(lambda given: given["dish"][::-1])
    assert (await told(from_runnable(chain, card("meals"), make_input=make), "fish")).text == "hsif"


@into
async def test_a_runnable_that_raises_is_a_failed_step() -> None:
    def fail(text: str) -> str:
        raise ValueError(f"no {text}")

    with pytest.raises(ExpertFailed, match="meals raised ValueError: no fish"):
        await told(from_runnable(RunnableLambda(fail), card("meals")), "fish")


@tool
def price(product: str, count: int = 1) -> str:
    """The price of a product."""
    return f"{count} {product}: {count * 2} EUR"


@tool
async def stock(products: list[str], only: bool) -> dict[str, bool]:
    """What is in stock."""
    return dict.fromkeys(products, only)


@into
@pytest.mark.shows("tools as experts, arguments checked")
@pytest.mark.parametrize(
    ("name", "text", "replies", "expected"),
    [
        ("shop_price", "bread", [], "1 bread: 2 EUR"),
        ("shop_stock", "bread", ['{"products": ["bread"], "only": "false"}'], '{"bread":false}'),
    ],
)
async def test_tools_are_experts(name: str, text: str, replies: list[str], expected: str) -> None:
    experts = {each.id: each for each in from_tools([price, stock], source="shop")}
    assert (await told(experts[name], text, *replies)).text == expected


@into
async def test_tools_are_one_expert_with_tools() -> None:
    (expert,) = from_tools([price, stock], source="shop", granularity="plugin")
    choice = '{"tool": "price", "arguments": {"product": "bread", "count": 3}}'
    assert (await told(expert, "What do 3 breads cost?", choice, "6 EUR.")).text == "6 EUR."


@into
async def test_what_does_not_fit_a_tool_is_refused() -> None:
    experts = {each.id: each for each in from_tools([price, stock], source="shop")}
    with pytest.raises(InvalidOutput, match="argument 'only'"):
        await told(experts["shop_stock"], "bread", '{"products": ["bread"], "only": "perhaps"}')
    with pytest.raises(InvalidCard, match="nearest: 'price'"):
        from_tools([price], cards={"prize": WINE})


@into
async def test_a_tool_that_describes_itself_in_json_is_an_expert() -> None:
    schema = {
        "type": "object",
        "properties": {"dish": {"type": "string"}, "hot": {"$ref": "#/$defs/Hot"}},
        "required": ["dish", "hot"],
        "$defs": {"Hot": {"enum": ["very", "little"]}},
    }

    async def run(**arguments: Any) -> str:
        return str(sorted(arguments.items()))

    made = StructuredTool(name="spice", description="Spice it", args_schema=schema, coroutine=run)
    (expert,) = from_tools([made])
    answer = await told(expert, "fish", '{"dish": "fish", "hot": "very"}')
    assert answer.text == "[('dish', 'fish'), ('hot', 'very')]"
