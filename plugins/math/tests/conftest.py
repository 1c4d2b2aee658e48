from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from metier_math.calculator import Calculator


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def calculator(anyio_backend: str) -> AsyncIterator[Calculator]:
    opened = Calculator()
    yield opened
    await opened.aclose()
