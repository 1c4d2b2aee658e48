"""Prompts that a real server keeps in its slots."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ports import free_port
from world import KEPT, SMALL

from metier import Message, Settings
from metier.models import local
from metier.models.ollama import OllamaServer
from metier.models.resident import ResidentPrompt, ResidentPrompts, slot_bytes

pytestmark = pytest.mark.anyio
PROMPTS = [
    ResidentPrompt(
        model=SMALL,
        messages=(Message(role="system", content=f"{name} likes {name} most of all. " * 60),),
    )
    for name in ("Ann", "Ben", "Cy")
]


@pytest.fixture(params=[1, 3])
async def server(
    request: pytest.FixtureRequest, ollama_settings: Settings, tmp_path: Path
) -> AsyncIterator[tuple[int, OllamaServer]]:
    """A server of its own with so many slots, on the models of the tests."""
    settings = ollama_settings.model_copy(
        update={
            "host": f"http://127.0.0.1:{free_port()}",
            "state_dir": tmp_path,
            "cache_dir": KEPT,
        }
    )
    own = {
        "HOME": str(tmp_path),
        "OLLAMA_MODELS": str(KEPT / "test-models"),
        "OLLAMA_NOPRUNE": "1",
        "OLLAMA_NUM_PARALLEL": str(request.param),
    }
    started = local.start(settings, environment=os.environ | own, stays=False)
    made = OllamaServer.from_settings(settings)
    await made.load(SMALL)
    yield request.param, made
    await made.aclose()
    started.stop()


async def test_a_server_with_a_slot_for_each_prompt_keeps_them(
    server: tuple[int, OllamaServer],
) -> None:
    slots, made = server
    assert await ResidentPrompts(made.chat).fill(PROMPTS) is (slots > 1)


async def test_the_metadata_of_a_model_tells_the_size_of_a_slot(ollama_settings: Settings) -> None:
    made = OllamaServer.from_settings(ollama_settings)
    details = await made.show(SMALL)
    await made.aclose()
    # 30 blocks, 3 heads of 64 numbers for keys and for values, 2 bytes each.
    assert slot_bytes(details, 4096) == 4096 * 30 * 3 * (64 + 64) * 2
