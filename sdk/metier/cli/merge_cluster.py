"""`metier merge --cluster`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metier.cli.session import error_body, load_settings, run_async, show_error

if TYPE_CHECKING:
    from metier.merging.node_jobs import MergeJob
    from metier.merging.spreading import Spread


def merge_on_nodes(jobs: Sequence[MergeJob], address: str, *, as_json: bool) -> bool:
    """Run all merges on the nodes of a cluster, and report how each ended.

    Returns:
        Whether every result was made and kept.
    """
    from metier.cli.text import as_json as dumped
    from metier.merging.spreading import Spreading
    from metier.models.hosts.ray_server import RayServer

    settings = load_settings()
    server = RayServer(address, num_ctx=settings.num_ctx)
    spreading = Spreading(server, tell=_Lines())
    ended = run_async(partial(spreading.all, jobs), closing=server)
    for each in ended:
        _explain(each)
        if _kept(each) and not as_json:
            click.echo(each.name)
    if as_json:
        click.echo(dumped({"merges": [_body(each) for each in ended]}))
    return all(map(_kept, ended))


class _Lines:
    """Prints each new stage of each merge, with the node, on stderr."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def __call__(self, name: str, node: str, status: str) -> None:
        line = f"{name} on {node}: {status}"
        if self._said.get(name) != line:
            self._said[name] = line
            click.echo(line, err=True)


def _kept(ended: Spread) -> bool:
    return ended.report is not None and ended.report.kept


def _explain(ended: Spread) -> None:
    from metier.cli.merge_reports import merge_report

    click.echo(f"{ended.name} on {ended.node}:" if ended.node else f"{ended.name}:", err=True)
    if ended.report is not None:
        click.echo(merge_report(ended.report, file=Path(ended.file)), err=True)
    if ended.error is not None:
        show_error(ended.error)


def _body(ended: Spread) -> dict[str, Any]:
    report = ended.report.model_dump(mode="json", by_alias=True) if ended.report else None
    return {
        "name": ended.name,
        "node": ended.node,
        "kept": _kept(ended),
        "report": report,
        "error": error_body(ended.error) if ended.error else None,
    }
