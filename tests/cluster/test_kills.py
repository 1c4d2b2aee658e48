"""A node of a Ray cluster whose process is killed at any moment of a question."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from clusters import MODEL, World, add_node
from fake_ollama import FakeOllama, Machine, fake_ollama
from kills import SAID, WORD_S, asked, judge, moments
from ray.cluster_utils import Cluster

from metier.testing import FixedEmbedder

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def lasting(ray_cluster: Cluster) -> Iterator[World]:
    """Two hosts for all moments: Ray starts the one that was killed again."""
    world = World(ray_cluster)
    with ExitStack() as stack:
        for name in ("one", "two"):
            machine = Machine(word_s=WORD_S)
            served = fake_ollama(FixedEmbedder(), models=[MODEL], reply=SAID, machine=machine)
            ollama = stack.enter_context(served)
            ollama.loaded = [MODEL]
            world.start(name, ollama.host)
        yield world
        world.close()


@pytest.mark.parametrize("at", moments(30, in_make_test=1))
@pytest.mark.parametrize("strategy", ["vote", "single"])
async def test_a_question_outlives_a_node_that_is_killed(
    lasting: World, strategy: str, at: float, tmp_path: Path
) -> None:
    kill = partial(os.kill, lasting.pid("one"), signal.SIGKILL)
    judge(await asked(lasting.server(), strategy, kill, at=at, folder=tmp_path))


@pytest.mark.matrix
@pytest.mark.parametrize("at", [0.2, 0.8])
@pytest.mark.parametrize("strategy", ["vote", "single"])
async def test_a_question_outlives_a_machine_that_is_lost(
    ray_cluster: Cluster, ollamas: list[FakeOllama], strategy: str, at: float, tmp_path: Path
) -> None:
    lost = add_node(ray_cluster)
    world = World(ray_cluster)
    for ollama in ollamas:
        ollama.machine, ollama.reply, ollama.loaded = Machine(word_s=WORD_S), SAID, [MODEL]
    world.start("a-lost", ollamas[0].host, node_id=lost.node_id)
    world.start("kept", ollamas[1].host)
    kill = partial(ray_cluster.remove_node, lost, allow_graceful=False)
    judge(await asked(world.server(), strategy, kill, at=at, folder=tmp_path))
    world.close()
