"""A host of a pool that is killed at any moment of a question."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from kills import asked, judge, moments, ollama_process

from metier.models.hosts import Host, HostPool, Patience
from metier.models.ollama import OllamaServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("at", moments(30, in_make_test=3))
@pytest.mark.parametrize("strategy", ["vote", "single"])
async def test_a_question_outlives_a_host_that_is_killed(
    strategy: str, at: float, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(ollama_process()) for _ in range(2)]
        hosts = [
            Host(
                server=OllamaServer(address, num_ctx=4096),
                name=address,
                num_ctx=4096,
                patience=Patience(fresh_s=0.0),
            )
            for address, _ in processes
        ]
        kill = processes[0][1]
        judge(await asked(HostPool(hosts), strategy, kill, at=at, folder=tmp_path))
