"""What of this machine is in the way: sandboxes, folders, a proxy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from metier.council.health.check import Check
from metier.models import local
from metier.sandbox import Sandboxes
from metier.settings import Settings, config_file


def machine_checks(settings: Settings) -> list[Check]:
    """The folders that metier writes, and the proxy of other programs."""
    return [*_folders(settings), *_proxy(settings)]


async def sandbox_check() -> Check:
    """The sandboxes that work: each has just run a program."""
    if works := await Sandboxes().installed():
        return Check(name="sandbox", ok=True, detail=", ".join(each.name for each in works))
    detail = "none works here: code is returned without being run"
    return Check(name="sandbox", ok=True, detail=detail, fix="pip install 'metier[sandbox]'")


def _folders(settings: Settings) -> Iterator[Check]:
    for name, folder in (
        ("cache", settings.cache_dir),
        ("state", settings.state_dir),
        ("config", config_file().parent),
    ):
        existing = _existing(folder)
        ok = existing.is_dir() and os.access(existing, os.W_OK)
        mend = "chmod u+w" if existing.is_dir() else "in the way:"
        fix = "" if ok else f"{mend} {existing}"
        detail = f"{folder} {'can' if ok else 'cannot'} be written"
        yield Check(name=f"{name} folder", ok=ok, detail=detail, fix=fix)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _proxy(settings: Settings) -> Iterator[Check]:
    """metier itself bypasses a proxy for this machine; other Ollama programs may not."""
    named = [name for name in ("http_proxy", "HTTP_PROXY", "all_proxy") if os.environ.get(name)]
    if named and local.is_local(settings.host):
        detail = f"{named[0]} is set; metier does not use it for {settings.host}"
        yield Check(name="proxy", ok=True, detail=detail)
