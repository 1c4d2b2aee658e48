"""`metier index`."""

from __future__ import annotations

from functools import partial

import click

from metier.cli.session import errors_for_people, load_settings, open_council, run_async


@click.group(epilog="Example: metier index build")
def index() -> None:
    """Manage the index of the experts' capabilities."""


@index.command(epilog="Example: metier index build")
def build() -> None:
    """Rebuild the index."""
    with errors_for_people():
        council = open_council(load_settings(), only_embeds=True)
        built = run_async(partial(council.planning.index, fresh=True), closing=council)
        click.echo(f"{len(built)} vectors in {council.planning.folder}", err=True)


@index.command(epilog="Example: metier index status --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(*, as_json: bool) -> None:
    """Check whether the saved index is up to date.

    Asking a question updates it automatically.
    """
    with errors_for_people(as_json=as_json):
        from metier.cli.text import as_json as dumped
        from metier.council import Council
        from metier.council.health.experts import current_state

        council = Council.from_installed(load_settings())
        found = run_async(partial(current_state, council), closing=council)
        if as_json:
            click.echo(dumped(found))
            return
        for key, value in found.items():
            click.echo(f"{key}: {value}")
