"""A council on several hosts, served."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from hosts import meeting
from kept_runs import card
from serving.asgi import caller

from metier import Council, Expert, Settings
from metier.serving import Access, ServingLimits, http_app
from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio


async def test_questions_of_two_callers_are_answered_on_two_hosts_at_once(tmp_path: Path) -> None:
    hosts = meeting(["small"], ["small"], together=2)  # neither answers before the other is asked
    council = Council.of(
        [Expert(card("general"))],
        settings=Settings(cache_dir=tmp_path),
        server=hosts,
        embedder=FixedEmbedder(),
    )
    served = http_app(council, access=Access(), limits=ServingLimits())
    texts: list[str] = []

    async def one(number: int) -> None:
        messages = [{"role": "user", "content": f"Is {number} even?"}]
        body = {"model": "general", "messages": messages}
        async with caller(served) as client:
            reply = await client.post("/v1/chat/completions", json=body)
        texts.append(reply.json()["choices"][0]["message"]["content"])

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for number in range(2):
                group.start_soon(one, number)
    assert texts == ["Yes.", "Yes."]
