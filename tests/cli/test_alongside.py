"""What runs beside a command."""

from __future__ import annotations

import anyio
import pytest

from metier.cli.session import alongside
from metier.errors import InvalidInput, ModelServerUnreachable

pytestmark = pytest.mark.anyio


async def number() -> int:
    return 7


async def failing() -> None:
    raise ModelServerUnreachable("http://nowhere")


async def refused() -> None:
    raise InvalidInput("no question")


async def test_a_command_ends_what_runs_beside_it() -> None:
    with anyio.fail_after(5):
        assert await alongside(anyio.sleep_forever, number) == 7


async def test_an_error_beside_a_command_is_none_of_the_command() -> None:
    assert await alongside(failing, number) == 7


async def test_the_error_of_a_command_comes_as_it_is() -> None:
    with pytest.raises(InvalidInput, match="no question"):
        await alongside(anyio.sleep_forever, refused)
