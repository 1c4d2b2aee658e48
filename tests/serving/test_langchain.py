"""LangChain's own tests of chat models (`langchain-tests`), run on its clients of our server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from bridges.kitchen import council
from langchain_core.language_models import BaseChatModel
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from serving.running_server import served

from metier.testing import ScriptedModels

pytestmark = pytest.mark.anyio

ANSWER = "Forty minutes, in a hot oven."
# Both clients keep connections for longer than the event loop of a test lives.
ONCE = {"connection": "close"}


@pytest.fixture
def benchmark() -> Callable[[Callable[[], object]], object]:
    """What the suite times is run, and not timed."""
    return lambda run: run()


class _Served(ChatModelIntegrationTests):
    url: ClassVar[str] = ""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def server(cls) -> Iterator[None]:
        """One server for all tests of a client."""
        models = ScriptedModels({"cooking": lambda _: ANSWER})
        with served(council(models)) as url:
            _Served.url = url
            yield

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @property
    def supports_image_inputs(self) -> bool:
        return False


class TestOpenAI(_Served):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "cooking",
            "base_url": f"{self.url}/v1",
            "api_key": "x",
            "default_headers": ONCE,
            # Of a server that is not OpenAI's own it asks for no usage by itself.
            "stream_usage": True,
        }


class TestOllama(_Served):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOllama

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "cooking", "base_url": self.url, "client_kwargs": {"headers": ONCE}}
