"""A council of the installed experts and one that is not installed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from metier.cli.session import ensure_server
from metier.settings.files import private_folder

if TYPE_CHECKING:
    from metier.council import Council
    from metier.settings import Settings


def council_with(settings: Settings, path: Path) -> tuple[Council, tuple[str, ...]]:
    """A council of the installed experts and those at a path, and the latter's ids.

    Its index and learnt data have a folder of their own: nothing stored for the installed experts
    changes.

    Raises:
        InvalidInput, InvalidCard, PluginBroken: there is no expert at the path, or it is broken.
    """
    from metier.council import Council
    from metier.experts.registry import Registry

    registry = Registry.from_installed(settings)
    ids = registry.add_at(path)
    ensure_server(settings)
    own = settings.model_copy(update={"cache_dir": settings.cache_dir / "beside"})
    council = Council(registry, settings=own)
    _seed(Council(registry, settings=settings).planning.folder, council.planning.folder)
    return council, ids


def _seed(installed: Path, own: Path) -> None:
    """Copy the existing vectors, so that only the new card is embedded."""
    if own.exists() or not installed.is_dir():
        return
    try:
        private_folder(own.parent)
        shutil.copytree(installed, own)
    except OSError:
        shutil.rmtree(own, ignore_errors=True)  # half an index is useless
