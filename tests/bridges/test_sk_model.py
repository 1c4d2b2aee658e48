"""A model as a chat service of a real kernel, whose functions it calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from bridges.kitchen import QUIET
from fake_ollama import FakeOllama, fake_ollama
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.contents import ChatHistory, FunctionCallContent
from semantic_kernel.functions import kernel_function

from metier.bridges.semantic_kernel import ModelChatCompletion, ModelPromptExecutionSettings
from metier.errors import InvalidSettings
from metier.models.ollama import OllamaServer
from metier.testing import FixedEmbedder

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.bridge(package="semantic-kernel", direction="out"),
    *QUIET,
]

CODER = "qwen2.5-coder:1.5b"
CALL = '```json\n{"name": "shop-price", "arguments": {"item": "bread", "count": 3}}\n```'


class Shop:
    @kernel_function(name="price", description="The price of an item")
    def price(self, item: str, count: int = 1) -> str:
        return f"{count} {item} cost {2 * count} euros"


@pytest.fixture
async def server() -> AsyncGenerator[FakeOllama]:
    with fake_ollama(
        FixedEmbedder(), models=[CODER], reply=CALL, capabilities=["completion", "tools"]
    ) as fake:
        yield fake


def kernel_of(fake: FakeOllama) -> tuple[Kernel, ModelChatCompletion]:
    service = ModelChatCompletion(OllamaServer(fake.host), CODER)
    kernel = Kernel(services=service)
    kernel.add_plugin(Shop(), plugin_name="shop")
    return kernel, service


def said(text: str) -> ChatHistory:
    history = ChatHistory()
    history.add_user_message(text)
    return history


def automatic(*, invoke: bool) -> ModelPromptExecutionSettings:
    behavior = FunctionChoiceBehavior.Auto(auto_invoke=invoke)
    return ModelPromptExecutionSettings(function_choice_behavior=behavior, max_tokens=128)


@pytest.mark.shows("`ModelChatCompletion` calls functions")
async def test_a_call_in_a_models_text_is_a_function_call(server: FakeOllama) -> None:
    kernel, service = kernel_of(server)
    message = await service.get_chat_message_content(
        said("What do 3 bread cost?"), automatic(invoke=False), kernel=kernel
    )
    assert message is not None
    (call,) = message.items
    assert isinstance(call, FunctionCallContent)
    assert (call.name, call.arguments) == ("shop-price", {"item": "bread", "count": 3})
    assert message.metadata["usage"].completion_tokens == 1
    await service.server.aclose()


async def test_a_called_function_is_run_and_its_result_told_to_the_model(
    server: FakeOllama,
) -> None:
    kernel, service = kernel_of(server)

    def then_answer() -> None:
        server.reply = "They cost 6 euros."

    server.after_chat = then_answer
    message = await service.get_chat_message_content(
        said("What do 3 bread cost?"), automatic(invoke=True), kernel=kernel
    )
    assert message is not None
    assert str(message) == "They cost 6 euros."
    *_, called, result = server.chats[-1]["messages"]
    assert called["role"] == "assistant"
    assert "3 bread cost 6 euros" in result["content"]
    await service.server.aclose()


async def test_a_stream_ends_with_the_call(server: FakeOllama) -> None:
    kernel, service = kernel_of(server)
    stream = service.get_streaming_chat_message_content(
        said("What do 3 bread cost?"), automatic(invoke=False), kernel=kernel
    )
    pieces = [piece async for piece in stream if piece is not None]
    calls = [
        item for piece in pieces for item in piece.items if isinstance(item, FunctionCallContent)
    ]
    assert [call.name for call in calls] == ["shop-price"]
    assert "".join(str(piece) for piece in pieces) == ""
    await service.server.aclose()


async def test_without_functions_the_model_answers_in_words(server: FakeOllama) -> None:
    _, service = kernel_of(server)
    settings = ModelPromptExecutionSettings(temperature=0.5, seed=7)
    message = await service.get_chat_message_content(said("What do 3 bread cost?"), settings)
    assert str(message) == CALL
    assert server.chats[0]["options"]["seed"] == 7
    await service.server.aclose()


async def test_a_call_cannot_be_required(server: FakeOllama) -> None:
    kernel, service = kernel_of(server)
    settings = ModelPromptExecutionSettings(
        function_choice_behavior=FunctionChoiceBehavior.Required()
    )
    with pytest.raises(InvalidSettings, match="required"):
        await service.get_chat_message_content(said("Bread?"), settings, kernel=kernel)
