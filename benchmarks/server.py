"""An Ollama for a benchmark: the one at OLLAMA_HOST, else one of its own that ends with it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio

from metier.experts.registry import Registry
from metier.experts.warming import Warming
from metier.models import local
from metier.settings import Settings

EMBED = "all-minilm"
HALF = "qwen2.5-coder:0.5b"
BIG = "qwen2.5-coder:1.5b"
SMALL = "smollm2:135m"
# With either, the servers that are compared would be one, or have the same number of slots.
_COMPARED = ("OLLAMA_HOST", "OLLAMA_NUM_PARALLEL")
_GET_MODELS = Path(__file__).parents[1] / "scripts" / "get-models"


def refuse_inherited() -> None:
    """End a benchmark that compares servers of its own, if the environment names one."""
    if given := [name for name in _COMPARED if name in os.environ]:
        sys.exit(f"this starts servers of its own; unset {' and '.join(given)}")


@contextmanager
def two_servers(models: Sequence[str], *, keeps: int) -> Iterator[tuple[str, str]]:
    """One with slots for prompts, whose address is in the environment, and one with one slot."""
    before = dict(os.environ)
    with serving(models) as plain:
        os.environ.clear()
        os.environ.update(before)
        with serving(models, keeps=keeps) as keeping:
            yield keeping, plain


@contextmanager
def serving(
    models: Sequence[str],
    *,
    slots: int = 1,
    keeps: int = 1,
    log: Path | None = None,
    most_loaded: int | None = None,
) -> Iterator[str]:
    """A server with these models, whose address is in the environment while it is used.

    Args:
        slots: how many requests it is to run side by side, where it is started here; one at
            OLLAMA_HOST is believed to.
        keeps: slots for prompts, if these are more.
        log: gets the log of a server that was started here.
        most_loaded: models that it holds at once.
    """
    kept = Settings.load(file=Path(os.devnull)).cache_dir
    with tempfile.TemporaryDirectory() as scratch:
        own = {
            "METIER_CONFIG": f"{scratch}/config.toml",
            "METIER_CACHE_DIR": f"{scratch}/cache",
            "METIER_STATE_DIR": scratch,
            "METIER_CONCURRENCY": str(slots),
        }
        before = dict(os.environ)
        started = None
        if "OLLAMA_HOST" not in os.environ:
            loaded = {} if most_loaded is None else {"OLLAMA_MAX_LOADED_MODELS": str(most_loaded)}
            started = _start(kept, Path(scratch), slots, keeps=keeps, variables=loaded)
        os.environ.update(own)
        host = Settings.load().host
        try:
            subprocess.run([sys.executable, _GET_MODELS, *models], check=True)
            yield host
        finally:
            os.environ.clear()
            os.environ.update(before)
            if started is not None:
                started.stop()
                if log is not None:
                    log.write_bytes(started.log.read_bytes())


def slots_wanted(models: Sequence[str]) -> int:
    """The slots that metier starts a server with that has these models."""
    with serving(models):
        settings = Settings.load()
        registry = Registry.from_installed(settings)
        return anyio.run(Warming.slots_for_experts, registry, settings)


def _start(
    kept: Path, scratch: Path, slots: int, *, keeps: int, variables: Mapping[str, str]
) -> local.Started:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(
        host=f"http://127.0.0.1:{port}", cache_dir=kept, state_dir=scratch, concurrency=slots
    )
    own = {"OLLAMA_MODELS": str(kept / "test-models"), **variables}
    environment = os.environ | own
    started = local.start(settings, environment=environment, stays=False, slots=keeps)
    os.environ["OLLAMA_HOST"] = settings.host
    return started
