"""Two real Ollamas on two ports, each with models of its own, as one server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_port
from world import EMBED, HALF, KEPT, SMALL

from metier import Card, Council, Expert, Plan, Settings
from metier.experts.card import Capability
from metier.models import local
from metier.models.local import Started
from metier.plan import Step

pytestmark = pytest.mark.anyio


@pytest.fixture
def hosts(ollama_host: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a server with the smallest models, and of one with a larger one.

    The shared server has fetched their weights; both read them where they are.
    """
    started: list[Started] = []
    addresses: list[str] = []
    try:
        for models in ((EMBED, SMALL), (HALF,)):
            home = tmp_path / str(len(started))
            _link(models, home / "models")
            host = f"http://127.0.0.1:{free_port()}"
            settings = Settings(host=host, cache_dir=KEPT, state_dir=home / "state")
            own = {"HOME": str(home), "OLLAMA_MODELS": str(home / "models"), "OLLAMA_NOPRUNE": "1"}
            started.append(local.start(settings, environment=os.environ | own, stays=False))
            addresses.append(host)
        yield addresses[0], addresses[1]
    finally:
        for server in started:
            server.stop()


def _link(models: tuple[str, ...], folder: Path) -> None:
    """A folder of models that has these alone, without copying their weights."""
    kept = KEPT / "test-models"
    folder.mkdir(parents=True)
    (folder / "blobs").symlink_to(kept / "blobs")
    for model in models:
        name, _, tag = model.partition(":")
        manifest = Path("manifests/registry.ollama.ai/library") / name / (tag or "latest")
        (folder / manifest).parent.mkdir(parents=True)
        shutil.copy(kept / manifest, folder / manifest)


def expert(name: str, model: str) -> Expert:
    capability = Capability(name="all", description=f"everything about {name}")
    return Expert(
        Card(id=name, description=name, models=(model,), max_tokens=20, capabilities=(capability,))
    )


async def test_a_question_of_two_parts_is_answered_by_each_model_where_it_is(
    hosts: tuple[str, str], tmp_path: Path
) -> None:
    settings = Settings(
        hosts=({"address": hosts[0]}, {"address": hosts[1]}), cache_dir=tmp_path / "cache"
    )
    experts = [expert("general", SMALL), expert("code", HALF)]
    plan = Plan(
        question="Name a colour, and write a line of Python.",
        steps=(
            Step(id="1", task="Name a colour.", expert="general"),
            Step(id="2", task="Write a line of Python.", expert="code"),
        ),
    )
    async with Council.of(experts, settings=settings) as council:
        listed = {model.name: model.hosts for model in await council.server.list()}
        vectors = await council.embedder.embed(["one text"])
        events = [event async for event in council.stream(plan)]
    places = [host.removeprefix("http://") for host in hosts]
    answered = {event.model: event.host for event in events if event.type == "call_done"}
    assert listed == {f"{EMBED}:latest": (places[0],), SMALL: (places[0],), HALF: (places[1],)}
    assert answered == {SMALL: places[0], HALF: places[1]}
    assert vectors.shape == (1, 384)
    assert events[-1].type == "answered"
    assert events[-1].answer.complete
