"""A model as LangChain's chat model, which calls tools."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake_ollama import FakeOllama, fake_ollama
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool

from metier.bridges.langchain import ModelChatModel
from metier.errors import InvalidSettings
from metier.models.ollama import OllamaServer
from metier.testing import FixedEmbedder

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.bridge(package="langchain-core", direction="out"),
]

CODER = "qwen2.5-coder:1.5b"
CALL = '{"name": "price", "arguments": {"item": "bread", "count": "3"}}'
ASKED = "What do 3 bread cost?"


@tool
def price(item: str, count: int = 1) -> str:
    """Tell the price of an item."""
    return f"{count} {item} cost {2 * count} euros"


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    capabilities = ["completion", "tools"]
    with fake_ollama(
        FixedEmbedder(), models=[CODER], reply=CALL, capabilities=capabilities
    ) as fake:
        yield fake


@pytest.mark.shows("`ModelChatModel` calls tools, sync and async")
async def test_a_call_in_a_models_text_is_a_tool_call(server: FakeOllama) -> None:
    model = ModelChatModel(OllamaServer(server.host), CODER)
    bound = model.bind_tools([price])
    for reply in (await bound.ainvoke(ASKED), bound.invoke(ASKED)):
        (call,) = reply.tool_calls
        assert (call["name"], call["args"]) == ("price", {"item": "bread", "count": 3})
        assert reply.text == ""
    await model.server.aclose()


async def test_a_result_is_told_to_the_model_with_the_call_before_it(server: FakeOllama) -> None:
    model = ModelChatModel(OllamaServer(server.host), CODER)
    called = await model.bind_tools([price]).ainvoke(ASKED)
    server.reply = "They cost 6 euros."
    result = ToolMessage(price.invoke(called.tool_calls[0]["args"]), tool_call_id="call_0")
    reply = await model.ainvoke([HumanMessage(ASKED), called, result])
    assert reply.text == "They cost 6 euros."
    _, before, told = server.chats[-1]["messages"]
    assert before["role"] == "assistant"
    assert "3 bread cost 6 euros" in told["content"]
    await model.server.aclose()


def test_a_call_cannot_be_required(server: FakeOllama) -> None:
    model = ModelChatModel(OllamaServer(server.host), CODER)
    with pytest.raises(InvalidSettings, match="any"):
        model.bind_tools([price], tool_choice="any")
