from __future__ import annotations

from collections.abc import AsyncIterator

import hypothesis
import pytest

from metier_math.calculator import Calculator

# A busy machine is no reason to fail.
hypothesis.settings.register_profile("metier-math", deadline=None)
hypothesis.settings.load_profile("metier-math")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def calculator(anyio_backend: str) -> AsyncIterator[Calculator]:
    """One for a module's tests: its process takes a second to start, and comes back when killed.

    With it stays its event loop, beside which no test of another module could start one.
    """
    opened = Calculator()
    yield opened
    await opened.aclose()
