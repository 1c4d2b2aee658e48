"""Several real Ollamas on ports of their own, which read the weights of the shared one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ports import free_port
from world import KEPT

from metier import Settings
from metier.models import local
from metier.models.local import Started


@contextmanager
def started_hosts(models: Sequence[Sequence[str]], folder: Path) -> Iterator[list[str]]:
    """The addresses of one server for each group of models, which the shared server has fetched."""
    started: list[Started] = []
    addresses: list[str] = []
    try:
        for group in models:
            home = folder / str(len(started))
            _link(group, home / "models")
            host = f"http://127.0.0.1:{free_port()}"
            settings = Settings(host=host, cache_dir=KEPT, state_dir=home / "state")
            own = {"HOME": str(home), "OLLAMA_MODELS": str(home / "models"), "OLLAMA_NOPRUNE": "1"}
            started.append(local.start(settings, environment=os.environ | own, stays=False))
            addresses.append(host)
        yield addresses
    finally:
        for server in started:
            server.stop()


def _link(models: Sequence[str], folder: Path) -> None:
    """A folder of models that has these alone, without copying their weights."""
    kept = KEPT / "test-models"
    folder.mkdir(parents=True)
    (folder / "blobs").symlink_to(kept / "blobs")
    for model in models:
        name, _, tag = model.partition(":")
        manifest = Path("manifests/registry.ollama.ai/library") / name / (tag or "latest")
        (folder / manifest).parent.mkdir(parents=True)
        shutil.copy(kept / manifest, folder / manifest)
