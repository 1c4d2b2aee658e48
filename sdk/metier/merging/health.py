"""Merged models with their evaluations, and what a killed merge has left behind."""

from __future__ import annotations

from anyio import to_thread

from metier.council import Council
from metier.council.health import Check
from metier.errors import MetierError
from metier.experts.model_choice import full_name
from metier.merging.making import scratch_folder
from metier.merging.report import kept
from metier.settings import Settings


async def merge_checks(council: Council) -> list[Check]:
    """A check of each merged model that is installed, and of what is left to be deleted."""
    try:
        installed = {full_name(model.name) for model in await council.server.list()}
    except MetierError:  # the check of the server says so
        installed = set[str]()
    return await to_thread.run_sync(_checks, council.settings, installed)


def _checks(settings: Settings, installed: set[str]) -> list[Check]:
    found = [
        Check(name=f"merged model {report.model}", ok=True, detail=report.told)
        for report in kept(settings)
        if full_name(report.model) in installed
    ]
    if left := sorted(scratch_folder(settings).glob("*")):
        size = sum(file.stat().st_size for each in left for file in each.rglob("*"))
        detail = f"{size >> 20} MB of a merge that is running or was killed"
        fix = f"rm -r {left[0].parent}"
        found.append(Check(name="merging", ok=False, detail=detail, fix=fix))
    return found
