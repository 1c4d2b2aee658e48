from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from metier_math.calculator import Calculator


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def calculator(anyio_backend: str) -> AsyncIterator[Calculator]:
    """One for all tests: its process takes a second to start, and comes back when killed."""
    opened = Calculator()
    yield opened
    await opened.aclose()
