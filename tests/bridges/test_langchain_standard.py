"""LangChain's own tests of chat models (`langchain-tests`), run against a council."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bridges.kitchen import council, models
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from metier.bridges.langchain import CouncilChatModel

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.bridge(package="langchain-core", direction="out"),
]


@pytest.fixture
def benchmark() -> Callable[[Callable[[], object]], object]:
    """What the suite times is run, and not timed."""
    return lambda run: run()


class _Council:
    """What the suite asks of an integration."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return CouncilChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        server = models(cooking=["Forty minutes."] * 10)
        return {"target": "cooking", "council": council(server)}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        """None: how models write is said by the experts' cards."""
        return {}


@pytest.mark.shows("the unit tests of `langchain-tests`")
class TestUnit(_Council, ChatModelUnitTests):
    pass


@pytest.mark.shows("the integration tests of `langchain-tests`, on scripted models")
class TestIntegration(_Council, ChatModelIntegrationTests):
    pass
